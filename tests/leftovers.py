"""What processes leave behind: files in a temporary directory of their own, and processes that live on. Linux only: it reads `/proc`."""

import os
import pathlib
import sys

import pytest

from tests import waiting

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is left is read from /proc")


class Leftovers:
    """Everything that is started with `environment` keeps its temporary files in one directory, and is known by that."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.environment = {"TMPDIR": str(directory)}

    def files(self) -> list[str]:
        return sorted(str(each.relative_to(self.directory)) for each in self.directory.rglob("*"))

    def processes(self) -> dict[int, str]:
        """The command of each process that lives."""
        mark, found = f"TMPDIR={self.directory}\0".encode(), dict[int, str]()
        for each in pathlib.Path("/proc").iterdir():
            try:
                if each.name.isdigit() and int(each.name) != os.getpid() and mark in (each / "environ").read_bytes() + b"\0":
                    found[int(each.name)] = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has ended, or is another user's
        return found

    def nothing(self) -> None:
        """Wait until no process lives, and assert that there is no file."""
        waiting.until(self.processes, lambda found: not found, what="no process is left")
        assert self.files() == []
