"""States on disk under real workers, and what a worker that comes back reads of the topic."""

import pathlib
import signal

from tests.integration import traffic
from tests.integration.running import PARTITIONS, Cluster


def _caught_up(cluster: Cluster) -> int:
    return cluster.log.read_text().count("states caught up")


def test_a_worker_with_its_states_on_disk_reads_only_what_is_new(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    """Killed and started again on its directory: it goes on from its mark in every partition, and nothing is lost or twice."""
    on_disk = {"DALANG_STORE": "rocksdb", "DALANG_STATE_DIR": str(tmp_path / "states")}
    journeys = traffic.journeys(cluster.directory / "journeys")
    worker = cluster.start(journeys, **on_disk)
    cluster.activated()
    cluster.send(traffic.customers(50))
    cluster.wait_for(cluster.send(traffic.events(1_000, 50)))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    before = _caught_up(cluster)  # none, unless the group went on without it for a moment
    cluster.send(traffic.events(1_000, 50, seed=8))
    cluster.start(journeys, **on_disk)
    cluster.proven(journeys)
    assert _caught_up(cluster) >= before + PARTITIONS
    assert "read from their start" not in cluster.log.read_text()


def test_a_partition_that_stays_is_not_read_again(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    """Another worker on the same directory joins and leaves: what a worker keeps is caught up, in memory as on disk."""
    on_disk = {"DALANG_STORE": "rocksdb", "DALANG_STATE_DIR": str(tmp_path / "states")}
    journeys = traffic.journeys(cluster.directory / "journeys")
    cluster.start(journeys)
    cluster.activated()
    cluster.send(traffic.customers(50))
    cluster.wait_for(cluster.send(traffic.events(500, 50)))
    before = _caught_up(cluster)
    second = cluster.start(None, **on_disk)
    third = cluster.start(None, **on_disk)
    cluster.until(lambda: cluster.share(3))
    cluster.until(lambda: cluster.log.read_text().count("partition loaded") >= 2 * PARTITIONS)
    cluster.send(traffic.events(500, 50, seed=9))
    for leaving in (second, third):
        assert cluster.stop(leaving) == 0
    cluster.send(traffic.events(500, 50, seed=10))
    cluster.proven(journeys)
    assert _caught_up(cluster) > before
