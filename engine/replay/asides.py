"""Asides: records that a replay passes over, as a worker puts them into the dead letters. Where the first of a reason stands.

Called by the summary and the explainer. It reads what a line says of itself; why it was not taken is the replayer's to say.
"""

from typing import Any, Final

import msgspec


class Aside(msgspec.Struct, frozen=True):
    """One record that was put aside: the number of its line, from 1, or 0 where it came of no line; and why, in a sentence.

    `partition` and `offset` are where it stands on the log, as far as the line tells.
    """

    line: int
    why: str
    partition: int | None = None
    offset: int | None = None
    file: str = ""

    def told(self) -> dict[str, Any]:
        """Its place and its sentence as JSON: the `line` of a file, the `record` of what is none."""
        place: dict[str, Any] = {"file": self.file, "line": self.line} if self.file else {"record": self.line}
        known = {**(place if self.line else {}), "partition": self.partition, "offset": self.offset, "why": self.why}
        return {name: value for name, value in known.items() if value is not None}


class Line(msgspec.Struct):
    """What a line says of itself, whatever else is wrong with it; nothing is certain of it. All None: it is no object."""

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
    """What the line says of itself."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Line()


def read(number: int, line: bytes, why: str) -> Aside:
    """What can be said of the line of this number."""
    found = said(line)
    return Aside(number, why, _whole(found.kafkapartition), _whole(found.kafkaoffset))


def _whole(told: object) -> int | None:
    """A number, which may travel as text (CloudEvents 1.0 section 1.2)."""
    text = str(told)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None
