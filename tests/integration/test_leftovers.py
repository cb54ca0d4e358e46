"""A worker leaves nothing behind: no file, no directory, no process, however it ends."""

import pathlib
import signal

from tests import leftovers
from tests.integration import running, traffic
from tests.integration.running import Cluster

pytestmark = leftovers.linux


def test_a_worker_leaves_nothing_behind(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    """Told to stop, or killed and followed by another that is told to stop."""
    left = leftovers.Leftovers(tmp_path / "temporary")
    journeys = traffic.journeys(cluster.directory / "journeys")
    for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        worker = cluster.start(journeys, dalang=running.DALANG, **left.environment)
        cluster.wait_for(cluster.send(traffic.events(100, 10)))
        assert left.processes().keys() == {worker.pid}
        worker.send_signal(how)
        assert cluster.ended(worker) == (0 if how is signal.SIGTERM else -signal.SIGKILL)
        left.nothing()
