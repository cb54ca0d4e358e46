"""A record of the log as a line of a file, and back."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from engine.core import errors
from engine.core.model import inputs
from engine.runtime.kafka import history

EVENT = {"specversion": "1.0", "id": "1", "source": "t", "type": "go", "subject": "ayu", "time": "2026-11-25T10:00:00Z"}


def exported(key: bytes | None, **more: Any) -> bytes:
    value = json.dumps({**EVENT, **more}).encode()
    record: Any = SimpleNamespace(value=value, key=key, partition=3, offset=17, timestamp=1_764_000_000_000)
    return history.line(record, {})


@pytest.mark.parametrize("key", [b"budi", None, b"\xff"])
def test_a_record_that_was_put_aside_for_its_key_is_refused_as_a_line_too(key: bytes | None) -> None:
    """A replay of the log puts aside what the worker put aside for its key; imported again, the record has that key again."""
    line = exported(key)
    with pytest.raises(errors.KeyIsNotSubject):
        inputs.decode(line)
    again, _, everywhere = history._keyed(line)
    assert (again != b"ayu", everywhere) == (True, False)


def test_a_line_of_a_good_record_says_nothing_of_its_key() -> None:
    """A customer's own record comes back as it was, even where its producer wrote `kafkakey` into it."""
    for given in ({}, {"kafkakey": "budi"}, {"kafkakey": 5}):
        line = exported(b"ayu", **given)
        assert inputs.decode(line).event.subject == "ayu"
        assert "kafkakey" not in json.loads(line)
        assert history._keyed(line)[0] == b"ayu"
