"""`python -m tests.forkserver`: starts `dalang` again and again without loading it again, for `tests/starting.py`, which alone runs it.

It imports the engine once and forks for each request. A child is a process as any other, with the arguments, environment,
directory and standard files that were asked for; what it saves is two seconds of imports, for each of hundreds of starts.
Requests come by the socket on standard input; when that is closed, by a test run that has ended or was killed, every child is
killed too.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from typing import Final

from engine.cli import app

LARGEST: Final = 1 << 17
"""Bytes of a request."""

NUMBER: Final = struct.Struct("<i")
"""What is told of a child: its process id, and when it has ended its exit code, as `subprocess` has it."""

LOADED: Final = (
    "engine.runtime.worker",
    "engine.runtime.kafka.embedded_broker",
    "engine.runtime.state.rocksdb_store",
    "engine.replay.outputs",
    "rich.console",
)


def main() -> int:
    """Serve until the socket is closed. It returns in the children as well: each with its own exit code."""
    control = socket.socket(fileno=os.dup(0))
    for each in LOADED:
        importlib.import_module(each)
    assert threading.active_count() == 1, "a process with threads must not fork"
    gc.collect()
    gc.freeze()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control.fileno(), read], [], [])
        if read in ready:
            os.read(read, 4096)
            _reap(children)
        if control.fileno() in ready:
            request, files, _, _ = socket.recv_fds(control, LARGEST, 4)
            if not request:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                return 0
            pid = os.fork()
            if pid == 0:
                return _child(request, files, [control.detach(), read, write, *children.values()])
            for file in files[:3]:
                os.close(file)
            children[pid] = files[3]
            os.write(files[3], NUMBER.pack(pid))


def _reap(children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        told = children.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it
            os.write(told, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(told)


def _child(request: bytes, files: list[int], others: list[int]) -> int:
    """Be `dalang` with what was asked for; its exit code."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, each in enumerate(files[:3]):
        os.dup2(each, number)
    for each in (*files, *others):
        os.close(each)
    asked = json.loads(request)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    sys.argv = [app.__file__, *asked["arguments"]]
    sys.modules["__main__"] = app  # so that a process that it spawns itself begins as one of `python -m engine.cli.app` does
    app.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
