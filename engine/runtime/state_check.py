"""The work of `dalang state check`: decide the inputs of the last minutes again, and compare the results with Kafka.

The check is meant above all for the time after a whole cluster has died. It takes the customers' states as they were some
minutes ago, which is possible until Kafka compacts the older records of `customer.state`. From these states on, it decides the
inputs again. Then it compares states, decisions and actions with the committed ones. The check writes nothing and may run
beside workers: whatever they write during the check is left out.
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
"""The greatest number of differences that are listed for one partition; further ones are only counted."""


class Difference(msgspec.Struct, frozen=True):
    """One difference between the committed records and the results of deciding again.

    `customer` is the id of the customer whom the difference concerns, empty if the record has no key.
    """

    kind: Literal["missing", "extra", "twice", "other", "state"]
    topic: str
    """The topic, without the prefix."""
    id: str
    """The id of the decision, action, event or dead letter; for a state, the id of the customer."""
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

    `since` is the time from which on inputs were checked (seconds since 1970), or None if nothing could be checked. `inputs`,
    `customers` and `outputs` count the inputs that were decided again, the customers with a new state, and the results.
    """

    since: float | None = None
    inputs: int = 0
    customers: int = 0
    outputs: int = 0
    differences: list[Difference] = []
    more: int = 0
    """Number of further differences, which are not listed."""


class _Own(msgspec.Struct):
    """One partition record: its offset in `customer.state`, its timestamp (ms since 1970) and its content."""

    offset: int
    at: int
    record: codec.PartitionRecord


class _Collecting(writer.Writer):
    """A replacement for the worker's Kafka writer, which keeps the outputs in memory."""

    def __init__(self) -> None:
        self.decided: dict[tuple[str, str], list[writer.Output]] = {}
        """`{(topic, id): outputs}`; an id has two outputs if a customer was erased and came back with the same key."""

    async def write(self, outputs: list[writer.Output], states: list[writer.Output]) -> None:
        """Keep the outputs in memory; the states are not needed, because the partition's store has them."""
        for output in outputs:
            self.decided.setdefault((output.topic, output.id), []).append(output)


class _Span:
    """The stretch of one partition that is checked: from the partition record `base` to the partition record `end`.

    `after` is the partition record that follows `base`.
    """

    def __init__(self, base: _Own, after: _Own, end: _Own) -> None:
        self.base, self.end = base, end
        self.starts = {topic: tail.after for topic, tail in after.record.tails.items() if topic in end.record.tails}
        """`{topic: offset after which the outputs of the span begin}`, for each topic that can be checked."""
        self.states = store.AsOf(store.Store(), base.offset)
        """The customers' states as they were at `base`; the inputs after `base` are decided from these states on."""
        self.committed: dict[bytes, bytes | None] = {}
        self.found: dict[tuple[str, str], list[bytes | None]] = {}
        self.keys: dict[tuple[str, str], bytes] = {}
        self._beyond = Counter[str]()

    def remember(self, record: Any) -> None:
        """Add one record of `customer.state` to the span; a record after the end of the span is ignored."""
        if record.offset > self.end.offset:
            return
        self.states.take([record])
        if record.offset > self.base.offset and not record.key.startswith(codec.NOBODY):
            self.committed[record.key] = record.value

    def read(self, topic: str, name: str, record: Any) -> None:
        """Add one record of an output topic to the span; a record that workers wrote after the end of the span is ignored.

        `topic` is the topic's name without the prefix, `name` the name with the prefix.
        """
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
    """Check the last `minutes` of each partition, and return `{partition: result}`.

    A partition is checked for a shorter time if compaction has removed older states. `heard` is called with the number of
    records of each chunk that is read, to show the progress.
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
    """Return the possible spans of one partition, best first, each as (base, record after the base, last record).

    `own` holds all partition records of the partition, in the order of `customer.state`. A record can be the base only if the
    next record counts its outputs from this record on. The best base is the last one that is not later than `since` (ms since
    1970). The later ones follow, in case the best one cannot be used.
    """
    # A partition record without tails starts a new count (`dalang state rebuild` writes one). Nothing before it can be checked.
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
    """Return `{partition: span}` with the states of each span; a partition without a usable span is left out.

    A span cannot be used if compaction has removed states that it needs. Then the first half of the partition's possible spans
    is dropped, and the first remaining span is tried.
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
    """Return only the spans whose inputs can all still be read from `customer.events`.

    A span no longer checks an output topic (`starts`) if retention has removed some of the span's outputs from this topic.
    """
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
    """Decide the inputs of each span again, and return `{partition: (states, outputs, number of inputs)}`."""
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
    """Compare the committed outputs and states of one span with those that were decided again, and return the result."""
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
    """Decode a snapshot for a comparison, because the bytes of equal states may differ in the order of the entries of a map."""
    return codec.head(snapshot), codec.customer(snapshot)


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
