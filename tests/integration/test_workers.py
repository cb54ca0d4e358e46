"""Workers that are killed, stopped, frozen and woken, on a real Kafka: what is committed is what a replay decides."""

import pathlib
import signal
import time

import pytest

from tests.integration import traffic
from tests.integration.running import Cluster

CUSTOMERS = 100


@pytest.fixture
def journeys(cluster: Cluster) -> pathlib.Path:
    """Two workers, the quick journey live in every partition, everybody introduced."""
    directory = traffic.journeys(cluster.directory / "journeys")
    cluster.keep(directory, 2)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    return directory


def test_a_zombie_is_fenced(cluster: Cluster, journeys: pathlib.Path) -> None:
    """A worker that sleeps (SIGSTOP) for longer than the session timeout and is woken writes nothing more for the partitions
    that another has taken over: nothing is lost, nothing is there twice.
    """
    assert cluster.kept is not None
    with cluster.flowing(4_000, CUSTOMERS, seed=11, seconds=14):
        for worker in (cluster.kept.workers[0], cluster.kept.workers[1]):
            time.sleep(1.5)
            worker.send_signal(signal.SIGSTOP)
            time.sleep(5)
            worker.send_signal(signal.SIGCONT)
    _, acted = cluster.proven(journeys)
    assert len(acted) > 100
