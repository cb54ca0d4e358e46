"""Snapshots, the calendar, topic names and settings: the parts of the runtime that need no broker."""

import datetime
import pathlib

import pytest

from engine.core.model import channels, inputs, state
from engine.runtime import settings
from engine.runtime.kafka import timestamps, topics
from engine.runtime.state import codec, store, timer_queue
from tests.unit.core import story

SECOND = 1_000


def waiting(tmp_path: pathlib.Path) -> state.Customer:
    told = story.Story(
        story.compiled(tmp_path, story.written("j", "enter: {event: go, reentry: never}\nsteps: [{id: p, wait: 1h}]"))
    )
    told.when("go", "10:00", total=275000)
    return told.state


def test_a_snapshot_comes_back_as_it_was(tmp_path: pathlib.Path) -> None:
    """A snapshot holds the customer, the offset of the last input in it, and when the earliest timer is due."""
    customer = waiting(tmp_path)
    value = codec.snapshot(customer, 17)
    assert codec.customer(value) == customer
    assert codec.head(value) == (timestamps.milliseconds(story.at("11:00")), 17)
    assert codec.head(codec.snapshot(state.Customer("x"), 1)) == (codec.NO_TIMER, 1)


def test_a_snapshot_of_another_format_is_refused() -> None:
    """What another version wrote is an error, never a guess."""
    value = b"\x09" + codec.snapshot(state.Customer("x"), 1)[1:]
    for read in (codec.head, codec.customer):
        with pytest.raises(codec.UnknownFormat):
            read(value)


def test_the_partitions_key_is_no_customers() -> None:
    """The key of a partition's own record is not UTF-8, so no customer's id encodes to it."""
    with pytest.raises(UnicodeDecodeError):
        codec.PARTITION_KEY.decode()
    record = codec.PartitionRecord(5, "sha256:x", "stream", 7)
    assert codec.read_partition_record(codec.partition_record(record)) == record


def test_milliseconds_there_and_back() -> None:
    """Instants are whole milliseconds."""
    at = datetime.datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=datetime.UTC)
    assert timestamps.instant(timestamps.milliseconds(at)) == at


def test_what_the_engine_writes_it_reads() -> None:
    """`timer.due` and `bundle.activated` are events that the engine takes."""
    due = inputs.decode(codec.timer_due(["a"], story.at("10:00"), "x")).event
    assert (due.type, due.subject, due.field("customers"), due.recorded) == ("timer.due", "", ["a"], story.at("10:00"))
    live = inputs.decode(codec.bundle_activated("b", "wall", story.at("10:00"), "x")).event
    assert (live.type, live.field("bundle"), live.field("clock")) == ("bundle.activated", "b", "wall")


class Calendar:
    """A calendar over a dictionary of due times."""

    def __init__(self) -> None:
        self.calendar, self.dues = timer_queue.TimerQueue(), dict[bytes, int]()

    def arm(self, key: bytes, due: int) -> None:
        self.dues[key] = due
        self.calendar.arm(due, key)

    def due(self, time: int, *, strictly: bool = False, wall: int | None = None) -> list[tuple[int, list[bytes]]]:
        due_of = lambda key: self.dues.get(key, codec.NO_TIMER)  # noqa: E731
        return list(self.calendar.due(time, time if wall is None else wall, due_of, strictly=strictly))


def test_nothing_is_due_early() -> None:
    """A due time is rounded up to its second, never down."""
    own = Calendar()
    own.arm(b"a", 10 * SECOND + 1)
    assert own.due(10 * SECOND + 999) == []
    assert own.due(11 * SECOND) == [(10 * SECOND + 1, [b"a"])]


def test_a_cancelled_or_moved_timer_is_not_due() -> None:
    """The state is the truth: what is not due there any more is passed over."""
    own = Calendar()
    own.arm(b"a", 10 * SECOND)
    own.arm(b"b", 10 * SECOND)
    own.arm(b"b", 20 * SECOND)
    del own.dues[b"a"]
    assert own.due(15 * SECOND) == []
    assert own.due(20 * SECOND) == [(20 * SECOND, [b"b"])]


def test_what_was_sent_is_sent_again_if_it_never_arrives() -> None:
    """A `timer.due` that is lost is sent again after five seconds of the wall and counts as overdue; one that arrived does neither."""
    own = Calendar()
    own.arm(b"a", 10 * SECOND)
    own.arm(b"b", 10 * SECOND)
    assert own.due(10 * SECOND) == [(10 * SECOND, [b"a", b"b"])]
    del own.dues[b"b"]
    own.calendar.done(b"b")
    assert own.due(14 * SECOND) == []
    assert own.calendar.overdue == 0
    assert own.due(15 * SECOND) == [(10 * SECOND, [b"a"])]
    assert own.calendar.overdue == 1
    own.calendar.done(b"a")
    assert own.calendar.overdue == 0


def test_under_the_stream_clock_a_tie_waits() -> None:
    """Strictly: a timer due at the very time of the stream waits until the stream has passed it."""
    own = Calendar()
    own.arm(b"a", 10 * SECOND)
    assert own.due(10 * SECOND, strictly=True, wall=0) == []
    assert own.due(10 * SECOND + 1, strictly=True, wall=0) == [(10 * SECOND, [b"a"])]


def test_a_full_second_is_cut_into_chunks() -> None:
    """A second in which many timers are due is sent in chunks of 500 customers."""
    own = Calendar()
    for number in range(1_201):
        own.arm(b"%d" % number, 10 * SECOND)
    assert [len(keys) for _, keys in own.due(10 * SECOND)] == [500, 500, 201]


def test_a_store_forgets_the_erased(tmp_path: pathlib.Path) -> None:
    """A tombstone removes the customer and her timers."""
    own = store.Store()
    own.put(b"ayu", codec.snapshot(waiting(tmp_path), 3))
    assert own.customer(b"ayu")[1] == 3
    own.put(b"ayu", None)
    assert (own.customer(b"ayu"), own.due_of(b"ayu")) == ((None, -1, 0), codec.NO_TIMER)


def test_the_prefix_stands_in_front_literally() -> None:
    """`DALANG_TOPIC_PREFIX` is put in front of every topic, literally."""
    names = [spec.name for spec in topics.Topics("test-").specs()]
    assert len(names) == 5 + len(channels.TABLE)
    assert all(name.startswith("test-") for name in names)
    assert "test-actions.whatsapp" in names


def test_settings_have_environment_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting may come from DALANG_*; what does not fit is refused."""
    monkeypatch.setenv("DALANG_BROKER", "kafka:19092")
    monkeypatch.setenv("DALANG_SESSION_TIMEOUT", "3")
    chosen = settings.Settings()
    assert (chosen.broker, chosen.session_timeout, chosen.clock) == ("kafka:19092", 3.0, "wall")
    for broken in ({"broker": "nowhere"}, {"clock": "sun"}, {"prefetch": 0}, {"topic_prefix": "a b"}):
        with pytest.raises(ValueError, match=next(iter(broken))):
            settings.Settings(**broken)
