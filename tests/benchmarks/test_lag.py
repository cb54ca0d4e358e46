"""How long a customer waits: from producing an event to the moment when the action that it leads to can be read."""

import asyncio
import json
import pathlib
import statistics
import subprocess
import sys
import time

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.runtime.kafka import topics
from tests.benchmarks import pace, tables
from tests.integration import running, traffic
from tests.integration.running import Cluster
from tests.unit.core import story

pytestmark = pytest.mark.benchmark
SECONDS = 20
CUSTOMERS = 2_000
AT_ONCE = """
enter: {event: go, reentry: after_exit}
steps:
  - {id: tell, send: {template: told, channels: [{channel: sms}]}}
"""
TOLD = 'sms: {text: "{{ entry.data.at }}"}'


@pytest.fixture
def journeys(tmp_path: pathlib.Path) -> pathlib.Path:
    """One journey that sends an SMS at once, which says when its event was produced."""
    directory = tmp_path / "journeys"
    (directory / "templates").mkdir(parents=True)
    (directory / "templates" / "told.id.yaml").write_text(TOLD)
    story.compiled(directory, story.written("at-once", AT_ONCE))
    return directory


@pytest.mark.parametrize(("rate", "within"), [(1_000, 100), (10_000, 500)])
def test_lag(cluster: Cluster, journeys: pathlib.Path, table: tables.Table, rate: int, within: int) -> None:
    """At an even pace every seventh event leads to an action at once; all of them come, each with its time of waiting."""
    cluster.start(journeys)
    cluster.activated()
    cluster.wait_for(cluster.send(traffic.customers(CUSTOMERS)))
    expected = sum(json.loads(line)["type"] == "go" for line in pace.lines(rate, SECONDS, CUSTOMERS))
    command = [sys.executable, "-m", "tests.benchmarks.pace", cluster.broker, cluster.events]
    command += map(str, (rate, SECONDS, CUSTOMERS))
    waited, told = asyncio.run(_waited(cluster, command, expected))
    took, behind = map(float, told.split())
    cuts = statistics.quantiles(waited, n=100)
    p50, p99 = cuts[49], cuts[98]
    measured = f"p50 {p50:,.0f} ms, p99 {p99:,.0f} ms, most {max(waited):,.0f} ms ({len(waited):,} actions)"
    source = f"source: {rate * SECONDS / took:,.0f} events/s, at most {behind * 1000:,.0f} ms behind"
    what = f"at {rate:,} events/s, {expected / rate / SECONDS:.0%} of which lead to an action"
    table.add("lag", tables.Row(what, measured, f"p99 < {within} ms", p99 < within, source))
    assert len(waited) == expected


async def _waited(cluster: Cluster, command: list[str], expected: int) -> tuple[list[float], str]:
    """How long each event waited (ms), read as any adapter reads, committed records only; and what the source said."""
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.broker, group_id=None, isolation_level="read_committed")
    await consumer.start()
    name = cluster.names.name(topics.ACTIONS["sms"])
    consumer.assign([TopicPartition(name, number) for number in range(running.PARTITIONS)])
    await consumer.seek_to_end()
    source = await asyncio.create_subprocess_exec(*command, cwd=running.ROOT, stdout=subprocess.PIPE)
    waited: list[float] = []
    deadline = time.monotonic() + 4 * SECONDS
    while len(waited) < expected and time.monotonic() < deadline and not source.returncode:
        fetched = await consumer.getmany(timeout_ms=500)
        now = time.time_ns() // 1000
        for records in fetched.values():
            waited += [(now - int(orjson.loads(record.value)["content"]["text"])) / 1000 for record in records]
    told, _ = await source.communicate()
    await consumer.stop()
    return waited, told.decode()
