"""Temporary files without a name: read by path while they are held, and gone with who holds them."""

import gc
import pathlib
import tempfile

import pytest

from engine.replay import unnamed_files


@pytest.fixture(params=[True, False], ids=["without a name", "where there is no /proc"])
def directory(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not request.param:
        monkeypatch.setattr(unnamed_files, "_OPEN", tmp_path / "no such directory")
    return tmp_path


def test_it_is_read_and_written_by_its_path(directory: pathlib.Path) -> None:
    """Several times, each from the start, by whoever has the path."""
    with unnamed_files.File("dalang-test-") as file:
        with file.path.open("ab") as writing:
            writing.write(b"one")
        with file.path.open("ab") as writing:
            writing.write(b"two")
        assert [file.path.read_bytes(), file.path.read_bytes()] == [b"onetwo"] * 2


def test_nothing_is_left_of_it(directory: pathlib.Path) -> None:
    """It is gone with its `with` block, and with the last who holds it."""
    with unnamed_files.File("dalang-test-") as file:
        pass
    assert not file.path.exists()
    held = unnamed_files.File("dalang-test-")
    path = held.path
    del held
    gc.collect()
    assert not path.exists()
    assert [*directory.iterdir()] == []


def test_it_has_no_name_where_that_can_be(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux nothing stands in the temporary directory while it is held."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with unnamed_files.File("dalang-test-"):
        assert len([*tmp_path.iterdir()]) == (0 if unnamed_files._OPEN.is_dir() else 1)
