"""The naive way: a Faust agent that takes event by event, counts in a Table and sends one output for each.

`python -m ... BROKER TOPIC OUTPUT NAME`
"""

import sys
import tempfile
from typing import Any

import faust


def app(broker: str, topic: str, output: str, name: str) -> Any:
    made = faust.App(
        name,
        broker=f"aiokafka://{broker}",
        topic_partitions=4,
        topic_disable_leader=True,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        datadir=tempfile.mkdtemp(prefix="faust-table-"),
    )
    source = made.topic(topic, value_serializer="json", key_serializer="raw")
    target = made.topic(output, value_serializer="json", key_serializer="raw")
    counts = made.Table("counts", default=int, partitions=4, key_type=bytes, value_type=int)

    async def count(stream: Any) -> None:
        async for key, event in stream.items():
            subject = key or b""
            counts[subject] += 1
            await target.send(key=subject, value={"id": event["id"], "n": counts[subject]})

    made.agent(source)(count)
    return made


if __name__ == "__main__":
    worker = faust.Worker(app(*sys.argv[1:]), loglevel="info")
    worker.execute_from_commandline()
