"""The clock on a real Kafka: many timers in one second, due while no worker ran."""

import asyncio
import datetime
import json
import signal
import time
from collections import Counter

from engine.runtime import clock, history, topics
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
    worker = cluster.start(directory)
    cluster.activated()
    started = time.monotonic()
    cluster.wait_for(cluster.send(traffic.customers(CUSTOMERS)))
    # As long as it takes here to set the timers of as many and to stop, and a margin.
    patience = 30 + 6 * (time.monotonic() - started)
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=patience)
    at = due.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    cluster.wait_for(cluster.send(traffic.event(f"c{n:04d}", f"go-{n}", "go", at=at) for n in range(CUSTOMERS)))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert cluster.recorded().actions == []
    assert datetime.datetime.now(datetime.UTC) < due, "this machine is too slow for this test: nobody waited"
    time.sleep(max(0.0, (due - datetime.datetime.now(datetime.UTC)).total_seconds()) + 1)
    cluster.start(directory)
    _, acted = cluster.proven(directory)
    assert len({json.loads(line)["customer"] for line in acted}) == len(acted) == CUSTOMERS
    named = asyncio.run(_named(cluster))
    assert max(map(len, named)) <= clock.CHUNK
    assert Counter(customer for each in named for customer in each).keys() == {f"c{n:04d}" for n in range(CUSTOMERS)}
    assert asyncio.run(_first_action(cluster)) >= due.timestamp() * 1000 // 1


async def _named(cluster: Cluster) -> list[list[str]]:
    """The customers of every `timer.due`."""
    found = []
    async for chunk in history.records(cluster.broker, cluster.events):
        found += [json.loads(record.value)["data"]["customers"] for record in chunk if b'"timer.due"' in record.value]
    return found


async def _first_action(cluster: Cluster) -> float:
    """When the broker took the first action (ms)."""
    stamps = []
    async for chunk in history.records(cluster.broker, cluster.names.name(topics.ACTIONS["sms"])):
        stamps += [record.timestamp for record in chunk]
    return float(min(stamps))
