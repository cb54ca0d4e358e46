"""Inputs: what the log takes, and the reason for everything that it does not (docs/semantics.md#bad-input)."""

import json
from typing import Any

import pytest

from engine.core import errors
from engine.core.model import inputs
from tests.unit.core import story

EVENT = {"specversion": "1.0", "id": "e1", "source": "t", "type": "go", "subject": "ayu", "time": "2026-11-22T10:00:00Z"}


def line(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in {**EVENT, **changes}.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no_value"),
        (b"", "not_json"),
        (b"{", "not_json"),
        (line(data=0).replace(b" 0", b"[" * 100_000), "not_json"),
        (b"\xff\xfe", "not_json"),
        (line(data="x").replace(b'"x"', b'"\xff"'), "not_json"),
        (line(data="x").replace(b'"x"', b'"\\ud800"'), "not_json"),
        (b"[]", "not_a_cloudevent"),
        (line(specversion="0.3"), "not_a_cloudevent"),
        (line(id=...), "not_a_cloudevent"),
        (line(type=""), "not_a_cloudevent"),
        (line(kafkaoffset="x"), "not_a_cloudevent"),
        (line(subject=...), "no_subject"),
        (line(subject=""), "no_subject"),
        (line(time="yesterday"), "not_a_time"),
        (line(time="2026-11-22T10:00:00"), "not_a_time"),
        (line(time="2026-02-30T10:00:00Z"), "not_a_time"),
        (line(time="0001-01-01T00:00:00+14:00"), "not_a_time"),
        (line(time="9999-12-31T23:59:59Z"), "not_a_time"),
        (line(time=...), "not_a_time"),
        (line(data="x" * 2_000_000), "too_large"),
        (line(type="customer.identified"), "bad_data"),
        (line(type="customer.identified", data={"traits": []}), "bad_data"),
        (line(type="consent.granted", data={"purpose": "fun"}), "bad_data"),
        (line(type="message.read", data={}), "bad_data"),
        (line(type="timer.due", data={"customers": "ayu"}), "bad_data"),
        (line(type="timer.due", data={"customers": [1]}), "bad_data"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    """Bad input has a reason, by which it is counted and put aside."""
    with pytest.raises(errors.Malformed) as caught:
        inputs.decode(value)
    assert caught.value.reason == reason
    assert caught.value.code in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            line(type="consent.granted", data={"purpose": "fun"}),
            "consent.granted names the purpose 'fun'; there are marketing, transactional, support, authentication.",
        ),
        (
            line(time="2026-11-23T10:00:00"),
            "'2026-11-23T10:00:00' is not an RFC 3339 time: its zone is missing, Z or one like +07:00.",
        ),
        (line(time="yesterday"), "'yesterday' is not an RFC 3339 time."),
        (line(time="23 Nov 2026 10:00:00+07:00"), "'23 Nov 2026 10:00:00+07:00' is not an RFC 3339 time."),
    ],
)
def test_what_is_wrong_is_a_sentence(value: bytes, told: str) -> None:
    """The purposes are listed as words; of a time that lacks only its zone, this is said."""
    with pytest.raises(errors.Malformed) as caught:
        inputs.decode(value)
    assert caught.value.args[0] == told


def test_a_key_that_is_not_the_subject_is_refused() -> None:
    """A record whose key is not its subject may stand in another customer's partition."""
    with pytest.raises(errors.KeyIsNotSubject):
        inputs.decode(line(), key=b"budi")
    assert inputs.decode(line(), key=b"ayu").event.subject == "ayu"


def test_a_line_tells_of_a_key_that_was_not_the_subject() -> None:
    """A line of the log with `kafkakey`, empty where the record had none, is refused as the record was; on the log the record's
    own key counts, whatever its producer wrote.
    """
    for key in ("budi", ""):
        with pytest.raises(errors.KeyIsNotSubject):
            inputs.decode(line(kafkakey=key))
    for given in ("budi", 5, None):
        assert inputs.decode(line(kafkakey=given), key=b"ayu").event.subject == "ayu"


def test_only_the_engines_own_types_may_lack_a_subject() -> None:
    """Only `timer.due`, `journey.command` and `bundle.activated` may lack a subject."""
    for type_ in ("timer.due", "journey.command", "bundle.activated"):
        assert inputs.decode(line(type=type_, subject=..., data={"command": "stop"})).event.subject == ""


def test_the_recorded_time_of_an_event_is_believed_where_it_may_be() -> None:
    """An event's own `recordedtime` is believed only in files and under the stream clock; else the record's timestamp counts."""
    recorded, logged = "2026-11-22T11:00:00Z", story.at("12:00")
    logged_ms = int(logged.timestamp() * 1000)
    assert inputs.decode(line(recordedtime=recorded), logged=logged_ms).event.recorded == story.at("11:00")
    assert inputs.decode(line(recordedtime=recorded), logged=logged_ms, trust_recorded=False).event.recorded == logged
    assert inputs.decode(line()).event.recorded == story.at("10:00")


def test_a_missing_time_is_the_recorded_time() -> None:
    """A missing `time` is the recorded time."""
    assert inputs.decode(line(time=...), logged=int(story.at("12:00").timestamp() * 1000)).event.time == story.at("12:00")


def test_the_place_in_the_log_comes_along() -> None:
    """A history exported from Kafka carries partition and offset, as numbers or as texts."""
    record = inputs.decode(line(kafkapartition=3, kafkaoffset="17"))
    assert (record.partition, record.offset) == (3, 17)


@pytest.mark.parametrize("channel", [["whatsapp"], {"name": "whatsapp"}, 1, True, "WhatsApp", "wa", "all", "*", ""])
def test_a_consent_for_something_else_than_a_channel_is_no_consent_for_all(channel: object) -> None:
    """A grant with a channel allows that channel only: what is no channel is bad data, never a grant for every channel."""
    told = {"specversion": "1.0", "id": "1", "source": "t", "subject": "a", "time": "2026-11-22T10:00:00Z"}
    data = {"purpose": "marketing", "channel": channel}
    for type_ in ("consent.granted", "consent.withdrawn"):
        with pytest.raises(errors.BadData, match=r"data\.channel"):
            inputs.decode(json.dumps({**told, "type": type_, "data": data}).encode())
