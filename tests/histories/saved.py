"""Saved histories: events, the bundle that was live, and the decisions that they gave, one directory for each example journey.

Called by `test_histories.py`, which holds today's code against them, and by `record.py`, which makes a new one. The clock is in the
history: its last line is a `timer.due` for everybody.
"""

import gzip
import pathlib
import tempfile

import msgspec

from engine.core.model import decisions, definition
from engine.replay import histories, outputs, replayer

HERE = pathlib.Path(__file__).parent
EVENTS, BUNDLE, DECISIONS = "events.jsonl.gz", "bundle.json.gz", "decisions.jsonl.gz"


def names() -> list[str]:
    """The histories that there are."""
    return sorted(path.parent.name for path in HERE.glob(f"*/{EVENTS}"))


def bundle(name: str) -> definition.Bundle:
    return msgspec.json.decode(gzip.decompress((HERE / name / BUNDLE).read_bytes()), type=definition.Bundle)


def recorded(name: str) -> list[bytes]:
    """The decisions as they were recorded."""
    return gzip.decompress((HERE / name / DECISIONS).read_bytes()).splitlines()


def decided(name: str) -> list[bytes]:
    """The decisions that today's code gives."""
    with tempfile.TemporaryDirectory() as temporary:
        target = pathlib.Path(temporary) / "decisions.jsonl"
        options = replayer.Options(drain=False)
        outputs.replay(bundle(name), histories.FileHistory(HERE / name / EVENTS), options, {"decisions": target})
        return target.read_bytes().splitlines()


def difference(before: list[bytes], after: list[bytes]) -> str:
    """The first decision that is another, with its position, its customer and both values; empty if there is none."""
    for position in range(max(len(before), len(after))):
        one, other = (lines[position] if position < len(lines) else b"" for lines in (before, after))
        if one != other:
            told = decisions.decode(one or other)
            who = f"decision {position + 1}, of {told.customer} in {told.journey or 'no journey'} at {told.at.isoformat()}"
            values = ((one or b"nothing").decode(), (other or b"nothing").decode())
            return f"{who}:\n  recorded {values[0]}\n  today    {values[1]}"
    return ""
