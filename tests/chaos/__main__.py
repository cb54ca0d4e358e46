"""Half an hour of everything at once: `python -m tests.chaos [--seed N] [--kills 50] [--minutes 20] [--clusters 30]`.

Three brokers, two workers and at times a third; events flow without end while workers are killed, told to stop, frozen and
woken, join and leave, and brokers are killed and stand still; at last all brokers are killed at once, many times. Then it
waits until the log stands still and holds what was committed, decisions, actions and states, against the log. The report goes to standard output; the exit code is 1 if anything differs.
"""

import argparse
import asyncio
import functools
import pathlib
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos import pauses, report
from tests.integration import kafka, traffic
from tests.integration.running import Cluster

CUSTOMERS = 400
RATE = 150
"""Events per second."""
MOST_WORKERS = 3
TAKE_OVERS = 5
CLUSTER_SECONDS = 120
"""How long the death of all brokers and their new start may take: events flow for so long, or until all have died."""


class Chaos:
    """One run: what may happen, and what did."""

    def __init__(self, brokers: kafka.Kafkas, cluster: Cluster, tail: pauses.Tail, seed: int) -> None:
        assert cluster.kept is not None
        self._brokers, self._cluster, self._workers, self._tail = brokers, cluster, cluster.kept, tail
        self._chance = random.Random(seed)
        self.did: Counter[str] = Counter()

    def run(self, kills: int, seconds: float) -> None:
        """So many kills of workers, evenly spread; in every third gap something else as well."""
        others: list[Callable[[], None]] = [self._join_or_leave, self._zombie, self._broker_dies, self._broker_stalls]
        started = time.monotonic()
        for number in range(kills):
            self._kill()
            if number % 3 == 2:
                time.sleep(self._chance.uniform(1, 4))
                self._chance.choice(others)()
            wait = started + (number + 1) * seconds / kills - time.monotonic()
            time.sleep(max(0.5, wait * self._chance.uniform(0.7, 1)))

    def take_over(self, times: int) -> None:
        """Nothing else happens: one of two workers is killed and does not come back for a while."""
        for _ in range(times):
            time.sleep(8)
            self._say("take-over")
            self._workers.leave(signal.SIGKILL)
            time.sleep(8)
            self._say("new member")
            self._workers.join()

    def clusters_die(self, times: int) -> None:
        """All brokers are killed at once, while workers write: each time only after every partition has gone on again."""
        for _ in range(times):
            before = time.monotonic()
            self._cluster.until(functools.partial(self._tail.went_on, before), what="every partition goes on")
            time.sleep(self._chance.uniform(0, 3))
            self._say("cluster dies")
            self._brokers.stop(signal.SIGKILL)
            time.sleep(self._chance.uniform(0, 3))
            self._brokers.start()
            self._in_step()

    def _say(self, what: str) -> None:
        self.did[what] += 1
        self._tail.mark(what)
        print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)

    def _kill(self) -> None:
        how = self._chance.choices((signal.SIGKILL, signal.SIGTERM), (70, 30))[0]
        self._say(f"worker {how.name}")
        self._workers.kill(self._chance.randrange(len(self._workers.workers)), how)

    def _join_or_leave(self) -> None:
        if len(self._workers.workers) < MOST_WORKERS:
            self._say("worker joins")
            self._workers.join()
        else:
            self._say("worker leaves")
            self._workers.leave(self._chance.choice((signal.SIGKILL, signal.SIGTERM)))

    def _zombie(self) -> None:
        worker = self._chance.choice(self._workers.workers)
        if worker.poll() is None:
            self._say("worker sleeps")
            worker.send_signal(signal.SIGSTOP)
            time.sleep(self._chance.uniform(3, 6))
            worker.send_signal(signal.SIGCONT)

    def _broker_dies(self) -> None:
        self._say("broker dies")
        self._brokers.node(self._chance.randint(1, 3)).stop(signal.SIGKILL)
        time.sleep(self._chance.uniform(2, 6))
        self._brokers.start()
        self._in_step()

    def _broker_stalls(self) -> None:
        self._say("broker stalls")
        with self._brokers.node(self._chance.randint(1, 3)).stalled():
            time.sleep(self._chance.choice((4, 8, 20)))
        self._in_step()

    def _in_step(self) -> None:
        """Before the next broker is hit: two of three at once is an outage, which is tested elsewhere."""
        names = [spec.name for spec in self._cluster.names.specs()]
        self._cluster.until(lambda: asyncio.run(self._brokers.whole(*names)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clusters", type=int, default=30, help="how often all brokers are killed at once")
    parser.add_argument("--directory", type=pathlib.Path, help="keep everything there")
    chosen = parser.parse_args()
    if chosen.directory is not None:
        chosen.directory.mkdir(parents=True)
        return _run(chosen.directory, chosen)
    with tempfile.TemporaryDirectory(prefix="dalang-chaos-") as name:
        return _run(pathlib.Path(name), chosen)


def _run(directory: pathlib.Path, chosen: argparse.Namespace) -> int:
    seed, seconds = chosen.seed, chosen.minutes * 60
    brokers = kafka.Kafkas(directory / "brokers")
    brokers.start()
    cluster = Cluster(brokers.address, "chaos.", directory)
    tail = pauses.Tail(brokers.address, cluster.names)
    try:
        cluster.create_topics(replication=3)
        journeys = traffic.journeys(directory / "journeys")
        cluster.keep(journeys, 2)
        cluster.activated()
        cluster.send(traffic.customers(CUSTOMERS))
        tail.start()
        chaos = Chaos(brokers, cluster, tail, seed)
        started = time.monotonic()
        whole = seconds + 16 * TAKE_OVERS + CLUSTER_SECONDS * chosen.clusters
        with cluster.flowing(int(RATE * whole), CUSTOMERS, seed, whole) as flow:
            chaos.take_over(TAKE_OVERS)
            chaos.run(chosen.kills, seconds)
            chaos.clusters_die(chosen.clusters)
            flow.stop()
        took = time.monotonic() - started
        cluster.settle()
        tail.stop()
        told = report.Report(cluster, journeys)
        print(f"chaos: seed {seed}, commit {_commit()}, {took / 60:.1f} minutes, three brokers (Kafka {kafka.VERSION}),")
        print(
            f"       2 to {MOST_WORKERS} workers, session timeout 2 s, Python {platform.python_version()}, {platform.machine()}"
        )
        print("\n".join(told.lines(chaos.did, tail)))
        return 0 if told.proven else 1
    except BaseException:
        print(cluster.log.read_text()[-10_000:], file=sys.stderr)
        raise
    finally:
        cluster.end()
        brokers.stop()


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
