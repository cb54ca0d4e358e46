"""Real brokers and real workers. What cannot run here says so loudly, and fails where DALANG_REQUIRE_KAFKA is set."""

import os
import pathlib
import uuid
from collections.abc import Iterator

import pytest

from tests.integration import kafka, running


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Apache Kafka: DALANG_TEST_BROKER, else one that the tests start."""
    given = os.environ.get("DALANG_TEST_BROKER")
    if given:
        yield given
        return
    missing = kafka.why_not()
    if missing:
        told = f"NOT TESTED: nothing on a real Apache Kafka was tested, because there is {missing} here"
        if os.environ.get("DALANG_REQUIRE_KAFKA"):
            pytest.fail(told)
        pytest.skip(told)
    node = kafka.Kafka(tmp_path_factory.mktemp("kafka"))
    node.start()
    yield node.address
    node.stop()


@pytest.fixture
def cluster(broker: str, tmp_path: pathlib.Path) -> Iterator[running.Cluster]:
    """Topics of this test's own on the broker, and the workers that it starts."""
    cluster = running.Cluster(broker, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    cluster.create_topics()
    yield cluster
    cluster.end()
