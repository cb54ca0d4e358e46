"""The worker on a real Kafka against what a user would compare it with, in one run.

Every contestant starts on an empty log, shows that it is ready, and then drains the same events of a shop: wall time from
the first event sent to the last output, and CPU seconds of the contestant's own process between the two.
"""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from engine.runtime import history, topics
from tests.integration import running
from tests.integration.running import Cluster

pytestmark = pytest.mark.benchmark
TIMES = 3
THIRD = """
journey: welcome
owner: b@toko.example
purpose: marketing
status: live
enter: {event: customer.identified, reentry: never}
steps:
  - {id: settle, wait: 1d}
  - {id: hello, send: {template: free-shipping, channels: [{channel: whatsapp}]}}
"""
TEMPLATES = ("cart-reminder", "delivery-notice", "free-shipping")
Result = tuple[float, float]


def test_worker_against_a_plain_loop_and_a_faust_table(cluster: Cluster, shop_lines: list[bytes]) -> None:
    """At least a quarter of a plain aiokafka loop that decides nothing, and four times a Faust agent with a Table."""
    journeys = cluster.directory / "journeys"
    (journeys / "templates").mkdir(parents=True)
    house = running.ROOT / "journeys"
    for name in ("policy", "cart-abandonment", "delivery-notice", *(f"templates/{each}" for each in TEMPLATES)):
        for source in house.glob(f"{name}*.yaml"):
            shutil.copy(source, journeys / source.relative_to(house))
    (journeys / "welcome.yaml").write_text(THIRD)
    lines = [line.replace(b'"cust-', b'"c%d-' % n) for n in range(TIMES) for line in shop_lines]
    count = len(lines)
    asyncio.run(_make(cluster, "plain", "plain-state", "naive", "bench-naive-counts-changelog"))

    worker = cluster.start(journeys, clock="stream")
    cluster.activated()
    dalang = _race(cluster, worker, lines, cluster.events, cluster.names.name(topics.DECISIONS), decided=True)
    _end(worker)

    def rival(module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"tests.benchmarks.contestants.{module}", cluster.broker, *arguments]
        with cluster.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(running.ROOT)})

    prefix = cluster.names.prefix
    plain = rival("plain_aiokafka", cluster.events + "-plain", prefix + "plain", prefix + "plain-state")
    loop = _race(cluster, plain, lines, cluster.events + "-plain", prefix + "plain")
    _end(plain)
    naive = rival("faust_table", cluster.events + "-naive", prefix + "naive", prefix + "bench-naive")
    table = _race(cluster, naive, lines[: count // 8], cluster.events + "-naive", prefix + "naive")
    _end(naive)
    table = (table[0] * 8, table[1] * 8)
    rows = {"dalang, three journeys": dalang, "plain aiokafka loop": loop, "Faust agent with Table": table}
    for name, (wall, cpu) in rows.items():
        print(f"\n{name:<26} {count / wall:>10,.0f} events/s {count / cpu:>10,.0f} events per CPU second", end="")
    print(f"\nworker / plain loop {loop[0] / dalang[0]:.2f} (CPU {loop[1] / dalang[1]:.2f}), ", end="")
    print(f"worker / Faust table {table[0] / dalang[0]:.1f} (CPU {table[1] / dalang[1]:.1f})")
    assert loop[0] / dalang[0] >= 0.25
    assert table[0] / dalang[0] >= 4


async def _make(cluster: Cluster, *outputs: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.broker)
    await admin.start()
    names = [cluster.events + "-plain", cluster.events + "-naive", *(cluster.names.prefix + each for each in outputs)]
    await admin.create_topics([NewTopic(name, running.PARTITIONS, 1) for name in names])
    await admin.close()


def _race(
    cluster: Cluster, process: subprocess.Popen[bytes], lines: list[bytes], topic: str, output: str, *, decided: bool = False
) -> Result:
    """Wall and CPU seconds for all lines. A mark before and after, in every partition, tells when it is ready and done."""

    def marks(name: str) -> list[tuple[int, bytes, bytes]]:
        made = []
        for number in range(running.PARTITIONS):
            id_, at = f"{name}-{number}", "2023-01-01" if name == "ready" else "2099-01-01"
            event = {"specversion": "1.0", "id": id_, "source": "b", "type": "cart.updated", "subject": id_}
            data = {"time": f"{at}T00:00:00Z", "recordedtime": f"{at}T00:00:00Z", "data": {"total": 200_000, "cart_id": "k"}}
            made.append((number, id_.encode(), json.dumps({**event, **data}).encode()))
        return made

    def seen(name: str) -> bool:
        async def read() -> int:
            wanted = {f"{name}-{number}".encode() for number in range(running.PARTITIONS)}
            async for chunk in history.records(cluster.broker, output):
                for record in chunk:
                    wanted = {each for each in wanted if each not in record.value}
            return len(wanted)

        return asyncio.run(read()) == 0

    asyncio.run(_fill(cluster.broker, topic, marks("ready")))
    cluster.until(lambda: seen("ready"), 60)
    batches = [*_keyed(lines), *marks("done")]
    wall, cpu = time.monotonic(), _cpu(process)
    asyncio.run(_fill(cluster.broker, topic, batches))
    last = -1.0
    while True:
        now = _cpu(process)
        # Looking at the topic costs the broker: look when the process has become quiet.
        if now - last < 0.05 and seen("done"):
            break
        if now != last:
            quiet = time.monotonic()
        last = now
        assert process.poll() is None, cluster.log.read_text()[-3000:]
        assert time.monotonic() - wall < 300
        time.sleep(0.25)
    return quiet - wall, _cpu(process) - cpu


def _keyed(lines: list[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
    partitioner, all_ = DefaultPartitioner(), list(range(running.PARTITIONS))
    for line in lines:
        event: dict[str, Any] = json.loads(line)
        key = event["subject"].encode()
        yield partitioner(key, all_, all_), key, json.dumps({**event, "recordedtime": event["time"]}).encode()


async def _fill(broker: str, topic: str, records: list[tuple[int, bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, linger_ms=0, max_batch_size=1 << 18)
    await producer.start()
    batches = {number: producer.create_batch() for number in range(running.PARTITIONS)}
    for number, key, value in records:
        if batches[number].append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batches[number], topic, partition=number)
            batches[number] = producer.create_batch()
            batches[number].append(key=key, value=value, timestamp=None)
    for number, batch in batches.items():
        if batch.record_count():
            await producer.send_batch(batch, topic, partition=number)
    await producer.stop()


def _cpu(process: subprocess.Popen[bytes]) -> float:
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
