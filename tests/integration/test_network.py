"""What lies between a worker and its broker fails, or the broker says no: what is committed is what a replay decides."""

import time
from collections.abc import Iterator

import pytest

from engine.runtime.kafka import topics
from tests.integration import kafka, proxy, traffic
from tests.integration.running import Cluster

CUSTOMERS = 100
EVENTS = 1_500
SOME = 300
"""Events while one thing goes wrong: so there is always something to write, however slow the worker is."""


@pytest.fixture(scope="module")
def shop(node: kafka.Kafka, between: proxy.Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers that reach the broker only through the proxy; events and proofs go past it."""
    cluster = Cluster(node.address, "proxied.", tmp_path_factory.mktemp("proxied"))
    cluster.create_topics()
    cluster.brokers = node.proxied
    cluster.keep(traffic.journeys(cluster.directory / "journeys"), 2)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    yield cluster
    cluster.end()


def test_a_full_disk_is_waited_for(shop: Cluster, between: proxy.Proxy) -> None:
    """A broker that takes no records (NotEnoughReplicas; KafkaStorageError, its answer when the disk is full; and that for the
    states alone, while outputs are taken): nothing is decided that is not written, no output is seen without its state, and
    the worker goes on when there is room again. The proxy gives the answers.
    """
    with shop.flowing(SOME, CUSTOMERS, seed=310, seconds=4):
        time.sleep(1)
        _refused(shop, between, proxy.NOT_ENOUGH_REPLICAS, 3)
    with shop.flowing(SOME, CUSTOMERS, seed=311, seconds=3):
        time.sleep(1)
        _refused(shop, between, proxy.STORAGE_ERROR, 2)
    with shop.flowing(SOME, CUSTOMERS, seed=312, seconds=3):
        time.sleep(0.5)
        _refused(shop, between, proxy.STORAGE_ERROR, 2, topics.STATE)
    assert len(shop.acted()) > 50


def _refused(shop: Cluster, between: proxy.Proxy, code: int, seconds: float, topic: str = "") -> None:
    """Refuse, until something was refused and for so long after it."""
    told = f"refused {code}"
    before = between.did[told]
    with between.refusing(code, lambda name: name.endswith(topic)):
        shop.until(lambda: between.did[told] > before)
        time.sleep(seconds)


def test_an_answer_is_lost(shop: Cluster, between: proxy.Proxy) -> None:
    """The broker has written records, or has committed, and the worker never hears: it asks again, and nothing is twice."""
    for number, kind in enumerate(3 * (proxy.PRODUCE, proxy.END_TXN)):
        with shop.flowing(SOME, CUSTOMERS, seed=320 + number, seconds=2):
            time.sleep(0.5)
            _lost(shop, between, kind, 2)
    assert len(shop.acted()) > 50


def _lost(shop: Cluster, between: proxy.Proxy, kind: int, count: int) -> None:
    """Lose so many answers, and wait until they are lost."""
    told = f"lost {kind}"
    wanted = between.did[told] + count
    between.lose_answers(kind, count)
    shop.until(lambda: between.did[told] == wanted)


def test_the_network_is_slow_and_is_cut(shop: Cluster, between: proxy.Proxy) -> None:
    """300 ms before every request, then all connections cut for longer than the session timeout."""
    with shop.flowing(EVENTS, CUSTOMERS, seed=33, seconds=8):
        with between.slow(0.3):
            time.sleep(3)
        with between.cut():
            time.sleep(3)
    assert len(shop.acted()) > 50
