"""SMS: how many parts a text takes, which is what it costs.

Called by `steps/send.py` for each SMS, and by the linter. Source: 3GPP TS 23.038 section 6.2.1 (the GSM 7-bit alphabet
and its extension) and TS 23.040 section 9.2.3.24.1 (parts of a long message carry a header of 6 octets): 160 septets alone
or 153 a part; as soon as one character is not in the alphabet, 70 UTF-16 units alone or 67 a part.
"""

from typing import Final, Literal

import msgspec

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"
"""Each of them takes an escape and itself: two septets."""

ALPHABET: Final = BASIC.union(EXTENSION)

_ALONE: Final = {"gsm7": 160, "ucs2": 70}
_A_PART: Final = {"gsm7": 153, "ucs2": 67}


class Parts(msgspec.Struct, frozen=True):
    """What a text takes: parts, and units (septets of GSM 7-bit, or UTF-16 units of UCS-2) without headers."""

    count: int
    encoding: Literal["gsm7", "ucs2"]
    units: int


def parts(text: str) -> Parts:
    """The parts of a text; an empty one is sent as one. What takes two units is never divided between parts.

    A long emoji of several characters may be: phones put the parts together before they show them.
    """
    encoding: Literal["gsm7", "ucs2"] = "gsm7"
    if BASIC.issuperset(text):
        units, double = len(text), False
    elif ALPHABET.issuperset(text):
        units, double = len(text) + sum(map(text.count, EXTENSION)), True
    else:
        encoding = "ucs2"
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2
        double = units > len(text)
    if units <= _ALONE[encoding]:
        return Parts(1, encoding, units)
    size = _A_PART[encoding]
    return Parts(_filled(text, encoding, size) if double else -(-units // size), encoding, units)


def _filled(text: str, encoding: str, size: int) -> int:
    """The parts when each character of two units must stand in one of them."""
    count, room = 1, size
    for character in text:
        needs = 1 + (character > "\uffff" if encoding == "ucs2" else character in EXTENSION)
        if needs > room:
            count, room = count + 1, size
        room -= needs
    return count
