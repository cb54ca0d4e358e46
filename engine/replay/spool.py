"""An external sort: lines collected in any order come out by (at, customer, index), in bounded memory.

Called by the replayer for decisions, actions and the history that it writes: timers that fire at the end of a replay give
decisions earlier than those already seen, and memory must grow with customers, not with events.
"""

import hashlib
import heapq
import pathlib
import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

import msgspec

Item = tuple[float, str, int, bytes]
"""Seconds since 1970, customer, the customer's running index, the line."""

RUN: Final = 100_000
"""Lines that are held before a sorted run is written out."""

_LENGTH: Final = struct.Struct(">I")
_encode: Final = msgspec.msgpack.Encoder().encode
_decoder: Final = msgspec.msgpack.Decoder(Item)


class Spool:
    """Collects lines in runs under a directory, which its maker removes."""

    def __init__(self, directory: pathlib.Path, name: str, run: int = RUN) -> None:
        self._directory, self._name, self._run = directory, name, run
        self._held: list[Item] = []
        self._runs: list[pathlib.Path] = []
        self._index = 0

    def add(self, at: float, customer: str, line: bytes) -> None:
        """One line; lines of one customer at one time keep the order in which they were added."""
        self._held.append((at, customer, self._index, line))
        self._index += 1
        if len(self._held) >= self._run:
            self._spill()

    def close(self) -> list[pathlib.Path]:
        """The files of all runs, each sorted."""
        if self._held:
            self._spill()
        return self._runs

    def _spill(self) -> None:
        path = self._directory / f"{self._name}-{len(self._runs)}.run"
        self._held.sort()
        with path.open("wb") as file:
            for item in self._held:
                encoded = _encode(item)
                file.write(_LENGTH.pack(len(encoded)) + encoded)
        self._runs.append(path)
        self._held = []


def merged(runs: Iterable[pathlib.Path]) -> Iterator[bytes]:
    """The lines of all runs in order."""
    return (item[3] for item in heapq.merge(*map(_read, runs)))


def write(runs: Iterable[pathlib.Path], target: BinaryIO | None) -> tuple[int, str]:
    """Write the lines in order to `target` (None: nowhere); how many there are, and the SHA-256 of their bytes."""
    digest, count = hashlib.sha256(), 0
    for line in merged(runs):
        digest.update(line + b"\n")
        if target is not None:
            target.write(line + b"\n")
        count += 1
    return count, digest.hexdigest()


def _read(path: pathlib.Path) -> Iterator[Item]:
    with path.open("rb") as file:
        while length := file.read(_LENGTH.size):
            yield _decoder.decode(file.read(_LENGTH.unpack(length)[0]))
