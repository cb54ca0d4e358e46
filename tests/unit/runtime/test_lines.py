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


@pytest.mark.parametrize(
    "number", ["18446744073709551616", "-9223372036854775809", "12345678901234567890123", "0.1", "1e16", "-0.0"]
)
def test_a_number_is_the_same_in_a_line_as_for_the_worker(number: str) -> None:
    """A replay of the log reads each number as the worker read it in the record, also past 64 bits."""
    value = json.dumps({**EVENT, "data": {"n": 0}}).encode().replace(b'"n": 0', f'"n": {number}'.encode())
    record: Any = SimpleNamespace(value=value, key=b"ayu", partition=3, offset=17, timestamp=1_764_000_000_000)
    of_the_worker, of_the_line = inputs.decode(value).event.data, inputs.decode(history.line(record, {})).event.data
    assert repr(of_the_line) == repr(of_the_worker)
    assert repr(inputs.decode(history._keyed(value)[1]).event.data) == repr(of_the_worker)


@pytest.mark.parametrize(
    "value", [b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":NaN}', b'{"a":1e400}', b"[" * 5000, b'{"a":' * 5000, b"{"]
)
def test_bytes_that_are_no_json_are_passed_on_as_they_are(value: bytes) -> None:
    """A replay counts them, and an import writes them without a key, for the worker to put aside."""
    record: Any = SimpleNamespace(value=value, key=b"ayu", partition=3, offset=17, timestamp=1_764_000_000_000)
    assert history.line(record, {}) == value
    assert history._keyed(value) == (None, value, False)
