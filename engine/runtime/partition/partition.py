"""One partition: its records are decided one by one, and their results are written in batches.

    records -> decode (or dead letter) -> decide per customer -> decisions, actions, states, partition record -> broker

Called by the worker under the partition's lock, and by `dalang state rebuild` and `dalang state check` with writers that write
nothing to Kafka. If a batch cannot be written, the worker's process ends, because its memory would be ahead of the broker.
"""

import datetime
import itertools
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.core import errors, fold_driver
from engine.core.context import trace
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs, state
from engine.replay import definitions
from engine.runtime import bundles, logs
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import partitioner, timestamps, topics
from engine.runtime.monitoring import metrics
from engine.runtime.partition import tails, writer
from engine.runtime.state import codec, store

FULL: Final = 5_000
"""Number of outputs after which a transaction is written, even if the batch is not finished.

So if 100,000 timers are due in one second, memory does not hold all their outputs at once.
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

    def __init__(self, record: codec.PartitionRecord, driver: fold_driver.Driver[bytes]) -> None:
        self.driver = driver
        self.outputs: list[writer.Output] = []
        self.touched: dict[bytes, tuple[state.Customer | None, int, int]] = {}
        """`{customer: new result of store.Port.customer}`, for each customer whose state has changed."""
        self.new: set[bytes] = set()
        """The customers who had no state before."""
        self.decided: list[decisions.Decision] = []
        self.acted, self.buried = Counter[str](), Counter[str]()
        self.activations, self.misplaced = 0, 0
        self.before = record

    def record(self, offset: int) -> codec.PartitionRecord:
        """Return the partition record that says that everything up to `offset` is handled."""
        bundle, clock = self.driver.catalog.bundle.id, "stream" if self.driver.streaming else "wall"
        held = tuple(sorted(self.driver.held))
        time = timestamps.milliseconds(self.driver.stream_time)
        return msgspec.structs.replace(self.before, offset=offset, bundle=bundle, clock=clock, stream_time=time, held=held)


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
        """The timestamp (ms) of the first record of the present batch, None between two batches."""
        self.passed = 0
        """The timestamp (ms) of the last record that was handled."""
        self._wrote, self._decode, self._trace = wrote, decode, trace.Trace(detailed=False)
        self._told = False
        """True if a log line about a misplaced customer was written."""
        self._registry = registry
        self._decisions = names.name(topics.DECISIONS)
        self._dead = names.name(topics.DEAD_LETTERS)
        self._states = names.name(topics.STATE)
        self._events = names.name(topics.EVENTS)
        self._actions = {channel: names.name(topic) for channel, topic in topics.ACTIONS.items()}
        self.counting = tails.Counting(names)
        self._batch: Batch
        self._record: Any
        """The record of `customer.events` that is handled now."""

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
        """Decide and write the records that were not handled yet; return their number.

        Raises `Skipped` if Faust dropped a chunk before one of these chunks, because its records would be lost.
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
        """Start an empty batch. `take` fills the batch, and `write` writes it."""
        record, find = self.store.record, self._registry.catalog
        live = find(record.bundle)
        assert live is not None
        streaming, stream_time = record.clock == "stream", timestamps.instant(record.stream_time)
        driver = fold_driver.Driver(
            self, find, live, self._trace, streaming=streaming, stream_time=stream_time, held=frozenset(record.held)
        )
        self._batch = Batch(record, driver)
        return self._batch

    async def write(
        self,
        offset: int,
        missing: list[writer.Output] | None = None,
        before: Mapping[bytes, bytes | None] = types.MappingProxyType({}),
    ) -> float:
        """Write the batch and a partition record that says that everything up to `offset` is handled.

        Returns the seconds that the broker took. `missing` and `before` are for a repair: `missing` are the outputs to write if
        the other outputs of the batch are on the broker already. `before` are snapshots of other customers to write too, because
        their later snapshots belong to a transaction that was aborted in other topics.
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
        """Put every timer into the timer queue again, after a batch was discarded."""
        for key in self.store.keys():  # noqa: SIM118 - a store is no dictionary
            if (due := self.store.due_of(key)) != codec.NO_TIMER:
                self.store.timer_queue.arm(due, key)

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
        """Add one record to the batch: decide it or, if it is malformed, make it a dead letter."""
        self._record, driver = record, self._batch.driver
        try:
            key = record.key or b""
            event = self._decode(record.value, key=key, logged=record.timestamp, trust_recorded=driver.streaming).event
        except errors.Malformed as exc:
            self._bury(exc.reason)
            return
        event = driver.timed(event)
        if event.subject:
            key = event.subject.encode()
            touched = self._batch.touched.get(key)
            known = touched[0] is not None if touched is not None else self.store.get(key) is not None
            if (entering := driver.input_for(event, key, known=known)) is not None:
                self.decide(key, entering)
            return
        taken = driver.take_for_all(event)
        if event.type == inputs.BUNDLE_ACTIVATED:
            self._activated(event, taken=taken)

    def _activated(self, event: inputs.Event, *, taken: bool) -> None:
        """Count and log an activation; make it a dead letter if its bundle is unknown (`taken` is False)."""
        if not taken:
            _log.error("bundle unknown", partition=self.number, offset=self._record.offset)
            self._bury(fold_driver.UNKNOWN_BUNDLE)
            return
        self._batch.activations += 1
        bundle = self._batch.driver.catalog.bundle
        _log.info("bundle activated", partition=self.number, bundle=bundle.id, clock=event.field("clock"))
        for version in definitions.foreign(bundle):
            _log.warning("tzdata differs", partition=self.number, bundle=bundle.id, detail=definitions.told([version]))

    # Called by the fold driver: see `fold_driver.Customers`.

    def everybody(self) -> Iterator[bytes]:
        """Return the keys of all customers of the partition, new ones of this batch included.

        No copy is made, because there may be more customers than memory holds.
        """
        new = [key for key in self._batch.touched if key not in self.store]
        return itertools.chain(self.store.keys(), new)

    def is_due(self, key: bytes, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        return self._due(key) <= timestamps.milliseconds(until)

    def due_by(self, until: datetime.datetime) -> Iterator[bytes]:
        """Yield the customers of the partition who have a timer due by `until`."""
        latest = timestamps.milliseconds(until)
        for key in self.everybody():
            if self._due(key) <= latest:
                yield key

    def concerned(self, timer_due: inputs.Event) -> Iterator[bytes]:
        """Yield the customers of a `timer.due` who have a timer due at its time; note its arrival in the timer queue."""
        named = timer_due.field("customers")
        keys: Iterable[bytes] = self.everybody() if named is None else [each.encode() for each in named]
        latest = timestamps.milliseconds(timer_due.recorded)
        for key in keys:
            expected = self.store.timer_queue.done(key)
            due = self._due(key)
            if due <= latest:
                yield key
            elif expected and due != codec.NO_TIMER:
                self.store.timer_queue.arm(due, key)  # it was sent by a clock that is ahead of the log's time

    def decide(self, key: bytes, event: inputs.Event, *, before: bool = False) -> None:
        """Decide one input of one customer, and add the results to the batch."""
        batch, record = self._batch, self._record
        customer, offset, weighs = batch.touched.get(key) or self.store.customer(key)
        if record.offset <= offset:
            return  # this customer's state was written and the partition record was not: only without transactions
        name = key.decode()
        done = batch.driver.decided(customer, event, name, weighs)
        if type(done) is fold_driver.PutAside:  # faster than isinstance
            if done.reason == fold_driver.FAILED:
                _log.error("input not decided", customer=name, cause=event.id, error=type(done.error).__name__)
            else:
                _log.error("input refused", customer=name, cause=event.id, error=str(done.error))
            self._bury(done.reason, key)
            return
        if not done.facts:
            return
        if customer is None:
            self._place(key)
            if key not in batch.touched:
                batch.new.add(key)
        # After the time before its input, the input itself is still to come.
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

    def _place(self, key: bytes) -> None:
        """Count a new customer who belongs to another partition; log only the first, because a wrong producer misplaces many."""
        partitions = self.store.record.partitions
        if partitions and (home := partitioner.home(key, partitions)) != self.number:
            self._batch.misplaced += 1
            if not self._told:
                self._told = True
                _log.warning("customer misplaced", partition=self.number, offset=self._record.offset, home_partition=home)

    def _due(self, key: bytes) -> int:
        """Return the due time of the customer's earliest timer (ms), with the changes of this batch."""
        touched = self._batch.touched.get(key)
        if touched is None:
            return self.store.due_of(key)
        customer = touched[0]
        return timestamps.milliseconds(customer.next_due) if customer is not None and customer.timers else codec.NO_TIMER

    def _bury(self, reason: str, key: bytes | None = None) -> None:
        """Make the record a dead letter: its bytes, its position and the reason.

        `key` is the customer's key, if the customer is known.
        """
        record = self._record
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
        `behind` is True if records wait to be handled; a `timer.due` that was sent may be among them.
        """
        now = timestamps.milliseconds(wall)
        streaming = self.store.record.clock == "stream"
        here = self.store.record.stream_time if streaming else now
        steady = int(time.monotonic() * 1000)
        passed = steady - (now - self.passed) if behind else None
        chunks = self.store.timer_queue.due(here, steady, self.store.due_of, strictly=streaming, passed=passed)
        return [(timestamps.instant(due), [key.decode() for key in keys]) for due, keys in chunks]
