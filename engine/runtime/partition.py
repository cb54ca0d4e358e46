"""One partition: the batches of its records, decided one by one and written together.

    records -> decode (or dead letter) -> decide per customer -> decisions, actions, states, the partition's record -> broker

Called by the worker under the partition's lock. Whatever cannot be written ends the process: memory would be ahead.
"""

import datetime
from typing import Any, Final

import msgspec

from engine.core import actions, catalog, decider, decisions, errors, inputs, state
from engine.runtime import bundles, codec, logs, store, topics, writer

FAILED: Final = "failed"
"""The reason of a dead letter that is a fine event, but made the decider itself raise: a fault of Dalang's."""
UNKNOWN_BUNDLE: Final = "unknown_bundle"

_log = logs.log()


class _Batch:
    """What the records of one batch lead to, before it is written."""

    def __init__(self, record: codec.PartitionRecord) -> None:
        self.outputs: list[writer.Output] = []
        self.touched: dict[bytes, tuple[state.Customer | None, int]] = {}
        self.record = record


class Partition:
    """A partition of `customer.events`, its customers and its writer."""

    def __init__(
        self,
        number: int,
        names: topics.Topics,
        registry: bundles.Registry,
        loaded: store.Store,
        own: writer.Writer,
    ) -> None:
        self.number, self.store, self.writer = number, loaded, own
        self._registry = registry
        self._decisions = names.name(topics.DECISIONS)
        self._dead = names.name(topics.DEAD_LETTERS)
        self._states = names.name(topics.STATE)
        self._actions = {channel: names.name(topic) for channel, topic in topics.ACTIONS.items()}
        self._batch = _Batch(loaded.record)

    async def prepare(self) -> None:
        """Know the live bundle, which another worker may have put on the topic."""
        if self.store.record.bundle not in self._registry:
            await self._registry.refresh()

    async def handle(self, records: list[Any]) -> int:
        """Decide and write the records that were not handled yet; how many those are."""
        fresh = [record for record in records if record.offset > self.store.record.offset]
        if not fresh:
            return 0
        if any(record.value is not None and b"bundle.activated" in record.value for record in fresh):
            await self._registry.refresh()
        batch = self._batch = _Batch(self.store.record)
        for record in fresh:
            self._take(record)
        self._move(offset=fresh[-1].offset)
        snapshots = {
            key: None if customer is None else codec.snapshot(customer, offset)
            for key, (customer, offset) in batch.touched.items()
        }
        states = [writer.Output(self._states, key, value) for key, value in snapshots.items()]
        own = codec.partition_record(batch.record)
        await self.writer.write(batch.outputs, [*states, writer.Output(self._states, codec.PARTITION_KEY, own)])
        self.store.record = batch.record
        for key, value in snapshots.items():
            self.store.put(key, value)
        return len(fresh)

    def _take(self, record: Any) -> None:
        """One record of the log."""
        streaming = self._batch.record.clock == "stream"
        logged = codec.instant(record.timestamp)
        try:
            event = inputs.decode(record.value, key=record.key, logged=logged, trust_recorded=streaming).event
        except errors.Malformed as exc:
            self._bury(record, exc.reason)
            return
        if streaming and event.type != inputs.BUNDLE_ACTIVATED:
            self._move(stream_time=max(self._batch.record.stream_time, codec.milliseconds(event.recorded)))
        match event.type:
            case inputs.TIMER_DUE:
                self._pass_time(event, record)
            case inputs.BUNDLE_ACTIVATED:
                self._activate(event, record)
            case _ if event.subject:
                self._take_event(event, event.subject.encode(), record)
            case _:
                pass

    def _take_event(self, event: inputs.Event, key: bytes, record: Any) -> None:
        """An event of one customer; most are named by nothing, and let time pass at most."""
        catalog = self._catalog
        if event.type not in catalog.named and event.type not in inputs.BUILT_IN:
            if self._due(key) >= codec.milliseconds(event.recorded):
                return
            event = inputs.tick(event.recorded)
        self._decide(event, key, record, catalog)

    def _pass_time(self, event: inputs.Event, record: Any) -> None:
        """`timer.due`: for the customers that it names, or for everybody of this partition."""
        named = event.field("customers")
        everybody = {**self.store.snapshots, **self._batch.touched}
        keys = [each.encode() for each in named] if isinstance(named, list) else [*everybody]
        until, catalog = codec.milliseconds(event.recorded), self._catalog
        for key in keys:
            self.store.calendar.done(key)
            if self._due(key) <= until:
                self._decide(event, key, record, catalog)

    def _activate(self, event: inputs.Event, record: Any) -> None:
        """From here on this bundle is live, and this clock is in force."""
        id_, clock = event.field("bundle"), event.field("clock")
        if not isinstance(id_, str) or id_ not in self._registry:
            _log.error("bundle unknown", partition=self.number, offset=record.offset)
            self._bury(record, UNKNOWN_BUNDLE)
            return
        self._move(bundle=id_, clock="stream" if clock == "stream" else "wall")
        _log.info("bundle activated", partition=self.number, bundle=id_, clock=clock)

    def _decide(self, event: inputs.Event, key: bytes, record: Any, catalog: catalog.Catalog) -> None:
        """One input of one customer."""
        batch = self._batch
        customer, offset = batch.touched.get(key) or self.store.customer(key)
        if record.offset <= offset:
            return  # her state was written, the partition's record not yet: only without transactions
        punctual = batch.record.clock == "stream"
        try:
            done = decider.transition(catalog, customer, event, customer_id=key.decode(), punctual=punctual)
        except Exception as exc:  # noqa: BLE001 - one customer must not stop the others
            _log.error("not decided", customer=key.decode(), cause=event.id, error=type(exc).__name__)
            self._bury(record, FAILED)
            return
        if not done.facts:
            return
        batch.touched[key] = (done.state, record.offset)
        for decision in done.decisions:
            batch.outputs.append(writer.Output(self._decisions, key, decisions.encode(decision)))
            for action in decider.react(decision):
                topic = self._actions[action.channel]
                batch.outputs.append(writer.Output(topic, key, actions.encode(action)))

    def _due(self, key: bytes) -> int:
        """When the customer's earliest timer is due (ms), this batch's changes included."""
        touched = self._batch.touched.get(key)
        if touched is None:
            return self.store.due_of(key)
        customer = touched[0]
        return codec.milliseconds(customer.next_due) if customer is not None and customer.timers else codec.NO_TIMER

    def _bury(self, record: Any, reason: str) -> None:
        """The record as it came, with its position and the reason, to the dead letters."""
        headers = {
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "reason": reason,
        }
        encoded = tuple((name, value.encode()) for name, value in headers.items())
        self._batch.outputs.append(writer.Output(self._dead, record.key, record.value, encoded))

    def _move(self, **changes: Any) -> None:
        self._batch.record = msgspec.structs.replace(self._batch.record, **changes)

    @property
    def _catalog(self) -> catalog.Catalog:
        return self._registry.catalog(self._batch.record.bundle)

    # The clock's side.

    def due(self, wall: datetime.datetime) -> list[tuple[datetime.datetime, list[str]]]:
        """The customers whose timers are due by now, in chunks, each with the time that has passed for them.

        Under the stream clock now is the stream's time, and a timer that is due at that very time waits for a later event.
        """
        now = codec.milliseconds(wall)
        streaming = self.store.record.clock == "stream"
        time = self.store.record.stream_time if streaming else now
        chunks = self.store.calendar.due(time, now, self.store.due_of, strictly=streaming)
        return [(codec.instant(due), [key.decode() for key in keys]) for due, keys in chunks]
