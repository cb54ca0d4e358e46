"""SMS segments: which characters make an SMS expensive.

Called by the linter. Source: 3GPP TS 23.038 section 6.2.1 (GSM 7-bit default alphabet and its extension): 160
characters fit into one SMS in it, 70 as soon as one character is not in it.
"""

import re
from typing import Final

ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà\f^{}\\[~]|€"
)
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_FEW: Final = 3


def plain(text: str) -> str:
    """What is written in a Liquid text, without its placeholders."""
    return _MARKUP.sub("", text)


def costly(text: str) -> tuple[int, str] | None:
    """The first of at most three characters that alone push a text over one SMS, with its offset; None if none does.

    What the placeholders become is not known, so only what is written counts. A text in another script is meant.
    """
    written = _MARKUP.sub(lambda markup: "\n" * len(markup.group()), text)
    outside = [(offset, character) for offset, character in enumerate(written) if character not in ALPHABET]
    return outside[0] if 0 < len(outside) <= _FEW and 70 < len(plain(text)) <= 160 else None
