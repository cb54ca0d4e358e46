"""A transaction that is committed in one partition and aborted in the others: whoever takes over makes them agree.

After a whole cluster died, a coordinator with an old log can send the marker of an earlier transaction again, and it meets
the open one (docs/failures.md). Here the test sends such a marker itself, while the end of a worker's transaction is held.
"""

import asyncio
import contextlib
import itertools
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition

from engine.runtime.kafka import history, partitioner, topics
from tests.integration import clients, kafka, markers, proxy, running, supervision, traffic
from tests.integration.running import Cluster
from tests.unit.core import story

TOLD = """
enter: {event: tell, key: event.data.k, reentry: never}
steps:
  - {id: pass-on, emit: {event: told, data: {k: entry.data.k}}}
  - id: now
    send:
      template: hello
      channels: [{channel: whatsapp, success: delivered, fallback_after: 1s}, {channel: sms}]
"""
CUSTOMERS = 8
TARGETS = (topics.STATE, topics.DECISIONS, topics.ACTIONS["whatsapp"], topics.EVENTS, topics.DEAD_LETTERS)

_numbers = itertools.count()


@pytest.fixture(scope="module")
def topics_of_all(node: kafka.Kafka, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Topics of these tests' own; each test starts the workers that it needs."""
    return _topics(node, "half.", tmp_path_factory.mktemp("half"))


@pytest.fixture
def shop(topics_of_all: Cluster) -> Iterator[Cluster]:
    """No worker is left from the test before, and none stays."""
    yield topics_of_all
    topics_of_all.end()
    topics_of_all.workers.clear()


@pytest.fixture
def untidy(node: kafka.Kafka, tmp_path: pathlib.Path) -> Iterator[Cluster]:
    """Topics of which no other test reads what one writes there by hand."""
    cluster = _topics(node, "untidy.", tmp_path)
    yield cluster
    cluster.end()


def _topics(node: kafka.Kafka, prefix: str, directory: pathlib.Path) -> Cluster:
    cluster = Cluster(node.address, prefix, directory)
    cluster.create_topics()
    cluster.session = 2
    return cluster


@pytest.mark.parametrize("target", TARGETS)
def test_a_worker_that_comes_back_makes_them_agree(node: kafka.Kafka, between: proxy.Proxy, shop: Cluster, target: str) -> None:
    """Only one topic of the last transaction is committed, and its worker dies: the next one decides nothing twice, loses
    nothing, and writes what is missing with the same ids. States, decisions, actions, emitted events and dead letters alike.
    """
    _half_committed(shop, node, between, target)
    with _supervised(shop):
        assert len(_proven(shop)) >= CUSTOMERS


@pytest.mark.parametrize("target", TARGETS[:3])
def test_a_worker_that_takes_over_makes_them_agree(node: kafka.Kafka, between: proxy.Proxy, shop: Cluster, target: str) -> None:
    """The same with a second worker, to which the partition goes when the first one dies, and a third that joins meanwhile."""
    _half_committed(shop, node, between, target, others=1)
    with _supervised(shop):
        assert len(_proven(shop)) >= CUSTOMERS


@contextlib.contextmanager
def _supervised(shop: Cluster) -> Iterator[None]:
    """One worker more, which is started again if it is fenced while the partitions move.

    It has no journeys of its own: with them it would first read the log, which the open transactions hold back.
    """
    supervisor = supervision.Supervisor(lambda: shop.start(None), 1)
    try:
        yield
    finally:
        supervisor.end()
    assert supervisor.wrong == []


def test_the_check_finds_what_was_changed_by_hand(untidy: Cluster) -> None:
    """`dalang state check` tells of a decision that nobody decided, of one that is there twice, of an action that nobody
    asked for, and of a state that the log does not give; it exits 1, and 0 where nothing was touched.
    """
    untidy.start(_journeys(untidy))
    untidy.activated()
    asyncio.run(_send(untidy))
    untidy.settle()
    assert untidy.dalang("state", "check").returncode == 0
    changed = asyncio.run(_change(untidy))
    asyncio.run(_send(untidy))
    # An earlier state has a timer that never fires, so the log does not settle any more.
    untidy.wait_for(untidy.ends())
    checked = untidy.dalang("state", "check")
    assert checked.returncode == 1
    for line in changed:
        assert checked.stdout.count(f"  {line}\n") == 1, checked.stdout
    told = json.loads(untidy.dalang("state", "check", "--json").stdout)["partitions"]
    kinds = [each["kind"] for part in told.values() for each in part["differences"]]
    assert sorted(kinds) == ["extra", "extra", "state", "twice"]


async def _change(shop: Cluster) -> list[str]:
    """What an operator's mistake might write; what the check should say of it."""
    decisions, states = shop.names.name(topics.DECISIONS), shop.names.name(topics.STATE)
    decided = [each async for chunk in history.records(shop.broker, decisions) for each in chunk]
    known = [each async for chunk in history.records(shop.broker, states) for each in chunk if each.key[:1] == b"c"]
    twice = decided[-1]
    older, newer = next((a, b) for a in known for b in known if a.key == b.key and a.offset < b.offset and a.value != b.value)
    assert newer.value is not None
    async with clients.producer(shop.broker, acks="all") as producer:
        await producer.send_and_wait(decisions, twice.value, key=twice.key, partition=twice.partition)
        await producer.send_and_wait(decisions, b'{"id":"never"}', key=b"c1", partition=0)
        await producer.send_and_wait(shop.names.name("actions.whatsapp"), b'{"id":"never/1"}', key=b"c1", partition=0)
        await producer.send_and_wait(states, older.value, key=older.key, partition=older.partition)
    return [
        f"journey.events {json.loads(twice.value)['id']} of customer {twice.key.decode()}: can be read more than once",
        "journey.events never of customer c1: can be read and was not decided",
        "actions.whatsapp never/1 of customer c1: can be read and was not decided",
        f"customer.state of customer {older.key.decode()}: the committed state is not what the log gives",
    ]


def _journeys(shop: Cluster) -> pathlib.Path:
    directory = shop.directory / "journeys"
    if not directory.exists():
        directory.mkdir()
        story.compiled(directory, story.written("told", TOLD))
    return directory


def _half_committed(shop: Cluster, node: kafka.Kafka, between: proxy.Proxy, target: str, others: int = 0) -> None:
    """A worker has begun transactions; one is committed in the topic `target` alone, and the worker is dead.

    So many `others` work beside it: at last one of them takes its partitions.
    """
    # Workers of the test before are members until they are missed, and would be counted.
    shop.until(shop.members, lambda members: members[1] == 0, what="nobody is in the group")
    worker = _joined(shop, node, others)
    topic, ids = shop.names.name(target), f"{shop.names.prefix}{shop.app_id}-"
    before = asyncio.run(_ends(shop, topic))
    # The end of a transaction has the partition's number in its id, and nothing after it.
    with between.holding(lambda each: each.startswith(ids) and each.removeprefix(ids).isdecimal()):
        asyncio.run(_send(shop))
        shop.until(lambda: bool(between.held))
        held = between.held[0]
        number = int(held.id.removeprefix(ids))
        assert asyncio.run(_ends(shop, topic))[number] > before[number], f"the held transaction has nothing in {topic}"
        markers.commit(node.address, held, topic, number)
        supervision.kill(worker)


def _joined(shop: Cluster, node: kafka.Kafka, others: int) -> subprocess.Popen[bytes]:
    """The worker behind the proxy, with so many `others`, when all of them have their share and nothing waits.

    A worker that writes while the partitions move may be fenced, and exits with 70. Its supervisor starts it again: so does this.
    """

    def started(number: int) -> subprocess.Popen[bytes]:
        shop.brokers = node.address if number else node.proxied
        try:
            return shop.start(_journeys(shop))
        finally:
            shop.brokers = node.address

    def together() -> bool:
        for number, each in enumerate(workers):
            if each.poll() is not None:
                assert each.returncode == 70, shop.said()
                workers[number] = started(number)
        return shop.share(1 + others)

    workers = [started(number) for number in range(1 + others)]
    while True:
        shop.until(together, what="every worker has its share")
        shop.activated()
        shop.settle()
        if all(each.poll() is None for each in workers):
            return workers[0]


def _proven(shop: Cluster) -> list[bytes]:
    """The actions that can be read. They and the decisions are those of a replay, each bad record is put aside once, no event was
    emitted twice, and the check of the states finds no difference.
    """
    _, acted = shop.proven(_journeys(shop))
    letters = [(headers["partition"], headers["offset"]) for _, headers in shop.dead_letters()]
    assert sorted(letters) == sorted(asyncio.run(_bad(shop)))
    emitted = asyncio.run(_emitted(shop))
    assert len(emitted) == len(set(emitted))
    checked = shop.dalang("state", "check")
    assert (checked.returncode, checked.stdout.count("no difference")) == (0, running.PARTITIONS), checked.stdout
    return acted


async def _send(shop: Cluster) -> None:
    """In one batch for each partition, so that one transaction has all of it: new customers who are told, and a bad record."""
    start = next(_numbers) * 1_000
    async with clients.producer(shop.broker, acks="all") as producer:
        for number in range(running.PARTITIONS):
            batch = producer.create_batch()
            for customer in range(start, start + CUSTOMERS * running.PARTITIONS):
                if partitioner.home(key := f"c{customer}".encode(), running.PARTITIONS) == number:
                    _append(batch, key, "customer.identified", traits={"phone": f"+62{customer}"})
                    _append(batch, key, "tell", k="a")
            batch.append(key=None, value=b"{nonsense", timestamp=None)
            await (await producer.send_batch(batch, shop.events, partition=number))


def _append(batch: Any, key: bytes, type_: str, **data: object) -> None:
    value = traffic.event(key.decode(), f"{type_}-{key.decode()}", type_, **data)
    assert batch.append(key=key, value=value, timestamp=None) is not None


async def _ends(shop: Cluster, topic: str) -> dict[int, int]:
    """Where each partition ends, what is not committed included."""
    async with clients.consumer(shop.broker, isolation_level="read_uncommitted") as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(running.PARTITIONS)])
        return {tp.partition: end for tp, end in ends.items()}


async def _bad(shop: Cluster) -> list[tuple[str, str]]:
    """The partition and offset of each bad record."""
    return [
        (str(record.partition), str(record.offset))
        async for chunk in history.records(shop.broker, shop.events)
        for record in chunk
        if record.value == b"{nonsense"
    ]


async def _emitted(shop: Cluster) -> list[bytes]:
    """Each event on the log that a step emitted."""
    return [
        record.value
        async for chunk in history.records(shop.broker, shop.events)
        for record in chunk
        if b'"dalang/journeys"' in record.value
    ]
