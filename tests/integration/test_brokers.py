"""Brokers that die, stand still, or say no, three of them: what is committed is what a replay decides."""

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from engine.runtime.kafka import topics
from tests import waiting
from tests.integration import clients, kafka, running, traffic
from tests.integration.running import Cluster

CUSTOMERS = 100
EVENTS = 2_500


@pytest.fixture(scope="module")
def shop(kafkas: kafka.Kafkas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One set of topics on three brokers for all cases here, and two workers, each started again when it ends."""
    cluster = Cluster(kafkas.address, "three.", tmp_path_factory.mktemp("three"))
    cluster.create_topics(replication=3)
    cluster.keep(traffic.journeys(cluster.directory / "journeys"), 2)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    yield cluster
    cluster.end()


@pytest.fixture(autouse=True)
def whole(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """Every case begins with three brokers that are in step."""
    kafkas.start()
    shop.until(lambda: asyncio.run(kafkas.whole(*(spec.name for spec in shop.names.specs()))))


def test_the_leader_of_a_partition_dies(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """SIGKILL of the broker that leads a partition of the events, in mid-stream: another leads, nothing is lost or twice."""
    with shop.flowing(EVENTS, CUSTOMERS, seed=21, seconds=8):
        time.sleep(2)
        kafkas.node(asyncio.run(kafkas.leader(shop.events, 0))).stop(signal.SIGKILL)
    kafkas.start()
    assert len(shop.acted()) > 100


def test_a_transaction_coordinator_moves(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """SIGKILL of the broker that coordinates a partition's transactions: they go on by another, each whole or not at all."""
    with shop.flowing(EVENTS, CUSTOMERS, seed=22, seconds=8):
        time.sleep(2)
        kafkas.node(kafkas.coordinator(f"{shop.names.prefix}{shop.app_id}-0")).stop(signal.SIGKILL)
    kafkas.start()
    assert len(shop.acted()) > 100


def test_all_brokers_are_started_again(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """SIGKILL of all three at once, in mid-stream, and a new start: nothing that was confirmed is lost, nothing is twice."""
    with shop.flowing(EVENTS, CUSTOMERS, seed=23, seconds=8):
        time.sleep(2)
        kafkas.stop(signal.SIGKILL)
        kafkas.start()
    assert len(shop.acted()) > 100


def test_a_broker_stands_still_for_twenty_seconds(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """SIGSTOP of a leader for 20 s, its connections open: the others take over; woken, it follows, and nothing is twice."""
    with shop.flowing(EVENTS, CUSTOMERS, seed=24, seconds=20):
        time.sleep(1)
        with kafkas.node(asyncio.run(kafkas.leader(shop.events, 1))).stalled():
            time.sleep(20)
    assert len(shop.acted()) > 100


def test_too_few_copies_are_waited_for(kafkas: kafka.Kafkas, shop: Cluster) -> None:
    """A topic that has fewer copies in step than `min.insync.replicas` takes nothing (NotEnoughReplicas): the worker waits or
    leaves with 70, decides nothing that is not written, and goes on when the copies are there again.
    """
    states = shop.names.name(topics.STATE)
    asyncio.run(_insync(kafkas.nodes[0].address, states, 3))
    try:
        with shop.flowing(EVENTS, CUSTOMERS, seed=25, seconds=10):
            shop.until(lambda: asyncio.run(_committed(shop)))
            kafkas.node(2).stop(signal.SIGKILL)
            shop.until(lambda: asyncio.run(kafkas.in_step(states)), {2}.__eq__)
            shop.send(traffic.events(200, CUSTOMERS, seed=26))
            before = _settled(shop)
            shop.send(traffic.events(200, CUSTOMERS, seed=27))
            for _ in range(3):
                _refused_again(shop)
            assert asyncio.run(_committed(shop)) == before > 0
            kafkas.start()
    finally:
        asyncio.run(_insync(kafkas.nodes[0].address, states, 2))
    assert len(shop.acted()) > 100


REFUSED = ("NotEnoughReplicasError", "LeaderNotAvailableError", "worker exits")
"""What workers say who try to write, or to load, and cannot."""


def _refused_again(shop: Cluster) -> None:
    """Wait until a worker has tried once more than now, and could not."""

    def refused() -> int:
        return sum(any(name in line for name in REFUSED) for line in shop.log.read_text().splitlines())

    before = refused()
    shop.until(refused, lambda now: now > before, what="a worker tries again to write, and cannot")


def _settled(shop: Cluster) -> int:
    """How many decisions are committed, once that stays so over five refusals: what was decided before may still be on its way."""
    seen: list[int] = []
    while len(seen) < 5 or len({*seen[-5:]}) > 1:
        _refused_again(shop)
        seen.append(asyncio.run(_committed(shop)))
    return seen[-1]


async def _committed(shop: Cluster) -> int:
    """How many decisions are committed now: up to where a transaction is open, which may be one that cannot be closed."""
    async with asyncio.timeout(waiting.LONG), clients.consumer(shop.broker) as consumer:
        name = shop.names.name(topics.DECISIONS)
        left = {TopicPartition(name, number) for number in range(running.PARTITIONS)}
        consumer.assign([*left])
        count, ends = 0, dict[TopicPartition, int]()
        while left:
            count += sum(map(len, (await consumer.getmany(*left, timeout_ms=200)).values()))
            for each in tuple(left):
                end = consumer.last_stable_offset(each)
                if end is not None and end >= 0 and await consumer.position(each) >= ends.setdefault(each, end):
                    left.discard(each)
        return count


async def _insync(address: str, topic: str, count: int) -> None:
    async with clients.admin(address) as admin:
        configs = next(spec for spec in topics.Topics(topic.removesuffix(topics.STATE)).specs() if spec.name == topic).config
        wanted = {**configs, "min.insync.replicas": str(count)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])
