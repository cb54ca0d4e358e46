"""Real brokers and real workers. What cannot run here says so loudly, and fails where DALANG_REQUIRE_KAFKA is set."""

import os
import pathlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from xdist.scheduler import loadscope

from tests.integration import kafka, proxy, running

HERE = pathlib.Path(__file__).parent
B = TypeVar("B", kafka.Kafka, kafka.Kafkas)
SPLIT = ("test_clock", "test_crash", "test_deploys", "test_leftovers", "test_stores", "test_watched", "test_worker")
"""Files here whose tests share nothing but the session's broker, so that each may run in another process."""


class Scheduling(loadscope.LoadScopeScheduling):  # type: ignore[misc]
    """`--dist loadscope` hands out whole files, and of those in `SPLIT` single tests, so that no process waits for another's long file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return nodeid if pathlib.PurePath(file).stem in SPLIT else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a real Kafka carries the marker, so that `-m 'not kafka'` leaves it out. The tests here come first, the whole files
    before the others: they wait a lot, and what is short fills the gaps.
    """
    items.sort(key=lambda item: (HERE not in item.path.parents, item.path.stem in SPLIT))
    for item in items:
        if {"own_kafka", "kafkas"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka | None]:
    """The one broker that the tests start, None where DALANG_TEST_BROKER names another."""
    if os.environ.get("DALANG_TEST_BROKER"):
        yield None
        return
    yield from _running(lambda: kafka.Kafka(tmp_path_factory.mktemp("kafka")))


def _running(make: Callable[[], B]) -> Iterator[B]:
    """What is made, from its start to its end; skipped where no Kafka can be started."""
    need_kafka()
    made = make()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def broker(own_kafka: kafka.Kafka | None) -> str:
    """The address of an Apache Kafka: DALANG_TEST_BROKER, else one that the tests start."""
    return own_kafka.address if own_kafka is not None else os.environ["DALANG_TEST_BROKER"]


def need_kafka() -> None:
    """Say loudly what is not tested without Java and Maven; fail where DALANG_REQUIRE_KAFKA is set."""
    missing = kafka.why_not()
    if missing:
        told = f"NOT TESTED: nothing on a real Apache Kafka was tested, because there is {missing} here"
        if os.environ.get("DALANG_REQUIRE_KAFKA"):
            pytest.fail(told)
        pytest.skip(told)


@pytest.fixture(scope="module")
def kafkas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafkas]:
    """Three brokers that a test may kill; always started by the tests, and ended with its file: they are not idle."""
    yield from _running(lambda: kafka.Kafkas(tmp_path_factory.mktemp("kafkas")))


@pytest.fixture
def cluster(broker: str, tmp_path: pathlib.Path) -> Iterator[running.Cluster]:
    """Topics of this test's own on the broker, and the workers that it starts."""
    cluster = running.Cluster(broker, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    cluster.create_topics()
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def between(node: kafka.Kafka) -> Iterator[proxy.Proxy]:
    """The proxy before the one broker."""
    carried = proxy.Proxy(node.ports.proxy, node.ports.behind)
    carried.start()
    yield carried
    carried.stop()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, own_kafka: kafka.Kafka | None) -> Iterator[kafka.Kafka]:
    """The session's broker where the tests started it; else one more, because a given one has no listener behind a proxy."""
    if own_kafka is not None:
        yield own_kafka
        return
    yield from _running(lambda: kafka.Kafka(tmp_path_factory.mktemp("behind")))
