"""The log as a history: `kafka://host:port/topic` read to its end, as lines that a replay takes.

Each line is the event with three extensions: `recordedtime` (when the log took it), `kafkapartition` and `kafkaoffset`. An
event's own `recordedtime` is kept only where the stream clock is in force, which `bundle.activated` says per partition:
so a replay of these lines sees the times that the worker saw. What is no event is passed on as it is, and counted there.
"""

import asyncio
import urllib.parse
from collections.abc import AsyncGenerator, Iterator

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from engine.core import errors, inputs
from engine.runtime import codec, connection, topics


class NotALog(errors.DalangError):
    """This is not a topic of a broker."""

    code = "DLG540"
    hint = "A log is kafka://host:port/topic, such as kafka://localhost:9092/customer.events."


def read(url: str) -> Iterator[bytes]:
    """The lines of a topic, each partition's in the log's order, up to where the log ended when it was asked."""
    parts = urllib.parse.urlsplit(url)
    topic = parts.path.strip("/")
    if parts.scheme != "kafka" or not topic or not parts.netloc or parts.port is None:
        raise NotALog(f"{url} is not a log.")
    clocks: dict[int, str] = {}
    with asyncio.Runner() as runner:
        fetched = records(parts.netloc, topic)

        async def following() -> list[ConsumerRecord]:
            return await anext(fetched, [])

        while chunk := runner.run(following()):
            yield from (line(record, clocks) for record in chunk)


async def records(broker: str, topic: str) -> AsyncGenerator[list[ConsumerRecord], None]:
    """The committed records of a topic in chunks of one partition, up to the high watermark of each one's first fetch."""
    await connection.reachable(broker)
    numbers = await topics.numbers(broker, topic)
    if not numbers:
        raise NotALog(f"There is no topic {topic} on {broker}.")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        for tp in (TopicPartition(topic, number) for number in numbers):
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            end = None
            while end is None or await consumer.position(tp) < end:
                fetched = (await consumer.getmany(tp, timeout_ms=200, max_records=5_000)).get(tp, [])
                end = consumer.highwater(tp) if end is None else end
                if fetched:
                    yield fetched
    finally:
        try:
            await consumer.stop()
        except asyncio.CancelledError:  # see store.load
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise


def line(record: ConsumerRecord, clocks: dict[int, str]) -> bytes:
    """One record as a line; `clocks` follows the clock in force of each partition. No event: the bytes as they are."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return (record.value or b"null").replace(b"\n", b" ")
    if not isinstance(event, dict):
        return orjson.dumps(event)
    if event.get("type") == inputs.BUNDLE_ACTIVATED and isinstance(event.get("data"), dict):
        clocks[record.partition] = str(event["data"].get("clock"))
    if clocks.get(record.partition) != "stream" or "recordedtime" not in event:
        event["recordedtime"] = inputs.text(codec.instant(record.timestamp))
    return orjson.dumps({**event, "kafkapartition": record.partition, "kafkaoffset": record.offset})
