"""The worker on a real Kafka against what a user would compare it with, in one run: how fast each drains a shop's events."""

import asyncio
import os
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from engine.runtime.kafka import topics
from tests.acceptance import history
from tests.benchmarks import races, tables
from tests.benchmarks.contestants import quix_venv
from tests.integration import running
from tests.integration.running import Cluster

pytestmark = pytest.mark.benchmark
SECTION = "draining a log"
CONTESTANTS = "tests.benchmarks.contestants"
FEWER = 8
"""The contestant that goes event by event gets this part of the events."""
ROUNDS = 2
"""Of each contestant; the better one stands in the table."""
Fresh = Callable[[], Cluster]


@pytest.fixture(scope="module")
def fresh(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """Makes clusters with topics of their own."""
    made: list[Cluster] = []

    def make() -> Cluster:
        made.append(Cluster(broker, f"b{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("race")))
        made[-1].create_topics()
        return made[-1]

    yield make
    for cluster in made:
        cluster.end()


def best(race: Callable[..., races.Result], *arguments: object) -> races.Result:
    """The round with the best pace."""
    return max((race(*arguments) for _ in range(ROUNDS)), key=lambda result: result.pace)


def worked(cluster: Cluster, journeys: pathlib.Path, lines: list[bytes], workers: int = 1) -> races.Result:
    """So many workers on these journeys."""
    decisions = cluster.names.name(topics.DECISIONS)
    asyncio.run(races.prepare(cluster.broker, [], [decisions]))
    processes = [cluster.start(journeys, clock="stream")]
    cluster.activated()
    processes += [cluster.start(None) for _ in range(workers - 1)]
    cluster.until(lambda: asyncio.run(races.members(cluster.broker, cluster.app_id)) == workers)
    return races.Course(cluster, cluster.events, decisions).run(processes, lines)


def rivalled(cluster: Cluster, lines: list[bytes], command: list[str], *rest: str, made: tuple[str, ...] = ()) -> races.Result:
    """A rival on topics of its own: its program is told the broker, its events, its output and `rest`."""
    events, output = cluster.names.name("rival"), cluster.names.name("rival-output")
    asyncio.run(races.prepare(cluster.broker, [events, output, *made]))
    with cluster.log.open("ab") as log:
        told = [*command, cluster.broker, events, output, *rest]
        environment = {**os.environ, "PYTHONPATH": str(running.ROOT)}
        process = subprocess.Popen(told, stdout=log, stderr=log, env=environment, cwd=cluster.directory)
    return races.Course(cluster, events, output).run([process], lines)


@pytest.fixture(scope="module")
def worker(fresh: Fresh, three_journeys: pathlib.Path, shops_lines: list[bytes], table: tables.Table) -> races.Result:
    """One worker with the three journeys."""
    found = best(lambda: worked(fresh(), three_journeys, shops_lines))
    table.add(SECTION, found.row("worker, three shop journeys"))
    return found


def looped(cluster: Cluster, lines: list[bytes], *transactional_id: str) -> races.Result:
    """The plain loop, in transactions if it is given an id for them."""
    states = cluster.names.name("rival-states")
    program = [sys.executable, "-m", f"{CONTESTANTS}.plain_aiokafka"]
    return rivalled(cluster, lines, program, states, *transactional_id, made=(states,))


def counted(cluster: Cluster, lines: list[bytes]) -> races.Result:
    """The Faust agent with a Table."""
    name = cluster.names.name("naive")
    program = [sys.executable, "-m", f"{CONTESTANTS}.faust_table"]
    return rivalled(cluster, lines, program, name, made=(f"{name}-counts-changelog",))


def streamed(cluster: Cluster, lines: list[bytes], python: pathlib.Path, guarantee: str) -> races.Result:
    """Quixstreams, by its own interpreter."""
    program = [str(python), str(pathlib.Path(quix_venv.__file__).with_name("quix_count.py"))]
    return rivalled(cluster, lines, program, cluster.names.name("quix"), str(cluster.directory / "state"), guarantee)


def test_a_plain_loop(worker: races.Result, fresh: Fresh, shops_lines: list[bytes], table: tables.Table) -> None:
    """The worker has at least a quarter of the pace of a plain aiokafka loop that decides nothing, with or without transactions."""
    loops = []
    for name, id_ in (("without transactions", ()), ("with transactions", ("plain",))):
        loop = best(lambda *id_: looped(fresh(), shops_lines, *id_), *id_)
        loops.append(loop)
        table.add(SECTION, loop.row(f"plain aiokafka loop, {name}"))
        table.add(SECTION, compared(worker, f"worker / that loop, {name}", loop, 0.5))
    assert all(worker.pace / loop.pace >= 0.25 for loop in loops)


def test_a_faust_table(worker: races.Result, fresh: Fresh, shops_lines: list[bytes], table: tables.Table) -> None:
    """The worker has at least four times the pace of a Faust agent with a Table that counts events one by one."""
    fewer = shops_lines[: len(shops_lines) // FEWER]
    naive = best(lambda: counted(fresh(), fewer))
    table.add(SECTION, naive.row("naive Faust agent with a Table"), compared(worker, "worker / Faust agent", naive, 15))
    assert worker.pace / naive.pace >= 4


def test_quixstreams(worker: races.Result, fresh: Fresh, shops_lines: list[bytes], table: tables.Table) -> None:
    """The worker's pace stands beside that of quixstreams, which counts in its state, at least once and exactly once."""
    try:
        python = quix_venv.python()
    except quix_venv.NotInstalled as exc:
        table.add(SECTION, tables.Row("quixstreams", "not measured", remark=f"it could not be installed here: {exc}"))
        pytest.skip(f"NOT MEASURED: quixstreams could not be installed here: {exc}")
    for guarantee in ("at-least-once", "exactly-once"):
        quix = best(lambda kind: streamed(fresh(), shops_lines, python, kind), guarantee)
        table.add(SECTION, quix.row(f"quixstreams, {guarantee}"))
        table.add(SECTION, compared(worker, f"worker / quixstreams, {guarantee}", quix))
        assert quix.events == worker.events


def test_the_example_bundle(fresh: Fresh, shop_lines: list[bytes], table: tables.Table) -> None:
    """With all thirteen example journeys, traits and policy a worker drains the shop's history to its last event."""
    found = best(lambda: worked(fresh(), history.JOURNEYS, shop_lines))
    table.add(SECTION, found.row("worker, the example bundle"))
    assert found.events == len(shop_lines)


def test_two_workers(
    worker: races.Result, fresh: Fresh, three_journeys: pathlib.Path, shops_lines: list[bytes], table: tables.Table
) -> None:
    """Two workers share the partitions and drain the same events; faster only where there are cores for both and a broker."""
    two = best(lambda: worked(fresh(), three_journeys, shops_lines, workers=2))
    times = two.pace / worker.pace
    enough = tables.cores() >= 4
    remark = "" if enough else f"{tables.cores()} cores here, and the broker needs one: nothing follows for a machine with more"
    table.add(SECTION, two.row("two workers, three shop journeys"))
    told = f"{times:.2f} by the wall, {two.thrift / worker.thrift:.2f} by CPU"
    table.add(SECTION, tables.Row("two workers / one", told, ">= 1.7x", times >= 1.7, remark))
    assert two.events == worker.events


def compared(worker: races.Result, what: str, other: races.Result, goal: float | None = None) -> tables.Row:
    """How many times as fast the worker is; the goal is one for the wall."""
    times = worker.pace / other.pace
    told = f"{times:.2f} by the wall, {worker.thrift / other.thrift:.2f} by CPU"
    return tables.Row(what, told) if goal is None else tables.Row(what, told, f">= {goal:g}", times >= goal)
