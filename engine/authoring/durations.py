"""Durations of the language: a whole number and one of s, m, h, d, w (`45m`, `3d`)."""

import re
from typing import Annotated, Final

import pydantic

_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST: Final = 3650 * 86_400_000


def milliseconds(text: object) -> int:
    """The duration in ms; ValueError with a sentence if it is none, or longer than ten years."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a duration is a whole number and s, m, h, d or w, such as 45m or 3d")
    length = int(match[1]) * _UNITS[match[2]]
    if length > _LONGEST:
        raise ValueError("a duration is at most ten years")
    return length


Duration = Annotated[int, pydantic.BeforeValidator(milliseconds)]
"""A pydantic field type: written as `45m`, held as ms."""
