"""A worker that dies, comes back, is joined and left, decides exactly what a replay of the log decides."""

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from engine.core.decide import state_limit
from engine.runtime.kafka import embedded_broker
from tests.integration import traffic
from tests.integration.running import Cluster

EVENTS = 20_000
CUSTOMERS = 400


def test_kills_joins_and_leaves_lose_nothing_and_repeat_nothing(cluster: Cluster) -> None:
    """SIGKILLed or SIGTERMed six times at random moments while 20,000 events flow, a second worker joining and leaving: what
    is committed is exactly what `dalang replay` of the topic decides; nothing lost, nothing twice, nothing different; lag 0.
    """
    acted = _kills(cluster, EVENTS, kills=6, seconds=15)
    assert len(acted) > 1_000


@pytest.fixture
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Topics on the embedded broker, which has no transactions."""
    with embedded_broker.Embedded() as broker:
        made = Cluster(broker.address, "", tmp_path_factory.mktemp("embedded"))
        made.transactions = False
        made.create_topics()
        yield made
        made.end()


def test_the_ordered_path_loses_nothing(toy: Cluster) -> None:
    """On a broker without transactions (embedded Tansu): the same kills, joins and leaves; nothing is lost or different, and
    what comes again is the same, byte for byte.
    """
    acted = _kills(toy, 4_000, kills=3, seconds=9)
    assert len(acted) > 200


def test_bad_records_and_large_states_on_the_ordered_path(toy: Cluster) -> None:
    """Poison and states without end are put aside on a broker without transactions too, and the stream goes on."""
    journeys = traffic.journeys(toy.directory / "journeys")
    toy.keep(journeys, 1)
    toy.activated()
    large = "x" * (state_limit.LARGEST // 2)
    events = [traffic.event("c1", f"large-{k}", "go", k=k, text=large) for k in "pqr"]
    events += [b"{nonsense", b'{"hello":"world"}', traffic.event("c1", "e1", "go", k="a"), traffic.event("c2", "e2", "go", k="a")]
    toy.wait_for(toy.send(events))
    toy.proven(journeys)
    # What is no event goes into one partition, once.
    assert Counter(headers["reason"] for _, headers in toy.dead_letters()) == {
        "state_too_large": 2,
        "not_json": 1,
        "not_a_cloudevent": 1,
    }
    entered = [json.loads(line) for line in toy.recorded().decisions if b'"journey.entered"' in line]
    assert {(each["customer"], each["data"]["key"]) for each in entered} == {("c1", "p"), ("c1", "a"), ("c2", "a")}


def _kills(cluster: Cluster, events: int, kills: int, seconds: float) -> list[bytes]:
    """Events flow while a worker ends again and again and a second one comes and goes; the actions, proven."""
    journeys = traffic.journeys(cluster.directory / "journeys")
    kept = cluster.keep(journeys, 1)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    chance = random.Random()
    with cluster.flowing(events, CUSTOMERS, seed=7, seconds=seconds):
        for kill in range(kills):
            time.sleep(1 + 2 * chance.random())
            kept.kill(0, signal.SIGTERM if kill % 3 == 2 else signal.SIGKILL)
            if kill == 1:
                kept.join()
            if kill == kills - 2:
                kept.leave(signal.SIGTERM)
    _, acted = cluster.proven(journeys)
    kept.leave(signal.SIGTERM)
    assert kept.ends[0] >= 1
    return acted
