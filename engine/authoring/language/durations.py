"""Durations in YAML files: a whole number followed by `s`, `m`, `h`, `d` or `w`, such as `45m`.

Used by `fields.py` and `times.py` for every duration in a file, and by the simulation of receipts. Calendars play no role
here: `d` always means 24 hours.
"""

import re
from typing import Annotated, Final

import pydantic
from pydantic_core import PydanticCustomError

PATTERN: Final = r"^[0-9]{1,9}[smhdw]$"

UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
"""The length of each unit in milliseconds."""

LONGEST: Final = 3_650 * UNITS["d"]
"""The longest duration that a file may have: ten years, in milliseconds.

An event's time is before the year 9001. With this limit, the end of a journey's waits is still a date that Python can
represent.
"""

_DURATION: Final = re.compile(PATTERN, re.ASCII)
_ENDLESS: Final = re.compile(r"0*[1-9][0-9]{9,}[smhdw]", re.ASCII)
"""A duration whose number has ten or more digits without leading zeros: in every unit, it is longer than ten years."""


class TooLong(ValueError):
    """This is too long: a duration is at most ten years (3650d)"""  # noqa: D400 - the sentence of a finding, which ends without a full stop

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def parse(text: object) -> int:
    """Return the milliseconds of a duration such as `45m` or `3d`.

    Raises `TooLong` if the duration is longer than ten years. Raises ValueError, with a sentence for the author, if the value
    is not the text of a duration.
    """
    if isinstance(text, str) and _ENDLESS.fullmatch(text):
        raise TooLong
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError("A duration is a whole number and s, m, h, d or w, like 45m")
    milliseconds = int(text[:-1]) * UNITS[text[-1]]
    if milliseconds > LONGEST:
        raise TooLong
    return milliseconds


def _field(value: object) -> int:
    try:
        return parse(value)
    except ValueError as exc:
        raise PydanticCustomError("duration", "{why}", {"why": str(exc)}) from None


Duration = Annotated[
    int,
    pydantic.BeforeValidator(_field),
    pydantic.WithJsonSchema({"$comment": "duration", "type": "string", "pattern": PATTERN, "examples": ["45m", "3d"]}),
]
"""The type of a field that is written as text, such as `45m`, and stored in milliseconds."""
