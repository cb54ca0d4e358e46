"""A topic as a history: `kafka://host:port/topic` is read to its end, as lines for a replay.

Each line is the event with three extensions: `recordedtime` (when the broker took the event), `kafkapartition` and `kafkaoffset`.
The line also has `kafkakey` if the record's key is not the event's subject: the worker wrote that record to the dead letters, and
a replay must do the same.

An event keeps its own `recordedtime` only under the stream clock, which `bundle.activated` sets for each partition. So a replay
of these lines has the same times as the worker. A record that is not an event becomes a line as it is, and the replay counts it.
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
    """Yield the lines of a topic up to its present end; the order within each partition is kept."""
    clocks: dict[int, str] = {}
    with connection.sentences(), asyncio.Runner() as runner:
        fetched = records(broker, topic)

        async def following() -> list[ConsumerRecord]:
            return await anext(fetched, [])

        while chunk := runner.run(following()):
            yield from (line(record, clocks) for record in chunk)


def address(url: str) -> tuple[str, str]:
    """Split `kafka://host:port/topic` into its brokers and its topic; several brokers have commas between them.

    Raises `NotALog` for any other text.
    """
    matched = _LOG.fullmatch(url)
    if matched is None:
        raise NotALog(f"{url.rpartition('@')[2]} is not the address of a log.")
    return matched[1], matched[2]


async def records(
    broker: connection.Address, *names: str, since: Mapping[TopicPartition, int] | None = None
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """Yield the committed records of topics in chunks of one partition, up to the end that its first fetch reports.

    The order within a partition is kept; the order of partitions is not fixed. `since` is `{partition: first offset}`; a
    partition that is not in it is read from its start. Raises `NotALog` if a topic does not exist.
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
    """Yield a consumer of committed records, without a group. These partitions are assigned to it; the caller seeks."""
    committed = {"auto_offset_reset": "earliest", "isolation_level": "read_committed", "fetch_max_wait_ms": 100}
    async with _started(broker, **committed) as consumer:
        consumer.assign(list(tps))
        yield consumer


async def dead(broker: connection.Address, topic: str) -> list[dict[str, str | int]]:
    """Return the headers, the key and the time of each dead letter, in the order in which they were written."""
    found: list[tuple[int, dict[str, str | int]]] = []
    async for chunk in records(broker, topic):
        for record in chunk:
            told: dict[str, str | int] = {name: value.decode(errors="replace") for name, value in record.headers}
            if "reason" not in told:
                continue  # no worker put this record aside
            told["key"] = (record.key or b"").decode(errors="replace")
            found.append((record.timestamp, {**told, "at": inputs.text(timestamps.instant(record.timestamp))}))
    return [told for _, told in sorted(found, key=lambda each: each[0])]


async def ends(broker: connection.Address, name: str) -> dict[TopicPartition, int]:
    """Return the end offset of each partition of a topic as the broker states it; some brokers state too small an offset."""
    tps = [TopicPartition(name, number) for number in await topics.numbers(broker, name)]
    async with _started(broker) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        return found


async def begins(broker: connection.Address, name: str) -> dict[TopicPartition, int]:
    """Return the first offset of each partition of a topic; it is greater than 0 if retention has removed the start."""
    tps = [TopicPartition(name, number) for number in await topics.numbers(broker, name)]
    async with _started(broker) as consumer:
        found: dict[TopicPartition, int] = await consumer.beginning_offsets(tps)
        return found


@contextlib.asynccontextmanager
async def _started(broker: connection.Address, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer without a group, which commits no offsets; `options` are aiokafka's options."""
    consumer = AIOKafkaConsumer(**connection.client(broker), group_id=None, enable_auto_commit=False, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        try:
            await consumer.stop()
        except asyncio.CancelledError:
            # aiokafka's stop() of a consumer without a group can raise this for its own task. Only our own cancellation is passed
            # on.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise


async def send(lines: Iterable[bytes], broker: connection.Address, topic: str) -> dict[int, int]:
    """Write lines to a topic, keyed by their subject, and return the last offset in each partition (`{partition: offset}`).

    A line without a subject goes into every partition. An event without `recordedtime` gets its `time` as recorded time, as in a
    replay of the file. A line that is not an event is written as it is, without a key, and the worker makes it a dead letter.
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
    """Return the key and the value of a line as a record, and True if the record goes into every partition."""
    try:
        event = _JSON.decode(each)
    except _NO_JSON:
        return None, each, False
    if not isinstance(event, dict):
        return None, each, False
    if "recordedtime" not in event and "time" in event:
        each = msgspec.json.encode({**event, "recordedtime": event["time"]})
    if isinstance(strange := event.get("kafkakey"), str):  # put aside in the log that it comes from, so also put aside here
        return strange.encode() or None, each, False
    subject = event.get("subject")
    key = subject.encode() if isinstance(subject, str) and subject else None
    return key, each, key is None and event.get("type") in inputs.WITHOUT_SUBJECT


def line(record: ConsumerRecord, clocks: dict[int, str]) -> bytes:
    """Convert one record to a line; a record that is not an event keeps its bytes.

    `clocks` is `{partition: present clock}`; an activation in the record updates it.
    """
    try:
        event = _JSON.decode(record.value or b"")
    except _NO_JSON:
        raw = (record.value or b"null").replace(b"\n", b" ")
        # A file that begins with these bytes would be unpacked, or read without its first bytes.
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
