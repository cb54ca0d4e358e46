from hypothesis import given
from hypothesis import strategies as st

from engine.authoring.lint import unfilled_fields

NAMES = st.text("abcD_-1s", min_size=1, max_size=12)


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and what one letter added, lost, changed or swapped makes of it."""
    name = draw(NAMES)
    at, letter = draw(st.integers(0, len(name))), draw(st.sampled_from("abcD_-1s"))
    before, after = name[:at], name[at:]
    return name, draw(
        st.sampled_from(
            [before + letter + after, before + after[1:], before + letter + after[1:], before + after[1::-1] + after[2:]]
        )
    )


@given(slips() | st.tuples(NAMES, NAMES))
def test_names_that_are_near_are_compared(names: tuple[str, str]) -> None:
    """Only names that share a slip are compared, and of those that are near to each other none is missed."""
    one, other = names
    assert not unfilled_fields.near(one, other) or unfilled_fields._slips(one) & unfilled_fields._slips(other)
