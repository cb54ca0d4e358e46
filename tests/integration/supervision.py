"""Who starts the workers again: what systemd or Kubernetes does, for the tests."""

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests import waiting

ALLOWED = (0, 2, 70, -signal.SIGKILL, -signal.SIGTERM)
"""How a worker may end: told to stop; no broker when it started; must not go on; killed; told to stop before it had begun."""

HUNG = 124
"""It was told to stop, and had not ended after ten minutes: it hangs, however slow the machine is."""


class Supervisor:
    """Keeps so many workers running. What ended in a way that it must not is in `wrong`."""

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], count: int) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.ends: Counter[int] = Counter()
        self.wrong: list[int] = []
        self.workers = [start() for _ in range(count)]
        self._thread = threading.Thread(target=self._watch, name="supervisor")
        self._thread.start()

    def kill(self, index: int, how: signal.Signals = signal.SIGKILL) -> None:
        """End one of the workers; another is started in its place. A worker that is told to stop has ten minutes."""
        with self._lock:
            worker = self.workers[index]
            worker.send_signal(how)
            self._again(index, self._wait(worker))

    def join(self) -> None:
        """One worker more."""
        with self._lock:
            self.workers.append(self._start())

    def leave(self, how: signal.Signals) -> None:
        """One worker less, for good."""
        with self._lock:
            worker = self.workers.pop()
            worker.send_signal(how)
            self._note(self._wait(worker))

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        for worker in self.workers:
            kill(worker)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            with self._lock:
                for index, worker in enumerate(self.workers):
                    code = worker.poll()
                    if code is not None:
                        self._again(index, code)

    def _wait(self, worker: subprocess.Popen[bytes]) -> int:
        try:
            return worker.wait(waiting.LONG)
        except subprocess.TimeoutExpired:
            kill(worker)
            return HUNG

    def _again(self, index: int, code: int) -> None:
        self._note(code)
        if code == 70:
            time.sleep(0.2)
        self.workers[index] = self._start()

    def _note(self, code: int) -> None:
        self.ends[code] += 1
        if code not in ALLOWED:
            self.wrong.append(code)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()
