"""A real Apache Kafka for the tests: one node in KRaft mode, started and ended by them.

`DALANG_TEST_BROKER=host:port` takes another broker. Else Java and Maven are needed: the jars are copied once into the
user's cache directory.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).parent
VERSION = "4.4.0"
JARS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "dalang", f"kafka-{VERSION}")

SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
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
        subprocess.run(command, check=True, timeout=300)
        try:
            making.rename(JARS)
        except OSError:  # another run was faster
            shutil.rmtree(making)
    return JARS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Kafka:
    """One broker; it may be killed and started again on the same port with the same data."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.port, self.controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        settings = SETTINGS.format(port=self.port, controller=self.controller, directory=directory)
        (directory / "server.properties").write_text(settings)
        storage = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ"]
        self._java(*storage, "-c", str(directory / "server.properties")).wait(60)

    def start(self) -> None:
        self.process = self._java("-Xmx768m", "kafka.Kafka", str(self.directory / "server.properties"))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError("Kafka did not start:\n" + (self.directory / "log").read_text()[-2000:])

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(["java", "-cp", f"{jars()}/*", *arguments], stdout=log, stderr=log, cwd=self.directory)
