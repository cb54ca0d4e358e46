"""The takeover of a partition: fence its former worker, load its states, and complete its last transaction.

These steps happen, in this order:

1. The writer starts, which fences the former writer and aborts its open transaction.
2. A claim is written to every topic of the partition (`writer.Claimer`). Records before a claim cannot change any more.
3. The states are read up to their claim (`store.refresh`).
4. The output topics are read from the tails in the partition record to the claims. The records are compared with the counts in
   the tails (`tails.compared`).
5. If they differ, Kafka has committed the last transaction by half (docs/failures.md#a-transaction-that-is-committed-by-half).
   Then the states from before this transaction are restored, its inputs are decided again, and one transaction writes the missing
   outputs. An input that is decided again leads to outputs with the same ids. So outputs that are on the broker are recognised,
   and are not written again.

Called by the worker, under the partition's lock. This file does not decide inputs itself, but calls partition.py. On a broker
without transactions, only steps 1 and 3 happen.
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
"""The search for the inputs of the last transaction ends after this number of records of `customer.events`.

No input of the transaction can come later: this is five times the number of records that a worker fetches in advance by default.
"""
FEW: Final = 10_000
"""Up to this number of records of `customer.events` are searched for emitted events without another check.

If there are more records, they are only read if some bundle has a step that emits events.
"""
_log = logs.log()


class Takeover:
    """The means by which one worker takes over partitions: the broker, the topics, the bundles, the clock and the metrics.

    `connected` makes a `Partition` from its number, its store and its writer.
    """

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
        """Take over the partition `number`, and return it ready to decide records.

        `own` is the partition's writer, not started yet. `held` is its store: empty, or with states that this worker has read
        earlier. `app_id` is the application id with the prefix of the topics. `count` is the number of partitions of
        `customer.events`. Raises the errors of the broker, `partition_checks.PartitionsChanged` and
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
        """Fence the former worker, write a claim to each topic, and return the claims' offsets (`{full topic name: offset}`).

        To save time, the claimer connects to the broker while the former worker is being fenced. The claims are written later,
        when the former worker cannot write any more.
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
        """Check the last transaction, complete it if it was committed by half, and start to count the partition's writes.

        `claims` has the offset of each claim (`{full topic name: offset}`). `half` is True if `customer.state` ends with states
        that have no partition record after them.
        """
        held, ends = current.store, {topic: codec.Tail(claims[self._names.name(topic)]) for topic in tails.TOPICS}
        counts = bool(held.record.tails)
        if counts:  # if the record has no tail for an output topic, the count of this topic begins at its claim
            held.record = msgspec.structs.replace(held.record, tails={**ends, **held.record.tails})
            compared = tails.compared(held.record, await self._found(current.number, held.record, claims))
        else:
            compared = tails.Comparison({}, (), ends)
        if half or compared.missing or compared.extra:
            await self._repair(current, compared, claims, half=half)
        elif not counts:
            # No worker has counted this partition's writes before. So earlier writes cannot be checked, but later ones can.
            current.counting.start(held.mark.offset, ends)
            current.begin()
            await current.write(held.record.offset)
            _told(current)
        written = current.counting.tails
        current.counting.start(held.mark.offset, {topic: max(tail, written.get(topic, tail)) for topic, tail in ends.items()})

    async def _found(self, number: int, record: codec.PartitionRecord, claims: Mapping[str, int]) -> dict[str, tails.Found]:
        """Return the ids and offsets of the committed records in each output topic, between its tail and its claim.

        `customer.events` is not read if it cannot have events that a step emitted.
        """
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
        """Return True if there may be emitted events after the offset `after` of `customer.events`, so that it must be read.

        If only a few records (`FEW`) come after the offset, the result is always True. Reading many records takes long. So with
        more records, the result is True only if some bundle has a step that emits events; the newest bundles are loaded first.
        """
        if claims[self._names.name(topics.EVENTS)] - after <= FEW or self._registry.emits:
            return True
        await self._registry.refresh()
        return self._registry.emits

    async def _repair(
        self, current: partition.Partition, compared: tails.Comparison, claims: Mapping[str, int], *, half: bool
    ) -> None:
        """Complete a transaction that was committed by half: decide its inputs again and write the missing outputs.

        If outputs are missing or `half` is True, the states from before the transaction are restored first. If that is not
        possible, or the inputs have been removed, nothing is repaired (`_give_up`).
        """
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
        """Load the states as they are on `customer.state`, and count and log that the last transaction was not repaired.

        Called if a repair is not possible, for the reason `why`. `claimed` is the offset of the claim in `customer.state`.
        """
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
        """Decide the inputs after the partition record again, in a new batch that is not written here.

        `there` has the topic (without the prefix) and the id of outputs that are on the broker. Inputs are decided up to the
        offset `until`, and then further, until every output in `there` has been decided again. Inputs from the offset `end` on
        are not read. Returns the batch, the offset of its last input, and the outputs in `there` that no input led to. Returns
        None in place of these outputs if retention has removed the inputs.
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
        # No input led to the outputs in `left`. Inputs that were decided only to find them are taken out of the batch again; the
        # worker decides them later.
        if left:
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
    """Yield the committed records before the claim of each partition, together with the partition.

    `marks` has the offsets of the claims (`{partition: offset}`). The records of one partition are in order.
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
