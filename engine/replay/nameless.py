"""Temporary files without a name: they are gone with the last process that has them open, however that process ends.

Called by what a replay puts aside: standard input, a log, and lines that are to be sorted. A process that is killed cleans
nothing up, so nothing may need it: on Linux such a file has no entry in any directory, and other processes of the same replay
reach it through `/proc`. Elsewhere it has a name, which is removed on every way out except SIGKILL.
"""

import os
import pathlib
import tempfile
import weakref
from typing import IO, Any, Final

_OPEN: Final = pathlib.Path("/proc/self/fd")


class File:
    """An empty file, open for reading and writing as `held`. `path` opens it again, as long as this stays open."""

    def __init__(self, prefix: str) -> None:
        self.held: IO[bytes]
        if _OPEN.is_dir():
            self.held = tempfile.TemporaryFile(prefix=prefix)  # noqa: SIM115 - see below
            self.path = pathlib.Path(f"/proc/{os.getpid()}/fd/{self.held.fileno()}")
        else:
            self.held = tempfile.NamedTemporaryFile(prefix=prefix)  # noqa: SIM115 - see below
            self.path = pathlib.Path(self.held.name)
        self._closing = weakref.finalize(self, self.held.close)  # a history is read by whoever holds it, and closed by nobody

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: Any) -> None:
        self._closing()
