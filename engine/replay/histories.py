"""Histories: recorded events as lines, from `.jsonl`, `.jsonl.gz` or standard input, zipped or not. They stream; nothing is held.

Called by the replayer. A history from Kafka comes as lines too (`engine/runtime/history.py`), so that this folder needs none.
"""

import bisect
import contextlib
import functools
import gzip
import io
import itertools
import pathlib
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from engine.core import errors, inputs
from engine.replay import nameless


class HistoryError(errors.DalangError):
    """This history cannot be read."""

    code = "DLG400"
    hint = "Give a .jsonl or .jsonl.gz file, or - for standard input."


_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
"""What some editors put before UTF-8. It is no JSON, and RFC 8259 section 8.1 allows to pass over it."""

MARKS: Final = (_GZIP, _BOM)
"""What means something at the start of a file, and nothing at the start of a record."""


class History(Protocol):
    """Lines that can be read more than once."""

    def lines(self) -> Iterator[bytes]:
        """Each line without its line end, from the start."""
        ...


class FileHistory:
    """A file of JSON lines, gzipped if its first bytes say so. `watched`: with a progress bar on standard error.

    `name` is what it is called before people.
    """

    def __init__(self, path: pathlib.Path, name: str = "", *, watched: bool = False) -> None:
        self.path, self.name, self.watched = path, name or str(path), watched

    @property
    def files(self) -> "tuple[FileHistory, ...]":
        """What it is read from, in its order."""
        return (self,)

    def place(self, line: int) -> tuple[str, int]:
        """The user's file in which a line stands, and its number there, for the number of the line in all."""
        return self.name, line

    def lines(self) -> Iterator[bytes]:
        """Each line without its line end; `HistoryError` where the file cannot be read (on)."""
        try:
            with self._opened() as raw:
                zipped = raw.peek(2)[:2] == _GZIP
                lines = iter(gzip.open(raw) if zipped else raw)  # noqa: SIM115 - closed with the file under it
                for line in itertools.islice(lines, 1):
                    yield line.removeprefix(_BOM).rstrip(b"\r\n")
                for line in lines:
                    yield line.rstrip(b"\r\n")
        except (OSError, EOFError, zlib.error) as exc:
            told = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise HistoryError(f"{self.name}: {told}.") from None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[io.BufferedReader]:
        if not self.watched:
            with self.path.open("rb") as raw:
                yield raw
            return
        from rich import console, progress  # noqa: PLC0415 - only for those who look on

        told = console.Console(stderr=True)
        with progress.open(self.path, "rb", description=pathlib.Path(self.name).name, console=told, transient=True) as watched:
            yield io.BufferedReader(watched, 1 << 18)  # type: ignore[arg-type]


class KeptHistory:
    """Bytes from anywhere, put aside in a temporary file so that they can be read twice; nobody is told that file's name."""

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._kept = nameless.File("dalang-history-")
        for chunk in chunks:
            self._kept.held.write(chunk)
        self._kept.held.flush()
        self.name = name

    @property
    def files(self) -> tuple[FileHistory, ...]:
        """The temporary file."""
        return (FileHistory(self._kept.path, self.name),)

    def place(self, line: int) -> tuple[str, int]:
        """No file of the user's."""
        return "", line

    def lines(self) -> Iterator[bytes]:
        """Each line without its line end. The lines keep this, and so the file, alive."""
        yield from self.files[0].lines()


class LinesHistory(KeptHistory):
    """Lines from anywhere."""

    def __init__(self, lines: Iterable[bytes], name: str = "the log") -> None:
        super().__init__((line.rstrip(b"\r\n") + b"\n" for line in lines), name)


class JoinedHistory:
    """Several, one after the other in the order in which they were given, as a log that was cut by months is."""

    def __init__(self, parts: Sequence[FileHistory | KeptHistory]) -> None:
        self._parts = tuple(parts)
        self.name = ", ".join(each.name for each in parts)

    @property
    def files(self) -> tuple[FileHistory, ...]:
        """Those of all parts."""
        return tuple(file for each in self._parts for file in each.files)

    def lines(self) -> Iterator[bytes]:
        """The lines of each part; one that does not end with a line end does not run into the next."""
        for each in self._parts:
            yield from each.lines()

    def place(self, line: int) -> tuple[str, int]:
        """In the part that holds it."""
        part = bisect.bisect_left(self._ends, line)
        return self._parts[part].place(line - (self._ends[part - 1] if part else 0))

    @functools.cached_property
    def _ends(self) -> list[int]:
        """The number of the last line of each part but the last, read once, and only where somebody asks for a place."""
        return [*itertools.accumulate(sum(1 for _ in each.lines()) for each in self._parts[:-1])]


Kept = FileHistory | KeptHistory | JoinedHistory
"""A history of which other processes may read the files."""


def open_history(name: str) -> FileHistory | KeptHistory:
    """The history of a file name, or of standard input for `-`."""
    if name == "-":
        given = sys.stdin.buffer
        return KeptHistory(iter(lambda: given.read(1 << 18), b""), "standard input")
    path = pathlib.Path(name)
    if not path.exists():
        raise HistoryError(f"There is no file {name}.")
    if path.is_dir():
        raise HistoryError(f"{name} is a directory.")
    return FileHistory(path)


def has_clock(history: History) -> bool:
    """True if a worker kept the time of this history: it holds a `timer.due`, or, before any timer was due, a `bundle.activated`.

    Such a history is replayed as it stands: docs/semantics.md#a-history-with-timers-is-replayed-as-it-stands
    """
    return _holds(history, inputs.TIMER_DUE, inputs.BUNDLE_ACTIVATED)


def has_activations(history: History) -> bool:
    """Whether the history says which bundles were live: it comes from Kafka then."""
    return _holds(history, inputs.BUNDLE_ACTIVATED)


def _holds(history: History, *types: str) -> bool:
    marks = [type_.encode() for type_ in types]
    for line in history.lines():
        if any(mark in line for mark in marks):
            try:
                if inputs.decode(line).event.type in types:
                    return True
            except errors.Malformed:
                continue
    return False
