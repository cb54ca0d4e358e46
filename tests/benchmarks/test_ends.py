"""How long a worker takes to end, and a command to say that there is no broker: the contract's promises in seconds."""

import os
import signal
import subprocess
import time

import pytest

from tests.benchmarks import tables
from tests.integration import kafka, running, traffic
from tests.integration.running import Cluster

pytestmark = pytest.mark.benchmark
ROUNDS = 5


def test_sigterm_ends_a_worker(cluster: Cluster, table: tables.Table) -> None:
    """In mid-stream, with 2,000 events on the log."""
    took = []
    for number in range(ROUNDS):
        worker = cluster.start(traffic.journeys(cluster.directory / "journeys"))
        cluster.wait_for(cluster.send(traffic.customers(10)))
        cluster.send(traffic.events(2_000, 50, seed=number))
        started = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert cluster.ended(worker) == 0
        took.append(time.monotonic() - started)
    told = f"{min(took):.1f} to {max(took):.1f} s ({ROUNDS} times)"
    table.add("ends", tables.Row("SIGTERM to a worker's end, in mid-stream", told, "< 10 s", max(took) < 10))


@pytest.mark.parametrize("arguments", [("worker",), ("topics", "create"), ("topics", "check")])
def test_no_broker_is_said(arguments: tuple[str, ...], table: tables.Table) -> None:
    """From the command to its end, the interpreter's start included."""
    command = [*running.DALANG, *arguments, "--broker", f"127.0.0.1:{kafka.free_port()}"]
    environment = {**os.environ, "PYTHONPATH": str(running.ROOT)}
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    took = time.monotonic() - started
    assert done.returncode == 2
    what = f"`dalang {' '.join(arguments)}` without a broker"
    table.add("ends", tables.Row(what, f"{took:.1f} s", "< 10 s", took < 10))
