"""An external sort, in bounded memory: lines are added in any order, and come out sorted by (time, customer, index).

Called by `outputs.py` for the decisions, the actions and the history that a replay writes. The sort is needed because a replay
does not decide in the order of time: timers that fire at its end can have earlier times than decisions already made. Memory may
grow with the number of customers, but not with the number of events.
"""

import hashlib
import heapq
import pathlib
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

import msgspec

Item = tuple[float, str, int, bytes]
"""(seconds since 1970, customer, index, line); the index counts the lines that were added to the spool."""

RUN: Final = 100_000
"""The number of lines that are collected in memory, then sorted, and written to the file as one run."""

_LENGTH: Final = struct.Struct(">I")
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Item)


class Run(msgspec.Struct, frozen=True):
    """A run, which is a block of sorted lines in a file: `size` bytes from byte `start`."""

    path: pathlib.Path
    start: int
    size: int


class Spool:
    """A collector of lines, which sorts them in blocks and appends each block to a file as a `Run`.

    The caller removes the file. `run` is the number of lines in a block.
    """

    def __init__(self, path: pathlib.Path, run: int = RUN) -> None:
        self._path, self._run = path, run
        self._held: list[Item] = []
        self._runs: list[Run] = []
        self._index = 0

    def add(self, at: float, customer: str, line: bytes) -> None:
        """Add one line; lines of one customer at one time keep the order in which they were added."""
        self._held.append((at, customer, self._index, line))
        self._index += 1
        if len(self._held) >= self._run:
            self._spill()

    def close(self) -> list[Run]:
        """Write the lines that are still in memory as the last run, and return all runs."""
        if self._held:
            self._spill()
        return self._runs

    def _spill(self) -> None:
        self._held.sort()
        with self._path.open("ab") as file:
            start = file.tell()
            for item in self._held:
                encoded = _encode(item)
                file.write(_LENGTH.pack(len(encoded)) + encoded)
            self._runs.append(Run(self._path, start, file.tell() - start))
        self._held = []


def merged(runs: Iterable[Run]) -> Iterator[bytes]:
    """Return an iterator over the lines of all runs, sorted by (time, customer, index)."""
    return (item[3] for item in heapq.merge(*map(_read, runs)))


def write(runs: Iterable[Run], target: BinaryIO | None) -> tuple[int, str]:
    """Write the lines of all runs in order to `target` (None: nowhere); return their number and the SHA-256 of their bytes."""
    digest, count = hashlib.sha256(), 0
    for line in merged(runs):
        digest.update(line + b"\n")
        if target is not None:
            target.write(line + b"\n")
        count += 1
    return count, digest.hexdigest()


def _read(run: Run) -> Iterator[Item]:
    with run.path.open("rb") as file:
        file.seek(run.start)
        left = run.size
        while left:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            yield _decoder.decode(file.read(length))
            left -= _LENGTH.size + length
