"""Histories: recorded events as lines, from `.jsonl` files, `.jsonl.gz` files or standard input (gzipped or not).

Called by `outputs.py`, by `engine/cli` and by the demo. Lines are streamed: no history is held in memory. A Kafka topic comes
as lines too, from `engine/runtime/kafka/history.py`, so that this folder needs no Kafka.
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

from engine.core import errors
from engine.core.model import inputs
from engine.replay import unnamed_files


class HistoryError(errors.DalangError):
    """This history cannot be read."""

    code = "DLG400"
    hint = "Give a .jsonl or .jsonl.gz file, or - for standard input."


_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
"""The byte order mark that some editors put before UTF-8; RFC 8259 section 8.1 allows a reader of JSON to ignore it."""

MARKS: Final = (_GZIP, _BOM)
"""Bytes that have a meaning at the start of a file. A Kafka record that begins with them must not be taken for such a file."""


class History(Protocol):
    """A source of lines that can be read more than once."""

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its line end, from the start."""
        ...


class FileHistory:
    """A file of JSON lines; its first bytes show whether it is gzipped.

    `name` is the name of the file in messages, empty for the path. `watched` shows a progress bar on standard error.
    """

    def __init__(self, path: pathlib.Path, name: str = "", *, watched: bool = False) -> None:
        self.path, self.name, self.watched = path, name or str(path), watched

    @property
    def files(self) -> "tuple[FileHistory, ...]":
        """The files of the history, in the order in which they are read: only this file."""
        return (self,)

    def place(self, line: int) -> tuple[str, int]:
        """Return (file name, line number in that file) for a line number of the whole history, which is only this file."""
        return self.name, line

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its line end; raise `HistoryError` if the file cannot be opened or read to its end."""
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
        from rich import console, progress  # noqa: PLC0415 - only the progress bar needs rich

        told = console.Console(stderr=True)
        with progress.open(self.path, "rb", description=pathlib.Path(self.name).name, console=told, transient=True) as watched:
            yield io.BufferedReader(watched, 1 << 18)  # type: ignore[arg-type]


class KeptHistory:
    """A history from a stream, such as standard input, which is copied to a temporary file so that it can be read twice.

    `name` is the name of the stream in messages, because the temporary file means nothing to the user.
    """

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._kept = unnamed_files.File("dalang-history-")
        for chunk in chunks:
            self._kept.held.write(chunk)
        self._kept.held.flush()
        self.name = name

    @property
    def files(self) -> tuple[FileHistory, ...]:
        """The files of the history: only the temporary file."""
        return (FileHistory(self._kept.path, self.name),)

    def place(self, line: int) -> tuple[str, int]:
        """Return the line number with an empty file name, because no file of the user has this line."""
        return "", line

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its line end; the iterator keeps this object, and so the temporary file, alive."""
        yield from self.files[0].lines()


class LinesHistory(KeptHistory):
    """A history from lines, such as those of a Kafka topic, which are copied to a temporary file."""

    def __init__(self, lines: Iterable[bytes], name: str = "the log") -> None:
        super().__init__((line.rstrip(b"\r\n") + b"\n" for line in lines), name)


class JoinedHistory:
    """Several histories, read one after the other in the given order, such as one file for each month."""

    def __init__(self, parts: Sequence[FileHistory | KeptHistory]) -> None:
        self._parts = tuple(parts)
        self.name = ", ".join(each.name for each in parts)

    @property
    def files(self) -> tuple[FileHistory, ...]:
        """The files of all parts, in order."""
        return tuple(file for each in self._parts for file in each.files)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of all parts in order.

        A part's last line is never joined to the first line of the next part, even if the line end is missing.
        """
        for each in self._parts:
            yield from each.lines()

    def place(self, line: int) -> tuple[str, int]:
        """Return (file name, line number in that file) for a line number of the whole history."""
        part = bisect.bisect_left(self._ends, line)
        return self._parts[part].place(line - (self._ends[part - 1] if part else 0))

    @functools.cached_property
    def _ends(self) -> list[int]:
        """For each part except the last: the number, in the whole history, of its last line; computed at the first use."""
        return [*itertools.accumulate(sum(1 for _ in each.lines()) for each in self._parts[:-1])]


Kept = FileHistory | KeptHistory | JoinedHistory
"""A history whose files other processes can read."""


def open_history(name: str) -> FileHistory | KeptHistory:
    """Return the history of a file name, or of standard input for `-`; raise `HistoryError` if there is no such file."""
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
    """Return True if a worker recorded this history, with the times at which timers fired.

    Such a history has a `timer.due` or, if no timer was due yet, at least a `bundle.activated`. It is replayed as it stands,
    without a virtual clock: docs/semantics.md#a-history-with-timers-is-replayed-as-it-stands
    """
    return _holds(history, inputs.TIMER_DUE, inputs.BUNDLE_ACTIVATED)


def has_activations(history: History) -> bool:
    """Return True if the history has `bundle.activated` events, which say when a bundle went live; a worker's topic has them."""
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
