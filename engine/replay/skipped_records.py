"""Asides: the records that a replay skips, and that a worker would put into the dead letters.

Called by the summary, which names the first aside of each reason, and by the explainer. This file only reads the fields in which
a line describes itself; the replayer gives the reason why the line was not taken.
"""

from typing import Any, Final

import msgspec


class Aside(msgspec.Struct, frozen=True):
    """One record that was put aside: its place, and the reason in a sentence.

    `line` counts from 1; it is 0 if the clock ran on after the last line. `partition` and `offset` are the place on the log, if
    the line names them.
    """

    line: int
    why: str
    partition: int | None = None
    offset: int | None = None
    file: str = ""

    def told(self) -> dict[str, Any]:
        """Return the place and the sentence as JSON; the place is a `line` with its `file`, or a `record` if there is no file."""
        place: dict[str, Any] = {"file": self.file, "line": self.line} if self.file else {"record": self.line}
        known = {**(place if self.line else {}), "partition": self.partition, "offset": self.offset, "why": self.why}
        return {name: value for name, value in known.items() if value is not None}


class Line(msgspec.Struct):
    """The fields in which a line describes itself, unchecked; all are None if the line is not a JSON object."""

    subject: Any = None
    type: Any = None
    id: Any = None
    time: Any = None
    recordedtime: Any = None
    kafkakey: Any = None
    kafkapartition: Any = None
    kafkaoffset: Any = None


_decoder: Final = msgspec.json.Decoder(Line)


def said(line: bytes) -> Line:
    """Return the fields in which the line describes itself."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line()


def read(number: int, line: bytes, why: str) -> Aside:
    """Return the aside for the line with this number."""
    found = said(line)
    return Aside(number, why, _whole(found.kafkapartition), _whole(found.kafkaoffset))


def _whole(told: object) -> int | None:
    """Return a whole number, which may travel as text (CloudEvents 1.0 section 1.2); None for anything else."""
    text = str(told)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None
