"""The one table of `make bench`: what each benchmark measured, its goal, and the machine that it ran on.

Benchmarks hand in rows through the fixture `table`; `conftest.py` prints them at the end of the session. No figure is
written here: each row's text is made of what was measured in this run.
"""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator
from typing import Final, NamedTuple

from engine.authoring.docs import markdown
from tests.benchmarks.contestants import quix_venv
from tests.integration import kafka

ROOT: Final = pathlib.Path(__file__).parents[2]
SECTIONS: Final = ("draining a log", "lag", "recovery", "memory", "ends", "before and now", "without a broker", "hostile inputs")


class Row(NamedTuple):
    """One line. `reached` is None where there is no goal, or where it could not be asked here."""

    what: str
    measured: str
    goal: str = ""
    reached: bool | None = None
    remark: str = ""


class Table:
    """Rows by section, in the order of `SECTIONS`, whichever benchmark ran first."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {section: [] for section in SECTIONS}
        self._load = os.getloadavg()[0]

    def add(self, section: str, *rows: Row) -> None:
        """Rows below those that the section has."""
        self._rows[section] += rows

    def lines(self) -> Iterator[str]:
        """The table in Markdown, nothing if no benchmark ran; the machine and the versions above it."""
        if not any(self._rows.values()):
            return
        yield from self._machine()
        yield ""
        yield from markdown.table(("what", "measured", "goal", ""), ())
        for section, rows in self._rows.items():
            if rows:
                yield markdown.heading(f"**{section}**", "", "", "")
            for row in rows:
                verdict = "" if row.reached is None else "reached" if row.reached else "MISSED"
                told = "; ".join(part for part in (verdict, row.remark) if part)
                yield markdown.row(row.what, row.measured, row.goal, told)

    def _machine(self) -> Iterator[str]:
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
        yield f"`make bench`, commit {_commit()}, {now.isoformat()}Z"
        yield f"{cores()} cores ({_processor()}), {memory:.0f} GiB of memory, load {self._load:.1f} when it began"
        broker = "of DALANG_TEST_BROKER" if os.environ.get("DALANG_TEST_BROKER") else kafka.VERSION
        own = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("aiokafka", "faust-streaming"))
        yield f"Python {platform.python_version()}, Kafka {broker}, {own}, quixstreams {quix_venv.version()}"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _commit() -> str:
    """The commit, and whether the files are others than it has."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if git("status", "--porcelain") else "")


def _processor() -> str:
    file = pathlib.Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
