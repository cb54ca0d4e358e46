"""A real Apache Kafka for the tests: one node in KRaft mode, or three, started and ended by them.

Each node has a second listener, which tells its clients to come through another port: there a test may put a proxy that
breaks things (`tests/integration/proxy.py`).

`DALANG_TEST_BROKER=host:port` takes another broker. Else Java and Maven are needed: the jars are copied once into the
user's cache directory.
"""

import asyncio
import contextlib
import functools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from tests import waiting
from tests.integration import clients

HERE = pathlib.Path(__file__).parent
VERSION = "4.4.0"
JARS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "dalang", f"kafka-{VERSION}")

SHORT, LONG = 3_000, 30_000
"""Milliseconds after which a broker that is not heard of has lost its partitions. A lone one has nobody to hand them to: where the
machine stands still for a moment, all leaders change to themselves, and Kafka 4.4 then leaves transactions open that were just
ending. But one that is killed and started again is not let in before, and what has expired by then stays open in the same way.
"""

SETTINGS = """
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
log.dirs={directory}/data
default.replication.factor={replicas}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={insync}
transaction.state.log.num.partitions=4
min.insync.replicas={insync}
replica.lag.time.max.ms=3000
replica.fetch.max.bytes=8388608
broker.session.timeout.ms={session}
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
auto.leader.rebalance.enable=false
"""


def why_not() -> str:
    """What is missing to start a broker here; empty: nothing."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"no {' and no '.join(missing)}" if missing and not JARS.is_dir() else ""


def jars() -> pathlib.Path:
    """The directory with the broker's jars, filled by Maven the first time."""
    if not JARS.is_dir():
        making = JARS.with_name(f"{JARS.name}.{os.getpid()}")
        command = ["mvn", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies", f"-DoutputDirectory={making}"]
        subprocess.run(command, check=True, timeout=900)
        try:
            making.rename(JARS)
        except OSError:  # another run was faster
            shutil.rmtree(making)
    return JARS


_chance = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens at, and that stays free until it is used, and while its broker is away.

    It lies below those that Linux gives to clients, it is given once, and tests that run side by side have their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = range(20_000 + worker, 32_000, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    while True:
        port = _chance.choice(mine)
        with socket.socket() as probe:
            # As servers do: a connection that was closed a moment ago does no harm.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in _given:
                    _given.add(port)
                    return port


class Ports:
    """Where one node listens: clients, clients by way of a proxy, the port behind that proxy, other controllers."""

    def __init__(self) -> None:
        self.clients, self.proxy, self.behind, self.controller = (free_port() for _ in range(4))


class Kafka:
    """One broker; it may be killed and started again on the same ports with the same data. `all` has the ports of each node."""

    def __init__(
        self,
        directory: pathlib.Path,
        number: int = 1,
        all: tuple[Ports, ...] = (),
        more: str = "",
        users: tuple[str, ...] = (),
        session: int = 0,
    ) -> None:
        self.directory, self.number = directory, number
        nodes = all or (Ports(),)
        self.ports = nodes[number - 1]
        self.address = f"127.0.0.1:{self.ports.clients}"
        self.proxied = f"127.0.0.1:{self.ports.proxy}"
        self.process: subprocess.Popen[bytes] | None = None
        settings = SETTINGS.format(
            id=number,
            voters=",".join(f"{index}@127.0.0.1:{each.controller}" for index, each in enumerate(nodes, 1)),
            port=self.ports.clients,
            proxy=self.ports.proxy,
            behind=self.ports.behind,
            controller=self.ports.controller,
            directory=directory,
            replicas=len(nodes),
            session=session or (SHORT if len(nodes) > 1 else LONG),
            insync=len(nodes) // 2 + 1,
        )
        settings += more  # the last of two settings with one name holds
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "server.properties").write_text(settings)
        storage = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ"]
        self._formatting: subprocess.Popen[bytes] | None
        self._formatting = self._java(*storage, *users, "-c", str(directory / "server.properties"))

    def start(self) -> None:
        self.launch()
        self.listening()

    def launch(self) -> None:
        """Start the process; `listening` waits until it can be talked to."""
        if self._formatting is not None:
            waiting.ended(self._formatting, "the format of a broker's disk")
            self._formatting = None
        self.process = self._java("-Xmx512m", "kafka.Kafka", str(self.directory / "server.properties"))

    def listening(self) -> None:
        """Wait until it counts itself among the brokers: it listens some time before topics can be made on it."""

        def listens() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"Kafka has ended:\n{self._said()}"
            with socket.socket() as probe:
                listens = probe.connect_ex(("127.0.0.1", self.ports.clients)) == 0
            return listens and asyncio.run(_counted(self.address, self.number))

        waiting.until(listens, what=f"Kafka {self.number} is one of its cluster", told=self._said)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            waiting.ended(self.process, "a broker", self._said)
            self.process = None

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """The process stands still, with all its connections open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _said(self) -> str:
        return (self.directory / "log").read_text()[-2000:]

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        # The client compiler alone: a test's broker lives for minutes, and cores are few. It is ended by SIGKILL, so that what it
        # would leave in the system's temporary directory (its counters, its native libraries) is kept out of there.
        java = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []  # it ends with a test run that was killed
        java += ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", f"-Djava.io.tmpdir={self.directory}"]
        java += ["-cp", f"{jars()}/*", *arguments]
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(java, stdout=log, stderr=log, cwd=self.directory)


class Kafkas:
    """Three brokers, each a controller too; two of them are enough for every topic, one is not."""

    def __init__(self, directory: pathlib.Path) -> None:
        ports = (Ports(), Ports(), Ports())
        self.nodes = [Kafka(directory / str(number), number, ports) for number in (1, 2, 3)]
        self.address = ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Whoever is not running, all at once."""
        for node in self.nodes:
            if node.process is None:
                node.launch()
        for node in self.nodes:
            node.listening()

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """All at once: none outlives another by more than a moment."""
        for node in self.nodes:
            if node.process is not None:
                node.process.send_signal(how)
        for node in self.nodes:
            node.stop(how)

    def node(self, number: int) -> Kafka:
        return self.nodes[number - 1]

    async def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition; waits while there is none."""
        async with asyncio.timeout(waiting.LONG):
            while True:
                for node in self.nodes:
                    if node.process is not None and (found := await _leader(node.address, topic, partition)) > 0:
                        return found
                await asyncio.sleep(0.3)

    def coordinator(self, transactional_id: str) -> int:
        """The node that leads the partition of `__transaction_state` in which this id is."""
        # As Kafka does it: Java's hash of the string, without its sign, modulo the partitions.
        number = functools.reduce(lambda total, char: (31 * total + ord(char)) & 0xFFFFFFFF, transactional_id, 0) & 0x7FFFFFFF
        return asyncio.run(self.leader("__transaction_state", number % 4))

    async def whole(self, *topics: str) -> bool:
        """Whether every partition of the topics has three copies in step."""
        return await self.in_step(*topics) == {3}

    async def in_step(self, *topics: str) -> set[int]:
        """How many copies are in step, over every partition of the topics; nothing while nobody says so."""
        try:
            described = await _described(next(node.address for node in self.nodes if node.process is not None), *topics)
        except clients.WITHOUT_ANSWER:
            return set()
        return {len(each["isr"]) for topic in described for each in topic["partitions"]}


async def _counted(address: str, number: int) -> bool:
    """Whether the broker at this address knows of the one with this number as one that takes part."""
    try:
        async with admin(address) as asked:
            known = await asked.describe_cluster()
    except clients.WITHOUT_ANSWER:
        return False
    return number in [each["node_id"] for each in known["brokers"]]


async def _leader(address: str, topic: str, partition: int) -> int:
    try:
        (described,) = await _described(address, topic)
    except clients.WITHOUT_ANSWER:
        return -1
    return next((each["leader"] for each in described["partitions"] if each["partition"] == partition), -1)


async def _described(address: str, *topics: str) -> list[Any]:
    async with admin(address) as asked:
        found: list[Any] = await asked.describe_topics(list(topics))
        return found


@contextlib.asynccontextmanager
async def admin(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """`TimeoutError` after some time, because the broker may stand still."""
    made = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=10_000)
    async with asyncio.timeout(15):
        try:
            await made.start()
            yield made
        finally:
            await made.close()
