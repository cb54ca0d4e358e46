"""Skipped records: records that a replay does not decide, and that a worker would write to the dead letters.

Called by the summary, which shows the first skipped record of each reason, and by the explainer. This file reads the fields of a
line that say what record it is; the replayer passes the reason.
"""

from typing import Any, Final

import msgspec


class Aside(msgspec.Struct, frozen=True):
    """One skipped record: its position, and the reason in a sentence.

    `line` counts from 1; it is 0 for an input after the last line. `partition` and `offset` are its position in Kafka, if the
    line has them.
    """

    line: int
    why: str
    partition: int | None = None
    offset: int | None = None
    file: str = ""

    def told(self) -> dict[str, Any]:
        """Return the position and the sentence as JSON: a `line` with its `file`, or a `record` if there is no file."""
        place: dict[str, Any] = {"file": self.file, "line": self.line} if self.file else {"record": self.line}
        known = {**(place if self.line else {}), "partition": self.partition, "offset": self.offset, "why": self.why}
        return {name: value for name, value in known.items() if value is not None}


class Line(msgspec.Struct):
    """The fields of a line that identify its record, unchecked; all are None if the line is not a JSON object."""

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
    """Return the fields of the line that identify its record."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line()


def read(number: int, line: bytes, why: str) -> Aside:
    """Return the skipped record for the line with this number."""
    found = said(line)
    return Aside(number, why, _whole(found.kafkapartition), _whole(found.kafkaoffset))


def _whole(told: object) -> int | None:
    """Return a whole number, which may be a text (CloudEvents 1.0 section 1.2); None for anything else."""
    text = str(told)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None
