"""The states of one partition on disk, in RocksDB, for more customers than fit into memory.

Used by the worker if DALANG_STORE=rocksdb. Each write is atomic and contains the mark (the offset on `customer.state` up to which
the copy is complete). So after any crash, the mark and the states in the directory agree. The directory is only a copy of the
topic `customer.state`. If it is broken, or a copy of another topic, it is deleted. The keys in RocksDB are:

    m            Meta: the topic and partition of which the directory is a copy, and the mark
    c<customer>  the customer's snapshot
    t<customer>  the due time of the customer's earliest timer (8 bytes, ms), if there is one; the timer queue is made from these
"""

import contextlib
import functools
import pathlib
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
import rocksdict

from engine.core import errors
from engine.runtime import logs, settings
from engine.runtime.state import codec, store

LAYOUT: Final = 1
SLOTS: Final = 16
"""The number of processes that can use the same DALANG_STATE_DIR at the same time.

Each process opens a slot, which is a subdirectory with a number: the first slot that no other process has open.
"""
_META: Final = b"m"
_DUE: Final = struct.Struct(">Q")
_SPOILED: Final = "spoiled"
_log = logs.log()
T = TypeVar("T")


class StoreFailed(errors.RuntimeFailure):
    """The states on disk cannot be read or written."""

    code = "DLG522"
    hint = (
        "Check the disk of DALANG_STATE_DIR. You may delete the directory: its states are read again from Kafka."
        " DALANG_STORE=memory needs no disk."
    )


class Meta(msgspec.Struct, frozen=True):
    """The description of a directory: the topic and partition of which it is a copy, its mark, and its counts.

    `layout` and `format` are the versions of the keys and of the snapshots. The counts are explained in `store.Port`.
    """

    layout: int
    format: int
    topic: str
    partition: int
    record: codec.PartitionRecord
    mark: store.Mark
    customers: int
    bytes: int
    waiting: int


class Store(store.Port):
    """A store on disk, in RocksDB.

    Only three things are in memory: the timer queue, RocksDB's buffers (at most 32 MB for each partition) and RocksDB's cache (64
    MB for all partitions together).
    """

    def __init__(self, directory: pathlib.Path, topic: str, partition: int) -> None:
        super().__init__()
        self._topic, self._partition = topic, partition
        self._path, self._db = _opened(directory / topic / str(partition))
        self._whole = False
        try:
            self._remember()
        except Exception as exc:  # noqa: BLE001 - rocksdict raises nothing else
            _log.warning("states on disk deleted", partition=partition, error=str(exc))
            self.clear()

    def _remember(self) -> None:
        """Load the mark, the counts and the timers from the directory; empty it if it is not a complete copy of the topic."""
        told = self._db.get(_META)
        meta = None if told is None else msgspec.json.decode(told, type=Meta)
        if meta is None or (meta.layout, meta.format, meta.topic, meta.partition) != self._kind():
            self.clear()
            return
        self.record, self.mark = meta.record, meta.mark
        self.customers, self.bytes, self.waiting = meta.customers, meta.bytes, meta.waiting
        self._arm()
        self._whole = True

    def _kind(self) -> tuple[int, int, str, int]:
        return LAYOUT, codec.FORMAT, self._topic, self._partition

    def get(self, key: bytes) -> bytes | None:
        """Return a customer's snapshot from disk or from RocksDB's cache, None if the customer has no state."""
        try:
            found: bytes | None = self._db.get(b"c" + key)
        except Exception as exc:  # noqa: BLE001 - rocksdict raises nothing else
            raise self._spoiled(exc) from None
        return found

    def keys(self) -> Iterator[bytes]:
        """Return an iterator over the key of every customer, in RocksDB's order."""
        return (key for key, _ in self._each(b"c"))

    def fill(self, snapshots: Mapping[bytes, bytes | None]) -> None:
        """Write snapshots, but not `Meta`; a directory without `Meta` does not count as a copy.

        So if the process ends before `filled` is called, the next process empties the directory.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, snapshot in snapshots.items():
            _into(batch, key, snapshot, was=0)
        self._run(lambda: self._db.write(batch))

    def filled(self, record: codec.PartitionRecord, mark: store.Mark) -> None:
        """Finish a copy: count all snapshots in one pass over the disk, put the timers into the queue, and write `Meta`."""
        self.record, self.mark = record, mark
        for _, snapshot in self._each(b"c"):
            self._count(snapshot, 1)
        self._arm()
        self._whole = True
        self._keep({}, {})

    def clear(self) -> None:
        """Delete the directory and open an empty one."""
        self._db.close()
        _removed(self._path)
        self._reset()
        self._whole = False
        self._db = self._run(lambda: _database(self._path))

    def close(self) -> None:
        """Close RocksDB; the directory stays on disk for the next process."""
        self._db.close()

    def _keep(self, snapshots: Mapping[bytes, bytes | None], before: Mapping[bytes, bytes | None]) -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, snapshot in snapshots.items():
            was = before[key]
            _into(batch, key, snapshot, was=codec.NO_TIMER if was is None else codec.head(was)[0])
        if self._whole:
            meta = Meta(*self._kind(), self.record, self.mark, self.customers, self.bytes, self.waiting)
            batch.put(_META, msgspec.json.encode(meta))
        self._run(lambda: self._db.write(batch))

    def _arm(self) -> None:
        for key, due in self._each(b"t"):
            self.timer_queue.arm(_DUE.unpack(due)[0], key)

    def _each(self, kind: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the key and the value of every entry whose key begins with `kind` (`b"c"` or `b"t"`).

        The yielded key does not have this first letter.
        """
        items: Iterator[Any] = iter(self._run(lambda: self._db.items(from_key=kind)))
        try:
            for key, value in items:
                if key[:1] != kind:
                    return
                yield key[1:], value
        except Exception as exc:  # noqa: BLE001 - rocksdict raises nothing else
            raise self._spoiled(exc) from None

    def _run(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception as exc:  # noqa: BLE001 - as above
            raise self._spoiled(exc) from None

    def _spoiled(self, exc: Exception) -> StoreFailed:
        """Mark the directory as broken, and return the error to raise.

        The next process empties a marked directory before opening it. Without the mark, a broken file would stop every later
        worker.
        """
        with contextlib.suppress(OSError):
            (self._path / _SPOILED).touch()
        return StoreFailed(f"{self._path}: {exc}.")


def opened(chosen: settings.Settings, topic: str, partition: int) -> store.Port:
    """Return a store for one partition: in memory or on disk, as the setting DALANG_STORE says.

    A store in memory is empty. A store on disk has the states that an earlier process wrote there, if they are a valid copy.
    """
    return store.Store() if chosen.store == "memory" else Store(chosen.state_dir, topic, partition)


def _into(batch: rocksdict.WriteBatch, key: bytes, snapshot: bytes | None, was: int) -> None:
    """Add a customer's new snapshot (None: erased) and, if it has changed, the customer's due time to a write batch.

    `was` is the due time that is on disk now (ms, `codec.NO_TIMER` if there is none). 0 means not known; then the due time is
    written in any case.
    """
    due = codec.NO_TIMER if snapshot is None else codec.head(snapshot)[0]
    if snapshot is None:
        batch.delete(b"c" + key)
    else:
        batch.put(b"c" + key, snapshot)
    if due == was:
        return
    if due == codec.NO_TIMER:
        batch.delete(b"t" + key)
    else:
        batch.put(b"t" + key, _DUE.pack(due))


def _opened(directory: pathlib.Path) -> tuple[pathlib.Path, rocksdict.Rdict]:
    """Open the first slot under `directory` that no process has open; return the slot's path and its database.

    A broken slot is emptied first. Raises `StoreFailed` if processes have all slots open, or if an emptied slot cannot be opened.
    """
    for slot in range(SLOTS):
        path, broken = directory / str(slot), False
        while True:
            try:
                if broken or (path / _SPOILED).exists():
                    _removed(path)
                path.mkdir(parents=True, exist_ok=True)
                return path, _database(path)
            except Exception as exc:  # noqa: BLE001 - as above
                if _is_held(exc):
                    break
                if broken:
                    raise StoreFailed(f"{path}: {exc}.") from None
                _log.warning("states on disk deleted", path=str(path), error=str(exc))
                broken = True
    raise StoreFailed(f"{directory}: {SLOTS} processes use it already.")


def _is_held(exc: Exception) -> bool:
    """Return True if RocksDB raised `exc` because some process (perhaps this one) has the directory open.

    RocksDB has no error code for this, so the text of the error is searched.
    """
    told = str(exc)
    return "While lock file" in told or "lock hold by" in told


def _removed(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _database(path: pathlib.Path) -> rocksdict.Rdict:
    options = rocksdict.Options(raw_mode=True)
    options.set_write_buffer_size(16 * 1024 * 1024)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1024 * 1024)
    tables = rocksdict.BlockBasedOptions()
    tables.set_bloom_filter(10, block_based=False)
    tables.set_block_cache(_cache())
    options.set_block_based_table_factory(tables)
    return rocksdict.Rdict(str(path), options)


@functools.cache
def _cache() -> rocksdict.Cache:
    return rocksdict.Cache(64 * 1024 * 1024)
