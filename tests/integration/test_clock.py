"""The clock on a real Kafka: many timers in one second, due while no worker ran."""

import asyncio
import datetime
import json
import time

from engine.runtime.kafka import history, topics
from engine.runtime.state import timer_queue
from tests.integration import traffic
from tests.integration.running import Cluster
from tests.unit.core import story

CUSTOMERS = 5_000
JOURNEY = """
enter: {event: go, reentry: never}
steps:
  - {id: pause, wait: {until: {date: entry.data.at, if_past: continue}}}
  - {id: ask, send: {template: hello, channels: [{channel: sms}]}}
"""


def test_five_thousand_due_in_one_second_while_no_worker_ran(cluster: Cluster) -> None:
    """All are due at the same moment and no worker runs then: the next one fires each once, by `timer.due` of at most 500
    customers, none before its time, none lost; what is recorded is what a replay of the topic decides.
    """
    directory = cluster.directory / "journeys"
    directory.mkdir()
    story.compiled(directory, story.written("burst", JOURNEY))
    for number in range(6):
        worker = cluster.start(directory)
        cluster.activated()
        due = _set(cluster, number)
        assert cluster.stop(worker) == 0
        if _now() < due:
            break
    else:
        raise AssertionError("timers were due before a worker had set them and had ended, six times, each with twice the time")
    everybody = {f"r{number}-{n:04d}" for n in range(CUSTOMERS)}
    assert not everybody & {json.loads(line)["customer"] for line in cluster.recorded().actions}
    time.sleep(max(0.0, (due - _now()).total_seconds()))
    cluster.start(directory)
    _, acted = cluster.proven(directory)
    assert sorted(everybody) == sorted(each for line in acted if (each := json.loads(line)["customer"]) in everybody)
    named = asyncio.run(_named(cluster))
    assert max(map(len, named)) <= timer_queue.CHUNK
    assert {customer for each in named for customer in each} >= everybody
    assert asyncio.run(_first_action(cluster, everybody)) >= due.timestamp() * 1000 // 1


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _set(cluster: Cluster, number: int) -> datetime.datetime:
    """Timers for customers of this round's own; when they are due: time to set them and to stop, by what it takes here to introduce
    as many, and a margin; each round twice as much.
    """
    ids = [f"r{number}-{n:04d}" for n in range(CUSTOMERS)]
    started = time.monotonic()
    known = {"name": "A", "phone": "+621"}
    cluster.wait_for(cluster.send(traffic.event(id_, f"hello-{id_}", "customer.identified", traits=known) for id_ in ids))
    due = _now() + datetime.timedelta(seconds=(10 + 4 * (time.monotonic() - started)) * 2**number)
    at = due.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    cluster.wait_for(cluster.send(traffic.event(id_, f"go-{id_}", "go", at=at) for id_ in ids))
    return due


async def _named(cluster: Cluster) -> list[list[str]]:
    """The customers of every `timer.due`."""
    found = []
    async for chunk in history.records(cluster.broker, cluster.events):
        found += [json.loads(record.value)["data"]["customers"] for record in chunk if b'"timer.due"' in record.value]
    return found


async def _first_action(cluster: Cluster, customers: set[str]) -> float:
    """When the broker took the first action for these customers (ms)."""
    stamps = []
    async for chunk in history.records(cluster.broker, cluster.names.name(topics.ACTIONS["sms"])):
        stamps += [record.timestamp for record in chunk if json.loads(record.value)["customer"] in customers]
    return float(min(stamps))
