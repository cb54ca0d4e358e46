"""Parts of an SMS, judged by a slow count."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.rules import sms_parts


def slow(text: str) -> tuple[str, int, int]:
    """One character after the other, into one part, else into parts of the smaller size."""
    gsm = all(character in sms_parts.ALPHABET for character in text)
    sizes = [2 if (character in "\f^{}\\[~]|€" if gsm else len(character.encode("utf-16-le")) == 4) else 1 for character in text]
    alone, size = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= alone:
        return ("gsm7" if gsm else "ucs2", sum(sizes), 1)
    filled = [0]
    for each in sizes:
        if filled[-1] + each > size:
            filled.append(0)
        filled[-1] += each
    return ("gsm7" if gsm else "ucs2", sum(sizes), len(filled))


PIECES = st.one_of(
    st.text(st.sampled_from("ab €{}~😀你“é\n"), max_size=12),
    st.builds(str.__mul__, st.sampled_from("a€😀“"), st.integers(60, 170)),
)


@given(st.lists(PIECES, max_size=6).map("".join))
def test_parts_are_those_of_a_slow_count(text: str) -> None:
    """160 or 153 septets, 70 or 67 UTF-16 units; what takes two units stays in one part (TS 23.038, TS 23.040)."""
    found = sms_parts.parts(text)
    assert (found.encoding, found.units, found.count) == slow(text)


@given(st.text(max_size=400), st.text(max_size=40))
def test_more_text_never_takes_fewer_parts(text: str, more: str) -> None:
    """Whatever is appended, the price does not fall."""
    assert sms_parts.parts(text + more).count >= sms_parts.parts(text).count
