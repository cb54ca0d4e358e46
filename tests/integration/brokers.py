"""Real brokers and real workers. What cannot run here says so loudly, and fails where DALANG_REQUIRE_KAFKA is set."""

import os
import pathlib
import uuid
from collections.abc import Iterator

import pytest

from tests.integration import kafka, running

HERE = pathlib.Path(__file__).parent
SHARED = {"shop", "node", "kafkas"}
"""Fixtures that are dear: tests that share one run in one process, one after the other."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """What runs in one process under `--dist loadgroup`: the tests of a file, and those that read the shop's history. A test here that
    shares nothing but the session's broker stands alone, so that no process waits at the end for another's long file.
    """
    shares = SHARED & {*getattr(item, "fixturenames", ())}
    if HERE in item.path.parents and not shares:
        return
    history = "shop" in shares and item.path.parent.name in ("acceptance", "contract")
    item.add_marker(pytest.mark.xdist_group("history" if history else item.path.relative_to(HERE.parent).as_posix()))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a real Kafka carries the marker, so that `-m 'not kafka'` leaves it out. The tests here come first, the longest files
    before the others: they wait a lot, and what is short fills the gaps.
    """
    items.sort(key=lambda item: (HERE not in item.path.parents, item.get_closest_marker("xdist_group") is None))
    for item in items:
        if {"own_kafka", "kafkas"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka | None]:
    """The one broker that the tests start, None where DALANG_TEST_BROKER names another."""
    if os.environ.get("DALANG_TEST_BROKER"):
        yield None
        return
    need_kafka()
    node = kafka.Kafka(tmp_path_factory.mktemp("kafka"))
    node.start()
    yield node
    node.stop()


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


@pytest.fixture(scope="session")
def kafkas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafkas]:
    """Three brokers that a test may kill; always started by the tests."""
    need_kafka()
    brokers = kafka.Kafkas(tmp_path_factory.mktemp("kafkas"))
    brokers.start()
    yield brokers
    brokers.stop()


@pytest.fixture
def cluster(broker: str, tmp_path: pathlib.Path) -> Iterator[running.Cluster]:
    """Topics of this test's own on the broker, and the workers that it starts."""
    cluster = running.Cluster(broker, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    cluster.create_topics()
    yield cluster
    cluster.end()
