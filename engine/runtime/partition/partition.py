"""One partition: its records are decided one by one, and their results are written in batches.

    records -> decode (or dead letter) -> decide per customer -> decisions, actions, states, partition record -> broker

Called by the worker under the partition's lock, and by `dalang state rebuild` and `dalang state check` with writers that write
nothing to Kafka. If a batch cannot be written, the worker's process ends, because memory would be ahead of the broker.
"""

import datetime
import itertools
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.core import errors
from engine.core.context import catalog, pauses, trace
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs, state
from engine.core.model.inputs import MILLISECOND
from engine.replay import definitions, replayer
from engine.runtime import bundles, logs
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import partitioner, timestamps, topics
from engine.runtime.monitoring import metrics
from engine.runtime.partition import tails, writer
from engine.runtime.state import codec, store

FULL: Final = 5_000
"""Number of outputs after which a transaction is written.

If 100,000 timers are due in one second, many transactions are written, and memory does not hold all outputs at once.
"""
_log = logs.log()


class Skipped(errors.RuntimeFailure):
    """Records between the last handled one and these were fetched and dropped."""

    code = "DLG521"
    hint = "The worker exits with 70; start it again, and it reads the dropped records again."


class LiveBundleMissing(errors.RuntimeFailure):
    """The bundle that is live in a partition is missing on the topic journey.bundles."""

    code = "DLG531"
    hint = "Deploy the directory that the bundle was made from with `dalang deploy`, then start the worker again."


class Batch:
    """The results of the records of one batch, before they are written."""

    def __init__(self, record: codec.PartitionRecord, catalog: catalog.Catalog) -> None:
        self.outputs: list[writer.Output] = []
        self.touched: dict[bytes, tuple[state.Customer | None, int, int]] = {}
        """What `store.Port.customer` would return now, for each customer whose state has changed."""
        self.new: set[bytes] = set()
        """The customers who had no state before."""
        self.bundle, self.catalog = record.bundle, catalog
        self.streaming = record.clock == "stream"
        self.stream_time = timestamps.instant(record.stream_time)
        self.held = frozenset(record.held)
        self.decided: list[decisions.Decision] = []
        self.acted, self.buried = Counter[str](), Counter[str]()
        self.activations, self.misplaced = 0, 0
        self.before = record

    def record(self, offset: int) -> codec.PartitionRecord:
        """Return the partition record for the moment when everything up to `offset` is handled."""
        clock = "stream" if self.streaming else "wall"
        held = tuple(sorted(self.held))
        time = timestamps.milliseconds(self.stream_time)
        return msgspec.structs.replace(self.before, offset=offset, bundle=self.bundle, clock=clock, stream_time=time, held=held)


class Partition:
    """One partition of `customer.events`, with its customers and its writer."""

    def __init__(
        self,
        number: int,
        names: topics.Topics,
        registry: bundles.Registry,
        loaded: store.Port,
        own: writer.Writer,
        wrote: metrics.Wrote = metrics.uncounted,
        decode: Callable[..., inputs.Record] = inputs.decode,
    ) -> None:
        self.number, self.store, self.writer = number, loaded, own
        self.oldest: int | None = None
        """The timestamp (ms) of the first record of the batch at work, None between two batches."""
        self.passed = 0
        """The timestamp (ms) of the last record that was handled."""
        self._wrote, self._decode, self._trace = wrote, decode, trace.Trace(detailed=False)
        self._told = False
        """True if the log has told of a misplaced customer."""
        self._registry = registry
        self._decisions = names.name(topics.DECISIONS)
        self._dead = names.name(topics.DEAD_LETTERS)
        self._states = names.name(topics.STATE)
        self._events = names.name(topics.EVENTS)
        self._actions = {channel: names.name(topic) for channel, topic in topics.ACTIONS.items()}
        self.counting = tails.Counting(names)
        self._batch: Batch

    async def close(self) -> None:
        """Disconnect the writer and close the store."""
        await self.writer.stop()
        self.store.close()

    async def prepare(self) -> None:
        """Load the live bundle, which another worker may have put on the topic.

        Raises `LiveBundleMissing` if the bundle is not on the topic.
        """
        bundle = self.store.record.bundle
        if not await self._registry.know(bundle):
            raise LiveBundleMissing(f"The bundle {bundle} is live in partition {self.number}, but missing on journey.bundles.")

    async def handle(self, chunks: Sequence[faust_batches.Chunk]) -> int:
        """Decide and write the records that were not handled yet; return how many records those are.

        Raises `Skipped` if a chunk before one of these chunks was dropped: its records would be lost for good.
        """
        reached = self.store.record.offset
        fresh: list[Any] = []
        for chunk in chunks:
            if chunk.follows is not None and chunk.follows > reached:
                raise Skipped(
                    f"Records were dropped: the next is {chunk[0].offset}, after {chunk.follows}, but only {reached} is handled."
                )
            fresh += [record for record in chunk if record.offset > reached]
            reached = max(reached, chunk[-1].offset)
        if not fresh:
            return 0
        await self._registry.know(*{named[0] for record in fresh if (named := bundles.activated(record)) is not None})
        rest = fresh
        while rest:
            rest = await self._transact(rest)
        return len(fresh)

    async def _transact(self, fresh: list[Any]) -> list[Any]:
        """Decide records until they lead to `FULL` outputs, write the results together, and return the records that are left."""
        started, self.oldest = time.monotonic(), fresh[0].timestamp
        batch, taken = self.begin(), 0
        while taken < len(fresh) and len(batch.outputs) < FULL:
            self.take(fresh[taken])
            taken += 1
        done = fresh[:taken]
        write_took = await self.write(done[-1].offset)
        self.passed = done[-1].timestamp
        self._count(batch, done, started, write_took)
        return fresh[taken:]

    def begin(self) -> Batch:
        """Start an empty batch on top of what the store holds; `take` fills the batch and `write` writes it."""
        live = self._registry.catalog(self.store.record.bundle)
        assert live is not None
        self._batch = Batch(self.store.record, live)
        return self._batch

    async def write(
        self,
        offset: int,
        missing: list[writer.Output] | None = None,
        before: Mapping[bytes, bytes | None] = types.MappingProxyType({}),
    ) -> float:
        """Write the batch and the fact that everything up to `offset` is handled; return the seconds that the broker took.

        `missing`: the outputs to write, if other outputs of the batch are on the broker already; these are counted only.
        `before`: snapshots of other customers to write too, because the topic's later snapshots of them belong to a transaction
        that was aborted in other topics.
        """
        batch = self._batch
        after = self.counting.record(batch.record(offset), batch.outputs)
        outputs = batch.outputs if missing is None else missing
        snapshots = dict(before)
        for key, (customer, reached, _) in batch.touched.items():
            snapshots[key] = None if customer is None else codec.snapshot(customer, reached)
        states = [
            writer.Output(self._states, key, value, (store.NEW,) if key in batch.new else ()) for key, value in snapshots.items()
        ]
        own = codec.partition_record(after)
        writing = time.monotonic()
        await self.writer.write(outputs, [*states, writer.Output(self._states, codec.PARTITION_KEY, own)])
        write_took = time.monotonic() - writing
        self.store.commit(snapshots, after, self.writer.reached)
        if self.counting.tails:
            self.counting.follow(after, self.writer.last, self.writer.reached.offset)
        return write_took

    def arm_all(self) -> None:
        """Arm every timer again, after inputs were taken whose batch was given up."""
        for key in self.store.keys():  # noqa: SIM118 - a store is no dictionary
            if (due := self.store.due_of(key)) != codec.NO_TIMER:
                self.store.calendar.arm(due, key)

    def _count(self, batch: Batch, fresh: list[Any], started: float, write_took: float) -> None:
        """Report to the metrics what was written."""
        ended, self.oldest = time.monotonic(), None
        self._wrote(
            metrics.Written(
                partition=self.number,
                records=len(fresh),
                oldest=fresh[0].timestamp,
                decided=batch.decided,
                acted=batch.acted,
                buried=batch.buried,
                errors=self._trace.errors,
                activations=batch.activations,
                misplaced=batch.misplaced,
                took=ended - started,
                write_took=write_took,
            )
        )
        self._trace.errors.clear()

    def take(self, record: Any) -> None:
        """Take one record of the log into the batch: decide it or, if it is malformed, put it aside as a dead letter."""
        batch = self._batch
        try:
            key = record.key or b""
            event = self._decode(record.value, key=key, logged=record.timestamp, trust_recorded=batch.streaming).event
        except errors.Malformed as exc:
            self._bury(record, exc.reason)
            return
        if batch.streaming and event.type in inputs.TIMELESS:
            event = msgspec.structs.replace(event, recorded=batch.stream_time)
        elif event.recorded > batch.stream_time and batch.streaming:
            batch.stream_time = event.recorded
        if event.subject:
            self._take_event(event, event.subject.encode(), record)
        elif event.type == inputs.TIMER_DUE:
            self._pass_time(event, record)
        elif event.type == inputs.BUNDLE_ACTIVATED:
            self._activate(event, record)
        elif event.type == inputs.JOURNEY_COMMAND:
            self._let_pass(event, record)
            batch.held = pauses.held_after(batch.held, event)
            if event.field("command") != "pause":
                self._decide_all(event, record)

    def _take_event(self, event: inputs.Event, key: bytes, record: Any) -> None:
        """Decide an event of one customer; an event of a type that no definition names can only let time pass."""
        if not self._batch.catalog.takes(event.type, known=self._knows(key)):
            due = self._due(key)
            if due > timestamps.milliseconds(event.recorded):
                return
            event = inputs.tick(event.recorded)
        self._decide(event, key, record)

    def _pass_time(self, event: inputs.Event, record: Any) -> None:
        """Decide a `timer.due` for the customers that it names, or for everybody in this partition."""
        named = event.field("customers")
        keys: Iterable[bytes] = self._everybody() if named is None else [each.encode() for each in named]
        until = timestamps.milliseconds(event.recorded)
        for key in keys:
            expected = self.store.calendar.done(key)
            due = self._due(key)
            if due <= until:
                self._decide(event, key, record)
            elif expected and due != codec.NO_TIMER:
                self.store.calendar.arm(due, key)  # it was sent by a clock that is ahead of the log's time

    def _activate(self, event: inputs.Event, record: Any) -> None:
        """Make the bundle of this event live and its clock effective from here on; an unknown bundle makes a dead letter."""
        id_, clock = event.field("bundle"), event.field("clock")
        live = self._registry.catalog(id_) if isinstance(id_, str) else None
        if live is None:
            _log.error("bundle unknown", partition=self.number, offset=record.offset)
            self._bury(record, replayer.UNKNOWN_BUNDLE)
            return
        if clock == "stream":
            event = msgspec.structs.replace(event, recorded=self._batch.stream_time)
        self._let_pass(event, record)
        before, self._batch.catalog = self._batch.catalog, live
        self._batch.bundle, self._batch.streaming = id_, clock == "stream"
        self._batch.activations += 1
        if live.concerns_all(before):
            self._decide_all(event, record)
        _log.info("bundle activated", partition=self.number, bundle=id_, clock=clock)
        for version in definitions.foreign(live.bundle):
            _log.warning("tzdata differs", partition=self.number, bundle=id_, detail=definitions.told([version]))

    def _decide_all(self, event: inputs.Event, record: Any) -> None:
        """Decide an input that concerns every customer of the partition."""
        for key in self._everybody():
            self._decide(event, key, record)

    def _let_pass(self, event: inputs.Event, record: Any) -> None:
        """Fire the timers that are due before an input for everybody, by the bundle and the pauses in force until then.

        docs/semantics.md#timers-fire-before-inputs-for-everybody
        """
        tick = inputs.tick(event.recorded - MILLISECOND)
        until = timestamps.milliseconds(tick.recorded)
        for key in self._everybody():
            if self._due(key) <= until:
                self._decide(tick, key, record, before=True)

    def _everybody(self) -> Iterator[bytes]:
        """Return the keys of all customers of the partition, new ones of this batch included.

        No copy is made, because there may be more customers than memory holds.
        """
        new = [key for key in self._batch.touched if key not in self.store]
        return itertools.chain(self.store.keys(), new)

    def _knows(self, key: bytes) -> bool:
        touched = self._batch.touched.get(key)
        return key in self.store if touched is None else touched[0] is not None

    def _decide(self, event: inputs.Event, key: bytes, record: Any, *, before: bool = False) -> None:
        """Decide one input of one customer.

        With `before`, the input is the time that passes before the record's own input, which is still to come.
        """
        batch = self._batch
        customer, offset, weighs = batch.touched.get(key) or self.store.customer(key)
        if record.offset <= offset:
            return  # this customer's state was written and the partition record was not: only without transactions
        try:
            done = decider.transition(
                batch.catalog,
                customer,
                event,
                customer_id=key.decode(),
                punctual=batch.streaming,
                trace=self._trace,
                held=batch.held,
                weighs=weighs,
            )
        except errors.Malformed as exc:
            _log.error("input refused", customer=key.decode(), cause=event.id, error=str(exc))
            self._bury(record, exc.reason, key)
            return
        except Exception as exc:  # noqa: BLE001 - one customer must not stop the others
            _log.error("input not decided", customer=key.decode(), cause=event.id, error=type(exc).__name__)
            self._bury(record, replayer.FAILED, key)
            return
        if not done.facts:
            return
        if customer is None:
            self._place(key, record)
            if key not in batch.touched:
                batch.new.add(key)
        batch.touched[key] = (done.state, record.offset - before, done.weighs)
        decided = done.decisions
        batch.decided += decided
        for decision in decided:
            batch.outputs.append(writer.Output(self._decisions, key, decisions.encode(decision), (), decision.id))
            for action in decider.react(decision):
                topic = self._actions[action.channel]
                batch.acted[action.channel] += 1
                batch.outputs.append(writer.Output(topic, key, actions.encode(action), (), action.id))
            for emitted in decider.emissions(decision):
                output = writer.Output(self._events, key, inputs.encode(emitted), ((tails.EMITTED, b""),), emitted.id)
                batch.outputs.append(output)

    def _place(self, key: bytes, record: Any) -> None:
        """Count a new customer whose home is another partition; log only the first one, as one producer misplaces many."""
        partitions = self.store.record.partitions
        if partitions and (home := partitioner.home(key, partitions)) != self.number:
            self._batch.misplaced += 1
            if not self._told:
                self._told = True
                _log.warning("customer misplaced", partition=self.number, offset=record.offset, home_partition=home)

    def _due(self, key: bytes) -> int:
        """Return the due time of the customer's earliest timer (ms), with the changes of this batch."""
        touched = self._batch.touched.get(key)
        if touched is None:
            return self.store.due_of(key)
        customer = touched[0]
        return timestamps.milliseconds(customer.next_due) if customer is not None and customer.timers else codec.NO_TIMER

    def _bury(self, record: Any, reason: str, key: bytes | None = None) -> None:
        """Put a record aside as a dead letter, as it came, with its position and the reason.

        `key` is the customer's, if the customer is known.
        """
        headers = {
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "reason": reason,
        }
        if key is not None and record.key is None:
            headers["customer"] = key.decode()  # one of those that a timer.due names
        value = record.value
        if value is not None and len(value) > topics.LARGEST:
            # Its producer compressed it, so it passed the broker's limit, which holds for the size on arrival.
            headers["bytes"], value = str(len(value)), value[: topics.LARGEST // 2]
        self._batch.buried[reason] += 1
        encoded = tuple((name, told.encode()) for name, told in headers.items())
        self._batch.outputs.append(writer.Output(self._dead, record.key, value, encoded, tails.letter_id(headers)))

    # Called by the worker's clock.

    def due(self, wall: datetime.datetime, *, behind: bool = False) -> list[tuple[datetime.datetime, list[str]]]:
        """Return the customers whose timers are due now, in chunks, each chunk with the time for its `timer.due`.

        Under the stream clock, now is the stream's time, and a timer that is due at exactly that time waits for a later event.
        With `behind`, some records are not handled yet, and timers that were sent may be among them.
        """
        now = timestamps.milliseconds(wall)
        streaming = self.store.record.clock == "stream"
        here = self.store.record.stream_time if streaming else now
        steady = int(time.monotonic() * 1000)
        passed = steady - (now - self.passed) if behind else None
        chunks = self.store.calendar.due(here, steady, self.store.due_of, strictly=streaming, passed=passed)
        return [(timestamps.instant(due), [key.decode() for key in keys]) for due, keys in chunks]
