"""The takeover of a partition: fence its former worker, load its states, and make its last transaction whole.

These steps happen, in this order:

1. The writer starts, which fences the former writer and aborts its open transaction.
2. A claim is written to every topic of the partition (`writer.Claimer`): everything before the claims is final.
3. The states are read up to their claim (`store.refresh`).
4. The outputs after the tails of the partition record are read up to their claims, and compared (`tails.compared`).
5. If they differ, Kafka has committed the last transaction by half (docs/failures.md#a-transaction-that-is-committed-by-half).
   The states from before it are restored, its inputs are decided again, and one transaction writes the missing outputs. A
   repeated decision has the same id, so outputs that are on the broker already are skipped.

Called by the worker, under the partition's lock. This file decides nothing: partition.py does. On a broker without
transactions only steps 1 and 3 happen.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from engine.runtime import bundles, logs
from engine.runtime.kafka import broker_clock, connection, history, stall_timeout, topics
from engine.runtime.monitoring import metrics
from engine.runtime.partition import partition, partition_checks, tails, writer
from engine.runtime.state import codec, store

FAR: Final = 100_000
"""The inputs of the last transaction are among so many records of `customer.events`: five times a full prefetch."""
FEW: Final = 10_000
"""Up to so many records of `customer.events` are read without a check whether any bundle emits events."""
_log = logs.log()


class Takeover:
    """The takeovers of one worker; `connected` makes a partition from a store and a writer."""

    def __init__(
        self,
        broker: connection.Address,
        names: topics.Topics,
        registry: bundles.Registry,
        clock: broker_clock.Wall,
        seen: metrics.Metrics,
        connected: Callable[[int, store.Port, writer.Writer], partition.Partition],
    ) -> None:
        self._broker, self._names, self._registry, self._clock = broker, names, registry, clock
        self._metrics, self._connected = seen, connected

    async def take(self, number: int, own: writer.Writer, held: store.Port, app_id: str, count: int) -> partition.Partition:
        """Take a partition and return it, ready to decide.

        `own` is its writer, not started yet. `held` is its store, which may hold a copy of its states. `app_id` has the prefix.
        `count` is the number of partitions. Raises the errors of the broker, `partition_checks.PartitionsChanged` and
        `partition.LiveBundleMissing`.
        """
        claims: dict[str, int] = {}
        if own.transactions:
            claims = await self._fence(number, own, app_id)
        else:
            await own.start()
        states = self._names.name(topics.STATE)
        half = await store.refresh(held, self._broker, states, number, claims.get(states, -1), self._clock.now())
        held.record = await partition_checks.agreed(self._broker, self._names, number, held.record, count)
        current = self._connected(number, held, own)
        await current.prepare()
        if own.transactions:
            await self._check(current, claims, half)
        return current

    async def _fence(self, number: int, own: writer.Writer, app_id: str) -> dict[str, int]:
        """Fence the former worker, write a claim to each topic, and return the offsets of the claims by full topic name.

        The claimer connects at the same time, but writes its claims after the fence.
        """
        claimer = writer.Claimer(self._broker, app_id, number, self._clock)
        connecting = asyncio.create_task(claimer.start())
        try:
            await own.start()
            await connecting
            return await claimer.claim(map(self._names.name, (topics.STATE, *tails.TOPICS)))
        finally:
            connecting.cancel()
            await claimer.stop()

    async def _check(self, current: partition.Partition, claims: Mapping[str, int], half: bool) -> None:
        """Make the last transaction whole if it is not, and start to count the partition's writes."""
        held, ends = current.store, {topic: codec.Tail(claims[self._names.name(topic)]) for topic in tails.TOPICS}
        counts = bool(held.record.tails)
        if counts:  # an output topic that the record does not know yet is counted from its claim
            held.record = msgspec.structs.replace(held.record, tails={**ends, **held.record.tails})
            compared = tails.compared(held.record, await self._found(current.number, held.record, claims))
        else:
            compared = tails.Comparison({}, (), ends)
        if half or compared.missing or compared.extra:
            await self._repair(current, compared, claims, half=half)
        elif not counts:
            # No worker has counted here before: earlier writes cannot be checked, but later ones can.
            current.counting.start(held.mark.offset, ends)
            current.begin()
            await current.write(held.record.offset)
            _told(current)
        written = current.counting.tails
        current.counting.start(held.mark.offset, {topic: max(tail, written.get(topic, tail)) for topic, tail in ends.items()})

    async def _found(self, number: int, record: codec.PartitionRecord, claims: Mapping[str, int]) -> dict[str, tails.Found]:
        """Return the committed records between the tail and the claim of each output topic."""
        found = {topic: tails.Found() for topic in record.tails}
        after = {topic: tail.after for topic, tail in record.tails.items()}
        if not record.tails[topics.EVENTS].count and not await self._may_emit(claims, after[topics.EVENTS]):
            del after[topics.EVENTS]
        tps = {TopicPartition(self._names.name(topic), number): topic for topic in after}
        async with history.reading(self._broker, *tps) as consumer:
            for tp, start in (await consumer.beginning_offsets(list(tps))).items():
                found[tps[tp]].cut = start > after[tps[tp]] + 1
                consumer.seek(tp, max(start, after[tps[tp]] + 1))
            async for tp, record_ in _until(consumer, {tp: claims[tp.topic] for tp in tps}):
                if (id_ := tails.id_of(topic := tps[tp], record_)) is not None:
                    found[topic].ids.append(id_)
                    found[topic].offsets.append(record_.offset)
        return found

    async def _may_emit(self, claims: Mapping[str, int], after: int) -> bool:
        """Return True if emitted events may be after this offset of `customer.events`, so that it must be read.

        If there are few records, they are read anyway. If there are many, they are read only if a bundle emits events, because
        reading the events of all other producers would take long.
        """
        if claims[self._names.name(topics.EVENTS)] - after <= FEW or self._registry.emits:
            return True
        await self._registry.refresh()
        return self._registry.emits

    async def _repair(
        self, current: partition.Partition, compared: tails.Comparison, claims: Mapping[str, int], *, half: bool
    ) -> None:
        """Decide the last transaction again, from the states before it, and write its missing outputs."""
        held, number, record = current.store, current.number, current.store.record
        states, events = (claims[self._names.name(topic)] for topic in (topics.STATE, topics.EVENTS))
        base = record.base if compared.missing else held.mark.offset
        before: Mapping[bytes, bytes | None] = {}
        if half or compared.missing:
            topic = self._names.name(topics.STATE)
            later = await store.restore(held, self._broker, topic, number, base, states, self._clock.now())
            if later is None or later.lost:
                return await self._give_up(current, record, compared, states, "the states before it have been compacted away")
            held.record = msgspec.structs.replace(held.record, partitions=record.partitions, lineage=record.lineage)
            before = later.snapshots
            await current.prepare()
        first = held.record.offset + 1
        current.counting.start(base, compared.tails)
        batch, last, left = await self._decide_again(current, record.offset if compared.missing else -1, compared.extra, events)
        if left is None:
            return await self._give_up(current, record, compared, states, "its inputs are not on the log any more")
        missing = tails.absent(batch.outputs, compared.extra, self._names)
        await current.write(last, missing, before)
        _told(current)
        self._metrics.repaired(number)
        _log.warning(
            "batch repaired",
            partition=number,
            first_offset=first,
            last_offset=last,
            outputs_written=dict(Counter(output.topic for output in missing)),
            outputs_found=len(compared.extra) - left.total(),
            outputs_unexplained=left.total(),
            states_restored=len(before),
        )

    async def _give_up(
        self, current: partition.Partition, record: codec.PartitionRecord, compared: tails.Comparison, claimed: int, why: str
    ) -> None:
        """Go on with the present states of the topic; count and log that the batch was not repaired."""
        held, states = current.store, self._names.name(topics.STATE)
        await store.refresh(held, self._broker, states, current.number, claimed, self._clock.now())
        held.record = record
        self._metrics.unrepaired(current.number)
        _log.error(
            "batch not repaired",
            partition=current.number,
            last_offset=record.offset,
            outputs_missing=dict(compared.missing),
            outputs_extra=len(compared.extra),
            reason=why,
        )

    async def _decide_again(
        self, current: partition.Partition, until: int, there: Collection[tuple[str, str]], end: int
    ) -> tuple[partition.Batch, int, Counter[tuple[str, str]] | None]:
        """Decide the inputs up to `until` again, and later ones until all outputs in `there` have been decided again.

        Returns the batch, its last offset, and the outputs in `there` that no input led to, or None for these if retention has
        removed the inputs. Inputs from the offset `end` on are not read.
        """
        events, start = self._names.name(topics.EVENTS), current.store.record.offset + 1
        tp, left, seen = TopicPartition(events, current.number), Counter(there), 0
        prefix, last, explained, taken = len(self._names.prefix), start - 1, start - 1, list[Any]()
        batch = current.begin()
        if last >= until and not left:
            return batch, last, left
        async with history.reading(self._broker, tp) as consumer:
            if (await consumer.beginning_offsets([tp]))[tp] > max(start, 0):
                return batch, last, None
            consumer.seek(tp, max(start, 0))
            async for _, record in _until(consumer, {tp: end}):
                if (last >= until and not left) or record.offset > max(start, until) + FAR:
                    break
                if (named := bundles.activated(record)) is not None:
                    await self._registry.know(str(named[0]))
                current.take(record)
                taken.append(record)
                last = record.offset
                for output in batch.outputs[seen:]:
                    if (known := (output.topic[prefix:], output.id)) in left:
                        explained = last
                        left[known] -= 1
                        if not left[known]:
                            del left[known]
                seen = len(batch.outputs)
        last = max(last, until)
        if left:  # no input led to these: the inputs that were decided only in search of them are left for later
            last = max(explained, until)
            batch = current.begin()
            for record in taken:
                if record.offset <= last:
                    current.take(record)
            current.arm_all()
        return batch, last, left


def _told(current: partition.Partition) -> None:
    """Raise `KafkaTimeoutError` if the broker did not report the offsets of the last write, which the next steps need."""
    if min(current.writer.last.values()) < 0:
        raise KafkaTimeoutError("The broker has a record twice and does not say where.")


async def _until(consumer: AIOKafkaConsumer, marks: Mapping[TopicPartition, int]) -> AsyncIterator[tuple[TopicPartition, Any]]:
    """Yield the committed records before the claim of each partition, in the order of each partition.

    `marks` are the offsets of the claims: `{partition: offset}`.
    """
    ahead, waiting = dict(marks), stall_timeout.Patience()
    while ahead:
        for tp, records in (await consumer.getmany(*ahead, timeout_ms=200, max_records=10_000)).items():
            for record in records:
                if record.offset < marks[tp]:
                    yield tp, record
        stands = {tp: await consumer.position(tp) for tp in ahead}
        ahead = {tp: mark for tp, mark in ahead.items() if stands[tp] <= mark}
        waiting.stands(stands)
