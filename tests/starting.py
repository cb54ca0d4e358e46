"""`dalang` as a process of its own, for the tests: started by a server that has loaded it already (`tests/forkserver.py`).

`Dalang` is used as a `subprocess.Popen`. What must be seen from the very start of an interpreter is started by `COMMAND`.
"""

import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from tests import forkserver, waiting

ROOT: Final = pathlib.Path(__file__).parents[1]
COMMAND: Final = (sys.executable, "-m", "engine.cli.app")


class _Server:
    """The one server of this test run, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket

    def ask(self, request: bytes, files: Sequence[int]) -> None:
        assert len(request) < forkserver.LARGEST
        with self._lock:
            if self._process is None:
                self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                command = [sys.executable, "-m", "tests.forkserver"]
                with theirs:
                    self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs.fileno())
            socket.send_fds(self._control, [request], files)

    def end(self) -> None:
        with self._lock:
            if self._process is not None:
                self._control.close()
                waiting.ended(self._process, "the server that starts dalang")
                self._process = None


_server: Final = _Server()
end: Final = _server.end


class Dalang(subprocess.Popen[bytes]):
    """A `dalang` that is forked from the server: a child's child, whose end is told by the server."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], **given: Any) -> None:
        self._arguments = [*arguments]
        super().__init__([*COMMAND, *arguments], env=environment, **given)

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, *given: Any) -> None:
        # `subprocess` has made the pipes by now, and calls this to start the program; its arguments have been these since 3.11.
        _, cwd, env, _, _, _, in_, _, _, out, _, err = given[:12]
        request = {"arguments": self._arguments, "environment": dict(env), "cwd": str(cwd or os.getcwd())}
        told, telling = os.pipe()
        self._told: IO[bytes] = open(told, "rb", buffering=0)  # noqa: SIM115 - closed by `_internal_poll`
        with open(os.devnull, "r+b") as nothing:
            files = [nothing.fileno() if in_ == -1 else in_, *(each if each != -1 else n for n, each in ((1, out), (2, err)))]
            _server.ask(json.dumps(request).encode(), [*files, telling])
        os.close(telling)
        (self.pid,) = forkserver.NUMBER.unpack(self._told.read(forkserver.NUMBER.size) or b"\0\0\0\0")
        assert self.pid, "the server that starts dalang has ended"
        self._child_created = True
        self._close_pipe_fds(*given[6:12])  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        lock: threading.Lock = self._waitpid_lock  # type: ignore[attr-defined]
        if self.returncode is None and lock.acquire(blocking=False):
            try:
                if select.select([self._told], [], [], 0)[0]:
                    code = self._told.read(forkserver.NUMBER.size)
                    self.returncode = forkserver.NUMBER.unpack(code)[0] if code else -signal.SIGKILL
                    self._told.close()
            finally:
                lock.release()
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self._internal_poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            with contextlib.suppress(ValueError, OSError):  # another thread saw its end
                select.select([self._told], [], [], 0.1)
        return code


def run(
    arguments: Sequence[str], environment: Mapping[str, str], text: str | bytes = b"", cwd: pathlib.Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """A command to its end, with a text on its standard input."""
    pipe = subprocess.PIPE
    with Dalang(arguments, environment, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd) as process:
        try:
            out, err = process.communicate(text.encode() if isinstance(text, str) else text, waiting.LONG)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())
