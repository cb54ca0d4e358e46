"""Temporary files without a name, which disappear as soon as no running process has them open.

Called by `histories.py` for standard input and for Kafka topics, and by `outputs.py` for lines that are to be sorted. A process
that is killed cannot remove its files, so these files must disappear without its help. On Linux such a file has no entry in any
directory, and other processes of the same replay open it through `/proc`. On other systems the file has a name, and is removed
when the process ends, except after SIGKILL.
"""

import os
import pathlib
import tempfile
import weakref
from typing import IO, Any, Final

_OPEN: Final = pathlib.Path("/proc/self/fd")


class File:
    """An empty temporary file, open for reading and writing as `held`.

    Other processes can open the file by `path`, as long as `held` stays open.
    """

    def __init__(self, prefix: str) -> None:
        self.held: IO[bytes]
        if _OPEN.is_dir():
            self.held = tempfile.TemporaryFile(prefix=prefix)  # noqa: SIM115 - the finalizer below closes the file
            self.path = pathlib.Path(f"/proc/{os.getpid()}/fd/{self.held.fileno()}")
        else:
            self.held = tempfile.NamedTemporaryFile(prefix=prefix)  # noqa: SIM115 - as above
            self.path = pathlib.Path(self.held.name)
        self._closing = weakref.finalize(self, self.held.close)  # nobody closes a history, so its last reference closes the file

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: Any) -> None:
        self._closing()
