"""A worker that dies, comes back, is joined and left, decides exactly what a replay of the log decides."""

import random
import signal
import threading
import time

from tests.integration import running, traffic
from tests.integration.running import Cluster

EVENTS = 20_000
CUSTOMERS = 400


def test_kills_joins_and_leaves_lose_nothing_and_repeat_nothing(cluster: Cluster) -> None:
    """SIGKILLed five times at random moments while 20,000 events flow, a second worker joining and leaving: what is
    committed is exactly what `dalang replay` of the topic decides; nothing lost, nothing twice, nothing different; lag 0.
    """
    journeys = traffic.journeys(cluster.directory / "journeys")
    worker = cluster.start(journeys)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    flowing = threading.Thread(target=_flow, args=(cluster,))
    flowing.start()
    chance = random.Random()
    second = None
    for kill in range(5):
        time.sleep(1 + 2 * chance.random())
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker = cluster.start(journeys)
        if kill == 1:
            second = cluster.start(journeys)
        if kill == 3 and second is not None:
            second.send_signal(signal.SIGTERM)
            assert second.wait(10) == 0
    flowing.join()
    # Until the log stands still: no timer is left that would write to it.
    ends: dict[int, int] = {}
    while ends != (ends := cluster.ends()):
        cluster.wait_for(ends, 90)
        time.sleep(4)
    live = cluster.recorded()
    decided, acted = cluster.replayed(journeys)
    running.same(live.decisions, decided)
    running.same(live.actions, acted)
    assert len(acted) > 1_000
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


def _flow(cluster: Cluster) -> None:
    """The events, over about fifteen seconds."""
    lines = list(traffic.events(EVENTS, CUSTOMERS))
    for start in range(0, EVENTS, 1_000):
        cluster.send(lines[start : start + 1_000])
        time.sleep(0.7)
