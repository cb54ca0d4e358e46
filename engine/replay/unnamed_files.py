"""Temporary files without a name, which the system removes when the last process that has them open ends.

Called by `histories.py` for standard input and for a topic, and by `outputs.py` for lines to be sorted. A killed process cannot
remove its files, so on Linux these files have no entry in any directory; other processes of the same replay open them through
`/proc`. On other systems the file has a name, which is removed at every end of the process except SIGKILL.
"""

import os
import pathlib
import tempfile
import weakref
from typing import IO, Any, Final

_OPEN: Final = pathlib.Path("/proc/self/fd")


class File:
    """An empty temporary file, open for reading and writing as `held`.

    `path` opens the same file again, as long as `held` stays open.
    """

    def __init__(self, prefix: str) -> None:
        self.held: IO[bytes]
        if _OPEN.is_dir():
            self.held = tempfile.TemporaryFile(prefix=prefix)  # noqa: SIM115 - the finalizer below closes the file
            self.path = pathlib.Path(f"/proc/{os.getpid()}/fd/{self.held.fileno()}")
        else:
            self.held = tempfile.NamedTemporaryFile(prefix=prefix)  # noqa: SIM115 - as above
            self.path = pathlib.Path(self.held.name)
        self._closing = weakref.finalize(self, self.held.close)  # no reader closes a history: the last reference does

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: Any) -> None:
        self._closing()
