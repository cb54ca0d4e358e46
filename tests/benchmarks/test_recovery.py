"""How soon a worker has its customers again: from the topic, and from a store on disk."""

import asyncio
import pathlib
import subprocess
import sys
import uuid
from typing import NamedTuple

import pytest

from engine.authoring.compiling import catalogs
from engine.core.decide import decider
from engine.core.model import inputs
from engine.runtime.kafka import broker_clock, topics
from engine.runtime.partition import writer
from engine.runtime.state import codec
from tests.benchmarks import tables
from tests.integration.running import PARTITIONS, ROOT, Cluster

pytestmark = pytest.mark.benchmark
CUSTOMERS = 1_000_000


def _waiting() -> bytes:
    """Somebody who waits in the cart journey, with profile, consent and timer."""
    catalog = catalogs.load(ROOT / "journeys")
    at = inputs.instant("2026-11-22T10:00:00Z")
    traits = {"name": "Kartika", "phone": "+628120000000", "language": "id", "timezone": "Asia/Jakarta"}
    cart = {"cart_id": "cart-0000000-0", "total": 275000, "items": [{"sku": "SKU-123", "qty": 1, "price": 275000}]}
    told = (("customer.identified", {"traits": traits}), ("consent.granted", {"purpose": "marketing"}), ("cart.updated", cart))
    state = None
    for i, (type_, data) in enumerate(told):
        event = inputs.Event(f"e-{i}", type_, at, at, "cust-0000000", "shop/web", data)
        state = decider.transition(catalog, state, event).state
    assert state is not None
    return codec.snapshot(state, 5)


class Filled(NamedTuple):
    """The topic of everybody's states, and the claims that a worker would read up to."""

    broker: str
    topic: str
    claims: list[int]


@pytest.fixture(scope="module")
def filled(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Everybody waits."""
    cluster = Cluster(broker, f"r{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("recovery"))
    cluster.create_topics()
    return Filled(broker, cluster.names.name(topics.STATE), asyncio.run(_fill(cluster)))


async def _fill(cluster: Cluster) -> list[int]:
    """The states of everybody, in transactions of 5,000; the claims that a worker would read up to."""
    topic, value = cluster.names.name(topics.STATE), _waiting()
    claims = []
    for number in range(PARTITIONS):
        own = writer.Writer(cluster.broker, "bench", number, transactions=True)
        await own.start()
        for start in range(number, CUSTOMERS, 5_000 * PARTITIONS):
            keys = range(start, min(start + 5_000 * PARTITIONS, CUSTOMERS), PARTITIONS)
            record = codec.PartitionRecord(start, partitions=PARTITIONS, lineage="bench")
            states = [writer.Output(topic, b"cust-%07d" % key, value) for key in keys]
            await own.write([], [*states, writer.Output(topic, codec.PARTITION_KEY, codec.partition_record(record))])
        await own.stop()
        claims.append(await _claimed(cluster, topic, number))
    return claims


async def _claimed(cluster: Cluster, topic: str, number: int) -> int:
    claimer = writer.Claimer(cluster.broker, "bench", number, broker_clock.Wall())
    await claimer.start()
    try:
        return (await claimer.claim([topic]))[topic]
    finally:
        await claimer.stop()


@pytest.mark.parametrize("kind", ["memory", "rocksdb"])
def test_recovery(filled: Filled, tmp_path: pathlib.Path, table: tables.Table, kind: str) -> None:
    """By one worker and by two side by side, from the topic, and on disk from what is there: everybody comes, with a timer."""
    for processes in (1, 2):
        where = str(tmp_path / str(processes)) if kind == "rocksdb" else kind
        told = {"memory": ("the topic into memory",), "rocksdb": ("the topic onto disk", "the disk")}[kind]
        for name in told:
            found = _load(filled, where, processes)
            wall, cpu = max(each[2] for each in found), sum(each[3] for each in found)
            everybody = [sum(each[index] for each in found) for index in (0, 1)]
            table.add("recovery", _row(name, processes, wall, cpu))
            assert everybody == [CUSTOMERS, CUSTOMERS]


def _load(filled: Filled, where: str, count: int) -> list[list[float]]:
    """What each of so many processes says, that share the partitions and begin together."""
    command = [sys.executable, "-m", "tests.benchmarks.loads", filled.broker, filled.topic, where]
    shares = [[f"{number}:{filled.claims[number]}" for number in range(own, PARTITIONS, count)] for own in range(count)]
    loading = [
        subprocess.Popen([*command, *share], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for share in shares
    ]
    for process in loading:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in loading:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0] for process in loading]
    assert [process.returncode for process in loading] == [0] * count
    return [[float(word) for word in each.splitlines()[-1].split()] for each in told]


def _row(name: str, processes: int, wall: float, cpu: float) -> tables.Row:
    """A million on two cores is the goal; so it is asked of two workers, or of one where that is quick enough."""
    workers = "one worker" if processes == 1 else f"{processes} workers at once"
    told = f"{CUSTOMERS / wall:,.0f} customers/s ({CUSTOMERS:,} in {wall:.1f} s, {cpu:.1f} s of CPU)"
    million = wall * 1e6 / CUSTOMERS
    remark = "" if CUSTOMERS == 1_000_000 else f"a million at this pace: {million:.1f} s"
    return tables.Row(f"from {name}, {workers}", told, "a million < 10 s", million < 10, remark)
