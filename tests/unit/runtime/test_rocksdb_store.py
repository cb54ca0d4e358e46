"""States on disk: what survives the process, and what is thrown away. What every store must do: tests/contract/test_stores.py."""

import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from engine.runtime.state import codec, rocksdb_store, store
from tests.contract.test_stores import DUE, TOPIC, due, record, snapshot, told

MARK = store.Mark(9, 5)
ROOT = pathlib.Path(__file__).parents[3]


def filled(directory: pathlib.Path) -> rocksdb_store.Store:
    held = rocksdb_store.Store(directory, TOPIC, 3)
    held.fill({b"ayu": snapshot("ayu", 3, DUE), b"budi": snapshot("budi", 4)})
    held.filled(record(4), MARK)
    return held


def test_a_later_process_goes_on(tmp_path: pathlib.Path) -> None:
    """Snapshots, counts, record, mark and calendar are there again, with what was committed since."""
    held = filled(tmp_path)
    held.commit({b"budi": snapshot("budi", 5, DUE + 1000), b"ayu": snapshot("ayu", 6)}, record(6), store.Mark(12, 8))
    before = (told(held), held.customers, held.bytes, held.waiting, held.record, held.mark)
    held.close()
    again = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert (told(again), again.customers, again.bytes, again.waiting, again.record, again.mark) == before
    assert [due(again, DUE), due(again, DUE + 1000)] == [[], [b"budi"]]
    again.close()


def test_a_killed_process_leaves_whole_commits(tmp_path: pathlib.Path) -> None:
    """SIGKILL in the middle of commits: the mark, the record, the counts and the customers are those of one and the same commit."""
    program = f"""
import pathlib
from engine.runtime.state import rocksdb_store, store
from tests.contract.test_stores import TOPIC, record, snapshot
held = rocksdb_store.Store(pathlib.Path({str(tmp_path)!r}), TOPIC, 3)
held.filled(record(0), store.Mark(0, 1))
for n in range(1, 1_000_000):
    held.commit({{b"c%d" % (n * 20 + each): snapshot("x", n) for each in range(20)}}, record(n), store.Mark(n, 1))
    if n == 50:
        print("going", flush=True)
"""
    done = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.stdout is not None
    assert done.stdout.readline() == b"going\n"
    os.kill(done.pid, signal.SIGKILL)
    done.communicate()
    held = rocksdb_store.Store(tmp_path, TOPIC, 3)
    last = held.mark.offset
    assert last >= 50
    assert (held.record.offset, held.customers, len(told(held))) == (last, 20 * last, 20 * last)
    assert max(held.customer(key)[1] for key in told(held)) == last
    held.close()


def test_a_directory_that_was_filled_by_half_is_empty(tmp_path: pathlib.Path) -> None:
    """Without `filled` there is no mark, so what was written is thrown away."""
    held = rocksdb_store.Store(tmp_path, TOPIC, 3)
    held.fill({b"ayu": snapshot("ayu", 3, DUE)})
    held.close()
    again = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert (told(again), again.mark, due(again, DUE)) == ({}, store.Mark(), [])
    again.close()


def _other(tmp_path: pathlib.Path, **changed: Any) -> None:
    held = filled(tmp_path)
    meta = msgspec.json.decode(held._db.get(b"m") or b"", type=rocksdb_store.Meta)
    held._db.put(b"m", msgspec.json.encode(msgspec.structs.replace(meta, **changed)))
    held.close()


@pytest.mark.parametrize("changed", [{"layout": 9}, {"format": 9}, {"topic": "other"}, {"partition": 4}])
def test_a_copy_of_something_else_is_thrown_away(tmp_path: pathlib.Path, changed: dict[str, Any]) -> None:
    """Another layout, another format of snapshots, another topic or partition: it is empty, and can be filled."""
    _other(tmp_path, **changed)
    held = filled(tmp_path)
    assert held.customers == 2
    held.close()


@pytest.mark.parametrize("file", ["CURRENT", "MANIFEST", ".sst", "m", "spoiled"])
def test_a_broken_directory_is_thrown_away(tmp_path: pathlib.Path, file: str) -> None:
    """Files that RocksDB refuses, a meta record that is none, and the sign that a reading failed: it begins anew."""
    held = filled(tmp_path)
    if file == "m":
        held._db.put(b"m", b"rubbish")
    held._db.flush()
    held.close()
    directory = tmp_path / TOPIC / "3" / "0"
    if file == "spoiled":
        (directory / file).touch()
    elif file != "m":
        (broken,) = [each for each in directory.iterdir() if file in each.name]
        broken.write_bytes(b"rubbish")
    again = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert (told(again), again.mark) == ({}, store.Mark())
    again.close()


def test_what_cannot_be_read_is_said_and_never_opened_again(tmp_path: pathlib.Path) -> None:
    """A reading that fails is `StoreFailed` with the directory; the next process begins anew instead of failing too."""
    held = filled(tmp_path)
    held.close()
    with pytest.raises(rocksdb_store.StoreFailed, match=r"customer\.state/3/0"):
        held.get(b"ayu")
    again = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert (told(again), again.mark) == ({}, store.Mark())
    again.close()


def test_who_comes_second_takes_a_place_of_its_own(tmp_path: pathlib.Path) -> None:
    """A directory that another process still holds is left alone; when it is free, the first is found again."""
    first = filled(tmp_path)
    second = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert (first.customers, second.customers) == (2, 0)
    second.close()
    first.close()
    again = rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert again.customers == 2
    again.close()


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: pathlib.Path) -> None:
    """Where nothing can be written the worker is told which directory, and what to do."""
    (tmp_path / TOPIC).write_text("a file")
    with pytest.raises(rocksdb_store.StoreFailed, match=r"customer\.state") as failed:
        rocksdb_store.Store(tmp_path, TOPIC, 3)
    assert "DALANG_STATE_DIR" in str(failed.value)


def test_the_calendar_is_made_without_the_snapshots(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening reads due times alone: no snapshot is read or decoded."""
    filled(tmp_path).close()

    def refused(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(codec, "customer", refused)
    monkeypatch.setattr(codec, "head", refused)
    held = rocksdb_store.Store(tmp_path, TOPIC, 3)
    monkeypatch.undo()
    assert due(held, DUE) == [b"ayu"]
    held.close()
