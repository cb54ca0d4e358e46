"""The number of SMS parts that a text takes; each part has a price.

Called by `steps/send.py` for each SMS, and by the linter. If all characters of a text are in the GSM 7-bit alphabet, a single
part has 160 septets (units of 7 bits), and each of several parts has 153. If one character is not in this alphabet, a single part
has 70 UTF-16 units, and each of several parts has 67.

Sources: 3GPP TS 23.038 section 6.2.1 (the GSM 7-bit alphabet and its extension) and TS 23.040 section 9.2.3.24.1 (each part of a
long message has a header of 6 octets).
"""

from typing import Final, Literal

import msgspec

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final = "\f^{}\\[~]|€"
"""The characters of the alphabet's extension; each takes two septets, an escape and the character."""

ALPHABET: Final = BASIC.union(EXTENSION)

_ALONE: Final = {"gsm7": 160, "ucs2": 70}
_A_PART: Final = {"gsm7": 153, "ucs2": 67}


class Parts(msgspec.Struct, frozen=True):
    """The number of SMS parts of a text (`count`), its encoding, and its length in units without headers.

    The units are septets for `gsm7` and UTF-16 units for `ucs2`.
    """

    count: int
    encoding: Literal["gsm7", "ucs2"]
    units: int


def parts(text: str) -> Parts:
    """Return the number of SMS parts of a text, with its encoding and length; an empty text takes one part.

    A character of two units is never divided between two parts. An emoji of several characters may be divided, because phones
    join all parts before they show the text.
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
