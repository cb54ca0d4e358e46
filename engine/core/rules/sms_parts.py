"""The number of SMS parts that a text takes, which decides its cost.

Called by `steps/send.py` for each SMS, and by the linter. Sources: 3GPP TS 23.038 section 6.2.1 (the GSM 7-bit alphabet and its
extension) and TS 23.040 section 9.2.3.24.1 (each part of a long message carries a header of 6 octets). A text in the alphabet
takes 160 septets in one part, or 153 in each of several. If one character is not in the alphabet, the text takes 70 UTF-16 units
in one part, or 67 in each of several.
"""

from typing import Final, Literal

import msgspec

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"
"""The characters that take two septets each: an escape and the character."""

ALPHABET: Final = BASIC.union(EXTENSION)

_ALONE: Final = {"gsm7": 160, "ucs2": 70}
_A_PART: Final = {"gsm7": 153, "ucs2": 67}


class Parts(msgspec.Struct, frozen=True):
    """The number of parts of a text, and its units without headers (septets of GSM 7-bit or UTF-16 units of UCS-2)."""

    count: int
    encoding: Literal["gsm7", "ucs2"]
    units: int


def parts(text: str) -> Parts:
    """Return the parts of a text; an empty text is sent as one part.

    A character of two units is never divided between parts. A long emoji of several characters may be divided: phones join the
    parts before they show them.
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
    """Return the number of parts when no character of two units may be divided between parts."""
    count, room = 1, size
    for character in text:
        needs = 1 + (character > "\uffff" if encoding == "ucs2" else character in EXTENSION)
        if needs > room:
            count, room = count + 1, size
        room -= needs
    return count
