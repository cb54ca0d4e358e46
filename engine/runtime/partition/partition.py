"""One partition: its records are decided one by one, and their results are written in batches.

    records -> decode (or dead letter) -> decide per customer -> decisions, actions, states, partition record -> broker

Called by the worker under the partition's lock. `dalang state rebuild` and `dalang state check` call it too, with writers that
write nothing to Kafka. If a batch cannot be written, the worker's process ends, because the states in memory may be newer than
the states on the broker.
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
"""The number of outputs at which a transaction is written, even if more records wait.

So if 100,000 timers are due in one second, their outputs are written in many transactions and are never all in memory.
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
    """The results of one batch of records, until they are written."""

    def __init__(self, record: codec.PartitionRecord, driver: fold_driver.Driver[bytes]) -> None:
        self.driver = driver
        self.outputs: list[writer.Output] = []
        self.touched: dict[bytes, tuple[state.Customer | None, int, int]] = {}
        """For each customer with a changed state: the state, the offset of the last input in it, and its greatest size in bytes.

        The state is None after an erasure. `store.Port.customer` returns the same three values for the states in the store.
        """
        self.new: set[bytes] = set()
        """The customers who had no state before this batch."""
        self.decided: list[decisions.Decision] = []
        self.acted, self.buried = Counter[str](), Counter[str]()
        self.activations, self.misplaced = 0, 0
        self.before = record

    def record(self, offset: int) -> codec.PartitionRecord:
        """Return the partition record which says that all records up to `offset` have been handled."""
        bundle, clock = self.driver.catalog.bundle.id, "stream" if self.driver.streaming else "wall"
        held = tuple(sorted(self.driver.held))
        time = timestamps.milliseconds(self.driver.stream_time)
        return msgspec.structs.replace(self.before, offset=offset, bundle=bundle, clock=clock, stream_time=time, held=held)


class Partition:
    """One partition of `customer.events`, with its customers and its writer.

    - `loaded`: the store with the states of the partition's customers.
    - `own`: the writer of this partition.
    - `wrote`: a function that is called after each written batch, for the metrics.
    - `decode`: the function that decodes a record to an event.
    """

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
        """The timestamp (ms) of the last record that was handled, 0 if none was."""
        self._wrote, self._decode, self._trace = wrote, decode, trace.Trace(detailed=False)
        self._told = False
        """True if a warning about a misplaced customer was logged; there is at most one for each partition."""
        self._registry = registry
        self._decisions = names.name(topics.DECISIONS)
        self._dead = names.name(topics.DEAD_LETTERS)
        self._states = names.name(topics.STATE)
        self._events = names.name(topics.EVENTS)
        self._actions = {channel: names.name(topic) for channel, topic in topics.ACTIONS.items()}
        self.counting = tails.Counting(names)
        self._batch: Batch
        self._record: Any
        """The record of `customer.events` that `take` is handling."""

    async def close(self) -> None:
        """Disconnect the writer and close the store."""
        await self.writer.stop()
        self.store.close()

    async def prepare(self) -> None:
        """Load the bundle that is live in the partition from `journey.bundles`, if this worker does not know it yet.

        Raises `LiveBundleMissing` if the bundle is not on the topic.
        """
        bundle = self.store.record.bundle
        if not await self._registry.know(bundle):
            raise LiveBundleMissing(f"The bundle {bundle} is live in partition {self.number}, but missing on journey.bundles.")

    async def handle(self, chunks: Sequence[faust_batches.Chunk]) -> int:
        """Decide the records of these chunks, write the results, and return the number of decided records.

        Records that were handled before are left out and not counted. Raises `Skipped` if Faust has dropped a chunk before one of
        these chunks, because the dropped records would never be handled.
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
        """Decide records until there are `FULL` outputs, write them in one transaction, and return the records that are left."""
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
        """Start an empty batch, with the states in the store as its beginning.

        Then `take` adds the results of records to the batch, and `write` writes the batch.
        """
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
        """Write the batch and a partition record which says that all records up to `offset` have been handled.

        Returns the seconds that the broker took. `missing` and `before` are only for a repair (see takeover.py). `missing` are
        the outputs to write if the batch's other outputs are on the broker already; None means all outputs. `before` has
        snapshots of further customers to write (`{customer: snapshot}`, None for no state). They replace snapshots on the topic
        that belong to a transaction which was aborted in other topics.
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
        """Put the earliest timer of every customer into the timer queue again.

        Called after a batch was discarded. When its inputs were decided, the queue noted that timers had fired, but the batch was
        not written, so these timers must still fire.
        """
        for key in self.store.keys():  # noqa: SIM118 - a store is no dictionary
            if (due := self.store.due_of(key)) != codec.NO_TIMER:
                self.store.timer_queue.arm(due, key)

    def _count(self, batch: Batch, fresh: list[Any], started: float, write_took: float) -> None:
        """Report a written batch to the metrics.

        `fresh` are the records of the batch. `started` is the value of `time.monotonic` when the batch began. `write_took` is the
        time that the broker took, in seconds.
        """
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
        """Decide one record of `customer.events` and add the results to the batch; a malformed record becomes a dead letter."""
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

    # The fold driver calls the next methods: see `fold_driver.Customers`.

    def everybody(self) -> Iterator[bytes]:
        """Return the keys of all customers of the partition, including those who are new in this batch.

        The keys are read one by one and not copied to a list, because there may be more customers than fit into memory.
        """
        new = [key for key in self._batch.touched if key not in self.store]
        return itertools.chain(self.store.keys(), new)

    def is_due(self, key: bytes, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        return self._due(key) <= timestamps.milliseconds(until)

    def due_by(self, until: datetime.datetime) -> Iterator[bytes]:
        """Yield the customers of the partition whose earliest timer is due at or before `until`."""
        latest = timestamps.milliseconds(until)
        for key in self.everybody():
            if self._due(key) <= latest:
                yield key

    def concerned(self, timer_due: inputs.Event) -> Iterator[bytes]:
        """Yield those customers of an event `timer.due` whose earliest timer is due at or before the time of the event.

        If the event names no customers, it is for all customers of the partition. For each customer of the event, the timer
        queue notes that a `timer.due` has arrived.
        """
        named = timer_due.field("customers")
        keys: Iterable[bytes] = self.everybody() if named is None else [each.encode() for each in named]
        latest = timestamps.milliseconds(timer_due.recorded)
        for key in keys:
            expected = self.store.timer_queue.done(key)
            due = self._due(key)
            if due <= latest:
                yield key
            elif expected and due != codec.NO_TIMER:
                # The `timer.due` came too early: the clock of its sender was ahead of the log's time.
                self.store.timer_queue.arm(due, key)

    def decide(self, key: bytes, event: inputs.Event, *, before: bool = False) -> None:
        """Decide one input of one customer, and add the results to the batch.

        If `before` is True, the input is only the time that passes before the record that `take` is handling. The record itself
        is decided afterwards.
        """
        batch, record = self._batch, self._record
        customer, offset, weighs = batch.touched.get(key) or self.store.customer(key)
        # The state includes this record already if a crash came after the states and before the partition record were written.
        # This can happen only without transactions.
        if record.offset <= offset:
            return
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
        # With `before`, the record itself is still to be decided, so the state does not include its offset yet.
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
        """Count a new customer as misplaced if the customer's key belongs to another partition.

        Only the first one is logged, because a producer with a wrong partitioner misplaces many customers.
        """
        partitions = self.store.record.partitions
        if partitions and (home := partitioner.home(key, partitions)) != self.number:
            self._batch.misplaced += 1
            if not self._told:
                self._told = True
                _log.warning("customer misplaced", partition=self.number, offset=self._record.offset, home_partition=home)

    def _due(self, key: bytes) -> int:
        """Return the due time (ms) of the customer's earliest timer after the changes in this batch.

        Returns `codec.NO_TIMER` if the customer has no timer.
        """
        touched = self._batch.touched.get(key)
        if touched is None:
            return self.store.due_of(key)
        customer = touched[0]
        return timestamps.milliseconds(customer.next_due) if customer is not None and customer.timers else codec.NO_TIMER

    def _bury(self, reason: str, key: bytes | None = None) -> None:
        """Add the record that `take` is handling to the batch as a dead letter, with its position and the reason as headers.

        `key` is the customer's key, None if the customer is not known. The record's key and value stay as they are, but a value
        of more than `topics.LARGEST` bytes is cut to half of this limit.
        """
        record = self._record
        headers = {
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "reason": reason,
        }
        if key is not None and record.key is None:
            # A record without a key, such as a `timer.due`, is for several customers: the header says which one had the error.
            headers["customer"] = key.decode()
        value = record.value
        if value is not None and len(value) > topics.LARGEST:
            # The broker checks the compressed size of a record, so a record with a larger value can be on the topic.
            headers["bytes"], value = str(len(value)), value[: topics.LARGEST // 2]
        self._batch.buried[reason] += 1
        encoded = tuple((name, told.encode()) for name, told in headers.items())
        self._batch.outputs.append(writer.Output(self._dead, record.key, value, encoded, tails.letter_id(headers)))

    # The worker's clock calls the next method.

    def due(self, wall: datetime.datetime, *, behind: bool = False) -> list[tuple[datetime.datetime, list[str]]]:
        """Return the customers whose timers are due now, in chunks; each chunk has the time for its `timer.due`.

        "Now" is `wall`, the broker's time. Under the stream clock it is the stream's time, and a timer that is due at exactly
        this time waits for a later event. `behind` is True if the worker has not yet handled all records of the topic. Then a
        `timer.due` that was sent may be among these records, and is not sent again.
        """
        now = timestamps.milliseconds(wall)
        streaming = self.store.record.clock == "stream"
        here = self.store.record.stream_time if streaming else now
        steady = int(time.monotonic() * 1000)
        passed = steady - (now - self.passed) if behind else None
        chunks = self.store.timer_queue.due(here, steady, self.store.due_of, strictly=streaming, passed=passed)
        return [(timestamps.instant(due), [key.decode() for key in keys]) for due, keys in chunks]
