"""Topics as histories: a topic `kafka://host:port/topic` is read to its end, and its records become lines for a replay.

Each line is an event as JSON, with three more attributes: `recordedtime` (when the broker received the event), `kafkapartition`
and `kafkaoffset`. A line also has `kafkakey` if the record's key is not the event's subject. The worker makes such a record a
dead letter, and `kafkakey` tells the replay to do the same.

An event may have a `recordedtime` already, set by its producer. The worker uses it only under the stream clock; the newest
`bundle.activated` of a partition says which clock is in force there. Under the stream clock, a line keeps this `recordedtime`.
Otherwise the record's timestamp replaces it. So the replay uses the same times as the worker. A record that is not an event
becomes a line unchanged, and the replay counts it.

The module also writes histories to topics (`send`), and reads topics for the worker and the commands.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata

from engine.core import errors
from engine.core.model import inputs
from engine.replay import histories
from engine.runtime.kafka import connection, stall_timeout, timestamps, topics

_UNCONFIRMED: Final = 5_000
_JSON: Final = msgspec.json.Decoder()
_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_HOST: Final = r"(?:[^\s/@:,]+|\[[0-9a-fA-F:]+\]):\d+"
_LOG: Final = re.compile(rf"kafka://({_HOST}(?:,{_HOST})*)/([A-Za-z0-9._-]+)/?")


class NotALog(errors.RuntimeFailure):
    """This is not the address of a log, which is a topic on a broker."""

    code = "DLG540"
    hint = "Give the log as kafka://host:port/topic, such as kafka://localhost:9092/customer.events."


def read(broker: connection.Address, topic: str) -> Iterator[bytes]:
    """Yield the records of a topic as lines of a history, up to the end that each partition has when its reading begins.

    The lines of one partition come in the order of their offsets; lines of different partitions are mixed. Raises the errors of
    `records`, `connection.NotAllowed` and `connection.Failed`.
    """
    clocks: dict[int, str] = {}
    with connection.sentences(), asyncio.Runner() as runner:
        fetched = records(broker, topic)

        async def following() -> list[ConsumerRecord]:
            return await anext(fetched, [])

        while chunk := runner.run(following()):
            yield from (line(record, clocks) for record in chunk)


def address(url: str) -> tuple[str, str]:
    """Split `kafka://host:port/topic` into `host:port` and the topic.

    Several brokers have commas between them, in the URL and in the result. Raises `NotALog` for any other text.
    """
    matched = _LOG.fullmatch(url)
    if matched is None:
        raise NotALog(f"{url.rpartition('@')[2]} is not the address of a log.")
    return matched[1], matched[2]


async def records(
    broker: connection.Address, *names: str, since: Mapping[TopicPartition, int] | None = None
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """Yield the committed records of topics, in lists; each list has records of one partition.

    Each partition is read up to the high watermark that the broker reports at its first fetch. The order within a partition is
    kept, but the lists of different partitions come in any order. `since` says at which offsets to begin; a partition that is
    not in `since` is read from its start. Raises `NotALog` if a topic does not exist.
    """
    await connection.reachable(broker)
    ahead = {TopicPartition(name, number) for name in names for number in await topics.numbers(broker, name)}
    missing = {*names} - {tp.topic for tp in ahead}
    if missing:
        raise NotALog(f"There is no topic {', '.join(sorted(missing))} on {broker}, or this user may not see it.")
    ends: dict[TopicPartition, int] = {}
    async with reading(broker, *ahead) as consumer:
        await consumer.seek_to_beginning(*ahead)
        for tp, offset in (since or {}).items():
            consumer.seek(tp, offset)
        waiting = stall_timeout.Patience()
        while ahead:
            for fetched in (await consumer.getmany(*ahead, timeout_ms=200, max_records=5_000)).values():
                yield fetched
            stands = {tp: await consumer.position(tp) for tp in ahead}
            for tp, position in stands.items():
                end = consumer.highwater(tp)
                if end is not None and position >= ends.setdefault(tp, end):
                    ahead.discard(tp)
            waiting.stands(stands)


@contextlib.asynccontextmanager
async def reading(broker: connection.Address, *tps: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer that reads the committed records of these partitions, without a consumer group.

    The caller must first seek to the offsets at which to begin.
    """
    committed = {"auto_offset_reset": "earliest", "isolation_level": "read_committed", "fetch_max_wait_ms": 100}
    async with _started(broker, **committed) as consumer:
        consumer.assign(list(tps))
        yield consumer


async def dead(broker: connection.Address, topic: str) -> list[dict[str, str | int]]:
    """Return the headers, the key and the time (`at`) of each dead letter, the oldest first, for `dalang history dead`.

    `topic` is the full name of `dead.letters`.
    """
    found: list[tuple[int, dict[str, str | int]]] = []
    async for chunk in records(broker, topic):
        for record in chunk:
            told: dict[str, str | int] = {name: value.decode(errors="replace") for name, value in record.headers}
            if "reason" not in told:
                continue  # no worker wrote this record
            told["key"] = (record.key or b"").decode(errors="replace")
            found.append((record.timestamp, {**told, "at": inputs.text(timestamps.instant(record.timestamp))}))
    return [told for _, told in sorted(found, key=lambda each: each[0])]


async def ends(broker: connection.Address, name: str) -> dict[TopicPartition, int]:
    """Return the end offset that the broker reports for each partition of a topic.

    Some brokers report an offset that is too small.
    """
    tps = [TopicPartition(name, number) for number in await topics.numbers(broker, name)]
    async with _started(broker) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        return found


async def begins(broker: connection.Address, name: str) -> dict[TopicPartition, int]:
    """Return the first readable offset of each partition of a topic.

    An offset greater than 0 means that the oldest records have been removed, by retention for example.
    """
    tps = [TopicPartition(name, number) for number in await topics.numbers(broker, name)]
    async with _started(broker) as consumer:
        found: dict[TopicPartition, int] = await consumer.beginning_offsets(tps)
        return found


@contextlib.asynccontextmanager
async def _started(broker: connection.Address, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a started consumer without a consumer group, and stop the consumer at the end of the `with` block.

    The consumer commits no offsets. `options` are further arguments of `AIOKafkaConsumer`.
    """
    consumer = AIOKafkaConsumer(**connection.client(broker), group_id=None, enable_auto_commit=False, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        try:
            await consumer.stop()
        except asyncio.CancelledError:
            # For a consumer without a group, stop() can raise this error because aiokafka has cancelled a task of its own. The
            # error is raised again only if the task that runs this code is being cancelled.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise


async def send(lines: Iterable[bytes], broker: connection.Address, topic: str) -> dict[int, int]:
    """Write the lines of a history to a topic, and return the last offset written in each partition (`{partition: offset}`).

    The key of a record is the event's subject. An event for all customers, such as `bundle.activated`, is written to every
    partition. An event without `recordedtime` gets its `time` as `recordedtime`, because a replay of the file does the same. A
    line that is not an event is written unchanged and without a key; the worker then writes it to the dead letters.
    """
    await connection.reachable(broker)
    numbers = await topics.numbers(broker, topic)
    if not numbers:
        raise NotALog(f"There is no topic {topic} on {broker}.")
    last: dict[int, int] = {}
    unconfirmed: list[asyncio.Future[RecordMetadata]] = []
    producer = AIOKafkaProducer(**connection.client(broker), linger_ms=20, acks="all", max_request_size=2 * topics.LARGEST)
    await producer.start()
    try:
        for each in lines:
            key, value, everywhere = _keyed(each)
            for number in numbers if everywhere else [None]:
                unconfirmed.append(await producer.send(topic, value, key=key, partition=number))
            if len(unconfirmed) >= _UNCONFIRMED:
                _confirm(last, await asyncio.gather(*unconfirmed))
                unconfirmed.clear()
        _confirm(last, await asyncio.gather(*unconfirmed))
    finally:
        await producer.stop()
    return last


def _confirm(last: dict[int, int], sent: list[RecordMetadata]) -> None:
    for each in sent:
        last[each.partition] = max(each.offset, last.get(each.partition, -1))


def _keyed(each: bytes) -> tuple[bytes | None, bytes, bool]:
    """Return the key and the value of the record for a line, and True if `send` must write the record to every partition."""
    try:
        event = _JSON.decode(each)
    except _NO_JSON:
        return None, each, False
    if not isinstance(event, dict):
        return None, each, False
    if "recordedtime" not in event and "time" in event:
        each = msgspec.json.encode({**event, "recordedtime": event["time"]})
    # A record with this key was a dead letter for the worker on the topic that the line comes from. So it must be one here, too.
    if isinstance(strange := event.get("kafkakey"), str):
        return strange.encode() or None, each, False
    subject = event.get("subject")
    key = subject.encode() if isinstance(subject, str) and subject else None
    return key, each, key is None and event.get("type") in inputs.WITHOUT_SUBJECT


def line(record: ConsumerRecord, clocks: dict[int, str]) -> bytes:
    """Convert one record to a line of a history: the event as JSON, with the time, the partition and the offset of the record.

    A record that is not JSON keeps its bytes. `clocks` is the clock in force in each partition, such as `{0: "stream"}`. If the
    record is an activation, its clock is written to `clocks`.
    """
    try:
        event = _JSON.decode(record.value or b"")
    except _NO_JSON:
        raw = (record.value or b"null").replace(b"\n", b" ")
        # These bytes mark a compressed file or a text encoding. If the line were the first one of a file, the reader of the file
        # would unpack the file, or skip the bytes.
        return b" " + raw if raw.startswith(histories.MARKS) else raw
    if not isinstance(event, dict):
        return msgspec.json.encode(event)
    if event.get("type") == inputs.BUNDLE_ACTIVATED and not event.get("subject") and isinstance(event.get("data"), dict):
        clocks[record.partition] = str(event["data"].get("clock"))
    if clocks.get(record.partition) != "stream" or "recordedtime" not in event:
        event["recordedtime"] = inputs.text(timestamps.instant(record.timestamp))
    event.pop("kafkakey", None)
    key = (record.key or b"").decode(errors="replace")
    strange = {"kafkakey": key} if event.get("subject") and key != event["subject"] else {}
    return msgspec.json.encode({**event, "kafkapartition": record.partition, "kafkaoffset": record.offset, **strange})
