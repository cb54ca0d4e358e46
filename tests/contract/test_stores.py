"""What every store of states must do, in memory and on disk: one suite for both."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from engine.core.model import state
from engine.runtime.kafka import history, timestamps
from engine.runtime.state import codec, rocksdb_store, store

HOUR = 3_600_000
DUE = 1_800_000_000_000
TOPIC = "shop.customer.state"
Open = Callable[[], store.Port]


def snapshot(name: str, offset: int, due: int | None = None) -> bytes:
    timers = {} if due is None else {"t": state.Timer(timestamps.instant(due), "i", "s", "wait")}
    return codec.snapshot(state.Customer(name, timers=timers), offset)


def record(offset: int, lineage: str = "ours") -> codec.PartitionRecord:
    return codec.PartitionRecord(offset=offset, bundle="b", partitions=4, lineage=lineage)


class Topic:
    """One partition of `customer.state`, as a consumer of it is read by `store.refresh`."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.start = self.read = 0

    def write(
        self, snapshots: dict[bytes, bytes | None], own: codec.PartitionRecord | None, new: tuple[bytes, ...] = ()
    ) -> store.Mark:
        values = dict(snapshots) if own is None else {**snapshots, codec.PARTITION_KEY: codec.partition_record(own)}
        for key, value in values.items():
            headers = (store.NEW,) if key in new else ()
            self.records.append(SimpleNamespace(key=key, value=value, offset=len(self.records), headers=headers))
        return store.Mark(len(self.records) - 1, 0)

    def assign(self, partitions: list[Any]) -> None:
        (self.tp,) = partitions

    def seek(self, tp: Any, offset: int) -> None:
        self.at = offset

    async def seek_to_beginning(self, tp: Any) -> None:
        self.at = self.start

    async def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return {self.tp: self.start}

    async def getmany(self, tp: Any, **_: Any) -> dict[Any, list[Any]]:
        found = self.records[self.at : self.at + 2]
        self.at, self.read = self.at + len(found), self.read + len(found)
        return {tp: found}

    def highwater(self, tp: Any) -> int:
        return len(self.records)

    async def position(self, tp: Any) -> int:
        return self.at

    async def refresh(self, held: store.Port, now: int = 0, claimed: int | None = None) -> int:
        """How many records were read for it; the claim is written first, as a worker does."""
        self.read = 0
        if claimed is None:
            claimed = self.write({b"\xff\xffclaim": None}, None).offset
        await store.refresh(held, "nowhere:9", TOPIC, 3, claimed, now)
        return self.read


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = Topic()

    @contextlib.asynccontextmanager
    async def reading(broker: Any, *partitions: Any) -> AsyncIterator[Topic]:
        made.assign(list(partitions))
        yield made

    monkeypatch.setattr(history, "reading", reading)
    return made


@pytest.fixture(params=["memory", "rocksdb"])
def opened(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Open]:
    """Opens the partition's store; on disk, the one before must have been closed."""
    held: list[store.Port] = []

    def open_() -> store.Port:
        made = store.Store() if request.param == "memory" else rocksdb_store.Store(tmp_path, TOPIC, 3)
        held.append(made)
        return made

    yield open_
    for each in held:
        each.close()


def told(held: store.Port) -> dict[bytes, bytes | None]:
    return {key: held.get(key) for key in held.keys()}  # noqa: SIM118 - a store is no dictionary


def due(held: store.Port, time: int) -> list[bytes]:
    return sorted(key for _, keys in held.timer_queue.due(time, 0, held.due_of, strictly=False) for key in keys)


def test_what_is_committed_is_there(opened: Open) -> None:
    """A customer is known by her snapshot, her offset and her earliest timer; the others are strangers."""
    held = opened()
    held.commit({b"ayu": snapshot("ayu", 3, DUE), b"budi": snapshot("budi", 4)}, record(4), store.Mark(9, 5))
    assert held.customer(b"ayu")[0] == state.Customer("ayu", timers={"t": state.Timer(timestamps.instant(DUE), "i", "s", "wait")})
    assert (held.customer(b"budi")[1], held.due_of(b"ayu"), held.due_of(b"budi")) == (4, DUE, codec.NO_TIMER)
    assert (held.customer(b"citra"), held.due_of(b"citra"), b"citra" in held) == ((None, -1, 0), codec.NO_TIMER, False)
    assert (held.record, held.mark, sorted(held.keys())) == (record(4), (9, 5), [b"ayu", b"budi"])


def test_counts_follow_every_change(opened: Open) -> None:
    """Customers, bytes and waiting timers are those of the snapshots: after a change, a cancelled timer and an erasure too."""
    held = opened()
    first, second = snapshot("ayu", 3, DUE), snapshot("budi", 4)
    held.commit({b"ayu": first, b"budi": second}, record(4), store.Mark(1))
    assert (held.customers, held.bytes, held.waiting) == (2, len(first) + len(second), 1)
    held.commit({b"ayu": second, b"budi": None, b"citra": None}, record(5), store.Mark(2))
    assert (held.customers, held.bytes, held.waiting) == (1, len(second), 0)
    assert due(held, DUE) == []


def test_a_committed_timer_is_due_once_and_a_moved_one_at_its_new_time(opened: Open) -> None:
    """The calendar follows the snapshots: not before its second, not twice, and not at the time that was given up."""
    held = opened()
    held.put(b"ayu", snapshot("ayu", 1, DUE))
    held.put(b"ayu", snapshot("ayu", 2, DUE + 60_000))
    held.put(b"budi", snapshot("budi", 3, DUE))
    assert [due(held, DUE - 1), due(held, DUE), due(held, DUE), due(held, DUE + 60_000)] == [[], [b"budi"], [], [b"ayu"]]


async def test_a_store_is_filled_from_the_topic(opened: Open, topic: Topic) -> None:
    """The last record of each key counts, a tombstone removes; the calendar and the counts are those of what is left."""
    ayu, old = snapshot("ayu", 5, DUE), snapshot("ayu", 1, DUE - 60_000)
    topic.write({b"ayu": old, b"budi": snapshot("budi", 2), b"citra": snapshot("citra", 2, DUE)}, record(2))
    mark = topic.write({b"ayu": ayu, b"citra": None}, record(5))
    held = opened()
    await topic.refresh(held, now=7)
    assert told(held) == {b"ayu": ayu, b"budi": snapshot("budi", 2)}
    assert (held.record, held.mark, held.customers, held.waiting) == (record(5), (mark.offset, 7), 2, 1)
    assert [due(held, DUE - 1), due(held, DUE)] == [[], [b"ayu"]]


async def test_only_what_is_new_is_read_again(opened: Open, topic: Topic) -> None:
    """A store that fits is caught up from its mark, the record there included; the result is that of a whole reading."""
    topic.write({b"c%d" % n: snapshot("x", n, DUE) for n in range(50)}, record(50))
    held = opened()
    assert await topic.refresh(held) == 52
    held.commit({}, record(51), topic.write({}, record(51)))
    topic.write({b"c1": None, b"c2": snapshot("x", 52), b"new": snapshot("n", 52, DUE)}, record(52))
    assert await topic.refresh(held, now=9) == 6
    whole = store.Store()
    await topic.refresh(whole)
    assert (told(held), held.record, held.mark.at) == (whole.snapshots, record(52), 9)
    assert (held.customers, held.bytes, held.waiting) == (whole.customers, whole.bytes, whole.waiting)
    assert due(held, DUE) == due(whole, DUE)


async def test_a_mark_that_the_broker_did_not_tell_leaves_the_one_before(opened: Open, topic: Topic) -> None:
    """Without an offset of its own a commit keeps the older mark: reading again from there changes nothing."""
    topic.write({b"ayu": snapshot("ayu", 1)}, record(1))
    held = opened()
    await topic.refresh(held)
    topic.write({b"ayu": snapshot("ayu", 2)}, record(2))
    held.commit({b"ayu": snapshot("ayu", 2)}, record(2), store.Mark())
    assert held.mark.offset == 1
    await topic.refresh(held)
    assert (held.customer(b"ayu")[1], held.customers, held.record) == (2, 1, record(2))


def _made_anew(topic: Topic) -> None:
    topic.records = []
    for n in range(9):
        topic.write({b"other": snapshot("other", n)}, record(n, "another"))


def _without_record(topic: Topic) -> None:
    topic.records = [each for each in topic.records if each.key != codec.PARTITION_KEY]
    topic.write({b"other": snapshot("other", 1)}, None)


def _cut(topic: Topic) -> None:
    topic.start = len(topic.records)
    topic.write({b"other": snapshot("other", 1)}, record(9))


def _shorter(topic: Topic) -> None:
    del topic.records[1:]


@pytest.mark.parametrize(
    ("now", "change"), [(0, _made_anew), (0, _without_record), (0, _cut), (0, _shorter), (13 * HOUR, lambda _: None)]
)
async def test_a_store_that_does_not_fit_is_thrown_away(
    opened: Open, topic: Topic, now: int, change: Callable[[Topic], None]
) -> None:
    """Another topic of the name, one that begins later or ends sooner, tombstones that may be gone: all is read from the start."""
    topic.write({b"ayu": snapshot("ayu", 1, DUE), b"budi": snapshot("budi", 1)}, record(1))
    held = opened()
    await topic.refresh(held)
    change(topic)
    await topic.refresh(held, now)
    whole = store.Store()
    await topic.refresh(whole, now)
    assert (told(held), held.record, held.customers) == (whole.snapshots, whole.record, whole.customers)
    assert due(held, DUE) == due(whole, DUE)


async def test_without_transactions_all_is_read(opened: Open, topic: Topic) -> None:
    """Without a claim another worker may have written between: what is held is not believed."""
    topic.write({b"ayu": snapshot("ayu", 1)}, record(1))
    held = opened()
    await topic.refresh(held)
    held.put(b"ghost", snapshot("ghost", 1))
    await topic.refresh(held, claimed=-1)
    assert list(held.keys()) == [b"ayu"]


async def test_states_are_restored_as_they_were(topic: Topic, opened: Open) -> None:
    """At an earlier record of the partition the store has the states of that moment, with their timers; what was written later is
    told with the values before it.
    """
    early = topic.write({b"a": snapshot("a", 1, 5_000), b"b": snapshot("b", 1)}, record(1), (b"a", b"b"))
    late = topic.write({b"a": snapshot("a", 2), b"b": None, b"c": snapshot("c", 2)}, record(2), (b"c",))
    held = opened()
    await topic.refresh(held)
    later = await store.restore(held, "nowhere:9", TOPIC, 3, early.offset, late.offset, 1)
    assert told(held) == {b"a": snapshot("a", 1, 5_000), b"b": snapshot("b", 1)}
    assert (held.record, held.mark, due(held, 5_000)) == (record(1), store.Mark(early.offset, 1), [b"a"])
    assert later is not None
    assert (later.snapshots, later.lost) == ({b"a": snapshot("a", 1, 5_000), b"b": snapshot("b", 1), b"c": None}, 0)
    await topic.refresh(held)
    assert told(held) == {b"a": snapshot("a", 2), b"c": snapshot("c", 2)}


async def test_states_that_compaction_took_are_not_restored(topic: Topic, opened: Open) -> None:
    """Without the record of that moment nothing is; a customer whose earlier state is gone, and who was not new, is counted."""
    early = topic.write({b"a": snapshot("a", 1)}, record(1), (b"a",))
    late = topic.write({b"a": snapshot("a", 2)}, record(2))
    held = opened()
    topic.records[0] = SimpleNamespace(key=b"x", value=snapshot("x", 1), offset=0, headers=())
    later = await store.restore(held, "nowhere:9", TOPIC, 3, early.offset, late.offset, 1)
    assert later is not None
    assert (later.snapshots, later.lost) == ({b"a": None}, 1)
    topic.records[early.offset] = SimpleNamespace(key=b"y", value=snapshot("y", 1), offset=early.offset, headers=())
    assert await store.restore(held, "nowhere:9", TOPIC, 3, early.offset, late.offset, 1) is None
    await topic.refresh(held)
    assert held.get(b"a") == snapshot("a", 2)


async def test_states_after_the_last_record_are_told(topic: Topic, opened: Open) -> None:
    """States that no record of the partition follows are of a transaction that is committed by half; a mark is none."""
    topic.write({b"a": snapshot("a", 1)}, record(1))
    held = opened()
    assert await store.refresh(held, "nowhere:9", TOPIC, 3, topic.write({codec.NOBODY + b"claim": None}, None).offset) is False
    topic.write({b"a": snapshot("a", 2)}, None)
    assert await store.refresh(held, "nowhere:9", TOPIC, 3, topic.write({codec.NOBODY + b"claim": None}, None).offset) is True
