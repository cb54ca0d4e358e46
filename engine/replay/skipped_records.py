"""The records that a replay skips because a worker would write them to the dead letters.

Called by the summary, which keeps the first skipped record of each reason, and by the explainer. This file only reads the
fields with which a line identifies its event. The replayer decides that a line is skipped, and why.
"""

from typing import Any, Final

import msgspec


class Aside(msgspec.Struct, frozen=True):
    """One skipped record: its position, and a sentence with the reason.

    `line` counts from 1. It is 0 if the input was not a line, but a timer or a simulated receipt after the last line.
    `partition` and `offset` are the record's position in Kafka, None if the line does not name them. `file` is empty if the
    history is not a file.
    """

    line: int
    why: str
    partition: int | None = None
    offset: int | None = None
    file: str = ""

    def told(self) -> dict[str, Any]:
        """Return the position and the sentence as a dictionary for JSON, without the fields that are not known.

        Example: `{"file": "events.jsonl", "line": 17, "why": "…"}`. A history that is not a file has `record` instead of both
        `file` and `line`.
        """
        place: dict[str, Any] = {"file": self.file, "line": self.line} if self.file else {"record": self.line}
        known = {**(place if self.line else {}), "partition": self.partition, "offset": self.offset, "why": self.why}
        return {name: value for name, value in known.items() if value is not None}


class Line(msgspec.Struct):
    """The fields with which a line identifies its event, not validated; all are None if the line is not a JSON object."""

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
    """Return the fields with which a line identifies its event; the line may be invalid."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line()


def read(number: int, line: bytes, why: str) -> Aside:
    """Return the `Aside` of a line; `number` is the line's number in the history, and `why` is the sentence with the reason."""
    found = said(line)
    return Aside(number, why, _whole(found.kafkapartition), _whole(found.kafkaoffset))


def _whole(told: object) -> int | None:
    """Return the whole number in a field of a CloudEvent, None if the field holds anything else.

    The number may be written as text, such as `"118"` (CloudEvents 1.0 section 1.2).
    """
    text = str(told)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None
