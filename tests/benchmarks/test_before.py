"""This checkout against an earlier one, in turns in the same run: `DALANG_BEFORE=../before make bench`.

The other checkout is a git worktree; its code runs in this environment. Left out where nothing is named.
"""

import asyncio
import datetime
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable

import pytest

from engine.runtime.kafka import topics
from tests import hostile
from tests.benchmarks import pace, races, tables, test_lag, test_recovery, test_worker
from tests.integration import running, supervision, traffic
from tests.integration.running import Cluster
from tests.unit.core import story

BEFORE = os.environ.get("DALANG_BEFORE", "")
pytestmark = [pytest.mark.benchmark, pytest.mark.skipif(not BEFORE, reason="DALANG_BEFORE names no earlier checkout")]
ROUNDS = 5
WORKER = [sys.executable, "-P", "-m", "engine.cli.app"]
"""Not what stands in the working directory: PYTHONPATH says which checkout it is."""
SIDES = {"before": str(pathlib.Path(BEFORE).absolute()), "now": str(running.ROOT)}

Fresh = Callable[[], Cluster]
fresh = test_worker.fresh
journeys = test_lag.journeys


def turns(measure: Callable[[str], float], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """The measures of both sides, taken in turns, so that a slow moment hits both."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(rounds):
        for side in sorted(SIDES, reverse=bool(number % 2)):
            found[side].append(measure(side))
    return found


def row(what: str, found: dict[str, list[float]], unit: str, goal: str, reached: Callable[[float, float], bool]) -> tables.Row:
    """The medians of both sides; `reached` is asked of them."""
    before, now = (statistics.median(found[side]) for side in ("before", "now"))
    every = "; ".join(f"{side} {' '.join(f'{each:,.0f}' for each in found[side])}" for side in SIDES)
    told = f"{now:,.0f} {unit} now, {before:,.0f} before (x {now / before:.3f})"
    return tables.Row(what, told, goal, reached(before, now), every)


def test_draining(fresh: Fresh, three_journeys: pathlib.Path, shops_lines: list[bytes], table: tables.Table) -> None:
    """Three shop journeys, a stored log: events per second."""

    def drained(side: str) -> float:
        cluster = fresh()
        decisions = cluster.names.name(topics.DECISIONS)
        asyncio.run(races.prepare(cluster.broker, [], [decisions]))
        process = cluster.start(three_journeys, "stream", WORKER, PYTHONPATH=SIDES[side])
        cluster.activated()
        result = races.Course(cluster, cluster.events, decisions).run([process], shops_lines)
        return result.pace

    found = turns(drained)
    table.add("before and now", row("three journeys", found, "events/s", ">= 0.97", lambda before, now: now >= 0.97 * before))


def test_waiting(fresh: Fresh, journeys: pathlib.Path, table: tables.Table) -> None:
    """A thousand events a second: the p99 from event to action (ms)."""
    expected = sum(json.loads(line)["type"] == "go" for line in pace.lines(1_000, test_lag.SECONDS, test_lag.CUSTOMERS))

    def waited(side: str) -> float:
        cluster = fresh()
        process = cluster.start(journeys, "wall", WORKER, PYTHONPATH=SIDES[side])
        cluster.activated()
        cluster.wait_for(cluster.send(traffic.customers(test_lag.CUSTOMERS)))
        command = [sys.executable, "-m", "tests.benchmarks.pace", cluster.broker, cluster.events]
        command += map(str, (1_000, test_lag.SECONDS, test_lag.CUSTOMERS))
        times, _ = asyncio.run(test_lag._waited(cluster, command, expected))
        supervision.kill(process)
        assert len(times) == expected
        return statistics.quantiles(times, n=100)[98]

    found = turns(waited, 3)
    table.add(
        "before and now", row("p99 at 1,000 events/s", found, "ms", "at most 5 ms more", lambda before, now: now <= before + 5)
    )


def test_taking_over(broker: str, tmp_path: pathlib.Path, table: tables.Table) -> None:
    """A million customers, one worker: from the first partition that it begins to take to the last that it has (ms)."""
    cluster = Cluster(broker, f"o{uuid.uuid4().hex[:8]}.", tmp_path)
    cluster.create_topics()
    asyncio.run(test_recovery._fill(cluster))
    directory = traffic.journeys(tmp_path / "journeys")

    def taken(side: str) -> float:
        cluster.log.unlink(missing_ok=True)
        process = cluster.start(directory, "wall", WORKER, PYTHONPATH=SIDES[side], DALANG_LOG_FORMAT="json")
        cluster.until(lambda: cluster.log.exists() and cluster.log.read_text().count("partition loaded") == running.PARTITIONS)
        cluster.until(lambda: cluster.log.read_text().count("deployed"))
        supervision.kill(process)
        time.sleep(cluster.session)
        lines = [json.loads(line) for line in cluster.log.read_text().splitlines() if line.startswith("{")]
        at = {line["event"]: _moment(line["timestamp"]) for line in lines}
        deployed = at["bundle deployed"] if "bundle deployed" in at else at["deployed"]  # the version before said `deployed`
        return (at["partition loaded"] - deployed) * 1000

    cluster.session = 2
    turns(taken, 1)  # the first worker of this version writes where it begins to count
    found = turns(taken, 3)
    cluster.end()
    goal = "at most 300 ms more"
    table.add(
        "before and now", row("a worker starts, a million customers", found, "ms", goal, lambda before, now: now <= before + 300)
    )


HOSTILE = {
    "90,000 unknown names in one text": ("templates/hello.id.yaml", 'sms: {text: "' + "{{ a }}" * 90_000 + '"}\n'),
    "a file of brackets": ("cart.yaml", hostile.FILES["brackets"].text(hostile.MEGABYTE)),
    "an alias of a text, 4,500 times": (
        hostile.DIRECTORIES["aliases of a text"].file,
        hostile.DIRECTORIES["aliases of a text"].text(hostile.DIRECTORIES["aliases of a text"].large),
    ),
}
CPU_LIMIT = 120
"""Seconds of CPU after which a check is ended."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_input(name: str, tmp_path: pathlib.Path, table: tables.Table) -> None:
    """`dalang check` of it: milliseconds of CPU, start-up included."""
    file, text = HOSTILE[name]
    story.compiled(tmp_path, story.written("quick", traffic.QUICK))
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text, encoding="utf-8")

    def checked(side: str) -> float:
        limit = f"ulimit -t {CPU_LIMIT}; exec {' '.join(WORKER)} check {tmp_path}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = {**os.environ, "PYTHONPATH": SIDES[side]}
        subprocess.run(
            ["bash", "-c", limit],
            check=False,
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    found = turns(checked, 2)
    table.add("before and now", row(f"check: {name}", found, "ms of CPU", "not more", lambda before, now: now <= before))


def _moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()
