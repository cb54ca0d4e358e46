"""The check of the last minutes: committed states, decisions and actions are compared with a new fold of the same inputs.

Called by `dalang state check`, above all after a whole cluster has failed. The check starts from the states of some minutes ago,
which are still in `customer.state` because compaction waits. It decides the inputs since then again, and compares the results
with the topics. It writes nothing. Workers may run at the same time; their newer records are not checked.
"""

import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from aiokafka import TopicPartition

from engine.runtime import bundles
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import acl, connection, history, topics
from engine.runtime.partition import partition, tails, writer
from engine.runtime.state import codec, store

MOST: Final = 1_000
"""The most differences of one partition that are listed."""


class Difference(msgspec.Struct, frozen=True):
    """One difference, and the customer whom it concerns."""

    kind: Literal["missing", "extra", "twice", "other", "state"]
    topic: str
    """The topic, without the prefix."""
    id: str
    """The id of the output; for a state, the id of the customer."""
    customer: str = ""

    def __str__(self) -> str:
        told = {
            "missing": "was decided and cannot be read",
            "extra": "can be read and was not decided",
            "twice": "can be read more than once",
            "other": "can be read with other content than was decided",
            "state": "the committed state is not what the log gives",
        }
        about = self.topic if self.kind == "state" else f"{self.topic} {self.id}"
        return f"{about}{f' of customer {self.customer}' if self.customer else ''}: {told[self.kind]}"


class Checked(msgspec.Struct):
    """The result of the check of one partition.

    `since` is the time of the partition record at which the check begins (seconds since 1970); None if nothing can be checked.
    """

    since: float | None = None
    inputs: int = 0
    customers: int = 0
    outputs: int = 0
    differences: list[Difference] = []
    more: int = 0
    """Number of further differences, which are not listed."""


class _Own(msgspec.Struct):
    """One partition record: its offset in `customer.state`, its timestamp (ms) and its content."""

    offset: int
    at: int
    record: codec.PartitionRecord


class _Collecting(writer.Writer):
    """A writer that keeps the outputs of the fold in memory, by topic and id."""

    def __init__(self) -> None:
        self.decided: dict[tuple[str, str], list[writer.Output]] = {}
        """`{(topic, id): outputs}`. Two outputs have one id if a customer was erased and came back with the same key."""

    async def write(self, outputs: list[writer.Output], states: list[writer.Output]) -> None:
        """Keep the outputs in memory."""
        for output in outputs:
            self.decided.setdefault((output.topic, output.id), []).append(output)


class _Span:
    """The part of a partition that is checked: from the partition record `base` to the partition record `end`."""

    def __init__(self, base: _Own, after: _Own, end: _Own) -> None:
        self.base, self.end = base, end
        self.starts = {topic: tail.after for topic, tail in after.record.tails.items() if topic in end.record.tails}
        """The offset after which the outputs of the span begin, for each topic that can be checked."""
        self.states = store.AsOf(store.Store(), base.offset)
        """The states at the base, from which the fold starts."""
        self.committed: dict[bytes, bytes | None] = {}
        self.found: dict[tuple[str, str], list[bytes | None]] = {}
        self.keys: dict[tuple[str, str], bytes] = {}
        self._beyond = Counter[str]()

    def remember(self, record: Any) -> None:
        """Add one record of `customer.state` to the span."""
        if record.offset > self.end.offset:
            return
        self.states.take([record])
        if record.offset > self.base.offset and not record.key.startswith(codec.NOBODY):
            self.committed[record.key] = record.value

    def read(self, topic: str, name: str, record: Any) -> None:
        """Add one record of an output topic to the span; records after the end of the span are skipped."""
        if topic not in self.starts or (id_ := tails.id_of(topic, record)) is None:
            return
        last = self.end.record.tails[topic]
        if record.offset > last.after:
            self._beyond[topic] += 1
            if self._beyond[topic] > last.count:
                return
        self.found.setdefault((name, id_), []).append(record.value)
        self.keys[name, id_] = record.key or b""


async def check(
    broker: connection.Address, names: topics.Topics, minutes: float, *, heard: Callable[[int], None] = lambda _: None
) -> dict[int, Checked]:
    """Check the last minutes of each partition, as far back as `customer.state` has the states; return the results.

    `heard` is called with the number of records of each chunk.
    """
    await connection.reachable(broker)
    await acl.check(broker, acl.rights("state check", names))
    numbers = await topics.needed(broker, names, topics.EVENTS, topics.BUNDLES, topics.STATE, *tails.TOPICS)
    registry = bundles.Registry(broker, names)
    await registry.refresh()
    own: dict[int, list[_Own]] = {number: [] for number in numbers}
    async for record in _each(broker, names.name(topics.STATE), heard=heard):
        if record.key == codec.PARTITION_KEY:
            own[record.partition].append(_Own(record.offset, record.timestamp, codec.read_partition_record(record.value)))
    since = (time.time() - 60 * minutes) * 1000
    spans = await _spans(broker, names, {number: _chosen(each, since) for number, each in own.items()}, heard)
    spans = await _there(broker, names, spans)
    folded = await _folded(broker, names, registry, spans, heard)
    await _read_outputs(broker, names, spans, heard)
    return {number: _compared(names, spans[number], *folded[number]) if number in spans else Checked() for number in numbers}


def _chosen(own: list[_Own], since: float) -> list[tuple[_Own, _Own, _Own]]:
    """Return the possible spans of a check, the best first, each as its base, the record after its base, and the last record.

    A record can be the base if the tails of the record after it begin at the base. The best base is the last one before `since`
    (ms). If that one cannot be used, a later one is tried.
    """
    # A record without tails, as `dalang state rebuild` writes it, starts a new count: nothing before it can be checked.
    anew = max((index for index, each in enumerate(own) if not each.record.tails), default=-1)
    own = own[anew + 1 :]
    found = [(base, after, own[-1]) for base, after in itertools.pairwise(own) if after.record.base == base.offset]
    early = [each for each in found if each[0].at <= since]
    return [*early[-1:], *found[len(early) :]]


async def _spans(
    broker: connection.Address,
    names: topics.Topics,
    chosen: dict[int, list[tuple[_Own, _Own, _Own]]],
    heard: Callable[[int], None],
) -> dict[int, _Span]:
    """Return a span with its states for each partition; partitions without a usable span are left out.

    If compaction has removed states that a span needs, a span with half the length is tried.
    """
    done: dict[int, _Span] = {}
    ways = {number: each for number, each in chosen.items() if each}
    while ways:
        spans = {number: _Span(*each[0]) for number, each in ways.items()}
        async for record in _each(broker, names.name(topics.STATE), heard=heard):
            if (span := spans.get(record.partition)) is not None:
                span.remember(record)
        done |= {number: span for number, span in spans.items() if not span.states.lost}
        halved = {number: ways[number][(len(ways[number]) + 1) // 2 :] for number in spans.keys() - done.keys()}
        ways = {number: each for number, each in halved.items() if each}
    return done


async def _there(broker: connection.Address, names: topics.Topics, spans: dict[int, _Span]) -> dict[int, _Span]:
    """Return the spans whose inputs are all still on `customer.events`. Topics with outputs removed by retention are left out."""
    for topic in tails.TOPICS:
        for tp, begin in (await history.begins(broker, names.name(topic))).items():
            if (span := spans.get(tp.partition)) is None:
                continue
            if topic == topics.EVENTS and begin > span.base.record.offset + 1:
                del spans[tp.partition]
            elif topic in span.starts and begin > span.starts[topic] + 1:
                del span.starts[topic]
    return spans


async def _folded(
    broker: connection.Address,
    names: topics.Topics,
    registry: bundles.Registry,
    spans: Mapping[int, _Span],
    heard: Callable[[int], None],
) -> dict[int, tuple[store.Port, _Collecting, int]]:
    """Decide the inputs of each span again; return the states, the outputs and the number of inputs of each partition."""
    found: dict[int, tuple[partition.Partition, _Collecting]] = {}
    counts = Counter[int]()
    for number, span in spans.items():
        collecting = _Collecting()
        span.states.held.filled(span.base.record, store.Mark(span.base.offset))
        found[number] = (partition.Partition(number, names, registry, span.states.held, collecting), collecting)
        await found[number][0].prepare()
    events = names.name(topics.EVENTS)
    since = {TopicPartition(events, number): span.base.record.offset + 1 for number, span in spans.items()}
    async for fetched in history.records(broker, events, since=since):
        heard(len(fetched))
        number = fetched[0].partition
        if number in found:
            chunk = faust_batches.Chunk(each for each in fetched if each.offset <= spans[number].end.record.offset)
            if chunk:
                counts[number] += await found[number][0].handle([chunk])
    return {number: (spans[number].states.held, collecting, counts[number]) for number, (_, collecting) in found.items()}


async def _read_outputs(
    broker: connection.Address, names: topics.Topics, spans: Mapping[int, _Span], heard: Callable[[int], None]
) -> None:
    by_name = {names.name(topic): topic for topic in tails.TOPICS}
    since = {
        TopicPartition(name, number): span.starts[topic] + 1
        for name, topic in by_name.items()
        for number, span in spans.items()
        if topic in span.starts
    }
    async for record in _each(broker, *by_name, since=since, heard=heard):
        if (span := spans.get(record.partition)) is not None:
            span.read(by_name[record.topic], record.topic, record)


async def _each(
    broker: connection.Address,
    *read: str,
    since: Mapping[TopicPartition, int] | None = None,
    heard: Callable[[int], None],
) -> AsyncIterator[Any]:
    async for chunk in history.records(broker, *read, since=since):
        heard(len(chunk))
        for record in chunk:
            yield record


def _compared(names: topics.Topics, span: _Span, folded: store.Port, collecting: _Collecting, inputs: int) -> Checked:
    """Compare the outputs and states that were decided again with those that are committed."""
    found = [*_outputs(names, span, collecting.decided), *_states(span, folded)]
    return Checked(
        since=span.base.at / 1000,
        inputs=inputs,
        customers=len(span.committed),
        outputs=sum(map(len, collecting.decided.values())),
        differences=found[:MOST],
        more=len(found[MOST:]),
    )


def _outputs(names: topics.Topics, span: _Span, decided: Mapping[tuple[str, str], list[writer.Output]]) -> Iterable[Difference]:
    bare = len(names.prefix)
    for (name, id_), outputs in decided.items():
        there = span.found.get((name, id_), [])
        wanted = [output.value for output in outputs]
        if name[bare:] in span.starts and Counter(there) != Counter(wanted):
            more = len(there) - len(wanted)
            kind: Literal["missing", "twice", "other"] = "missing" if more < 0 else "twice" if more else "other"
            yield Difference(kind, name[bare:], id_, _text(outputs[0].key))
    for name, id_ in span.found.keys() - decided.keys():
        yield Difference("extra", name[bare:], id_, _text(span.keys[name, id_]))


def _states(span: _Span, folded: store.Port) -> Iterable[Difference]:
    values = {key: folded.get(key) for key in folded.keys()}  # noqa: SIM118 - a store is no dictionary
    touched = {key for key, value in values.items() if value and codec.head(value)[1] > span.base.record.offset}
    for key in sorted(touched | span.committed.keys()):
        given, committed = values.get(key), span.committed.get(key, b"")
        if given != committed and (not given or not committed or _read(given) != _read(committed)):
            yield Difference("state", topics.STATE, _text(key), _text(key))


def _read(snapshot: bytes) -> tuple[Any, Any]:
    """Decode a snapshot to compare it, because equal snapshots may differ in the order of their maps."""
    return codec.head(snapshot), codec.customer(snapshot)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
