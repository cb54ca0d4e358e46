"""Histories: what a file or standard input may begin with, and how an unreadable one is named."""

import gzip
import io
import pathlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from engine.replay import histories
from engine.runtime.kafka import history as log

BOM = b"\xef\xbb\xbf"


def opened(
    name: str, content: bytes, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> histories.FileHistory | histories.KeptHistory:
    """The content as a file of that name, or by standard input for `-`."""
    if name == "-":
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        return histories.open_history("-")
    (tmp_path / name).write_bytes(content)
    return histories.open_history(str(tmp_path / name))


@pytest.mark.parametrize("name", ["e.jsonl", "-"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_byte_order_mark_at_the_start_is_passed_over(
    name: str, zipped: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8259 section 8.1 allows to ignore it: one at the start, of a file or of standard input, gzipped or not; no other."""
    content = BOM + b"one\n" + BOM + b"two\n\nthree"
    source = opened(name, gzip.compress(content) if zipped else content, tmp_path, monkeypatch)
    assert [list(source.lines()), list(source.lines())] == [[b"one", BOM + b"two", b"", b"three"]] * 2


@pytest.mark.parametrize("name", ["e.jsonl", "-"])
def test_an_empty_history_has_no_line(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is passed over where nothing is."""
    assert list(opened(name, b"", tmp_path, monkeypatch).lines()) == []


@pytest.mark.parametrize("broken", [b"\x1f\x8bnonsense", gzip.compress(b"one\ntwo\n", mtime=0)[:-9]], ids=["nonsense", "cut off"])
def test_a_broken_archive_is_named_as_it_was_given(
    broken: bytes, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error says `standard input` or the user's file, never the temporary file in which the input is kept."""
    with pytest.raises(histories.HistoryError, match=r"^DLG400 standard input: "):
        list(opened("-", broken, tmp_path, monkeypatch).lines())
    with pytest.raises(histories.HistoryError, match=rf"^DLG400 {tmp_path}/e\.jsonl: "):
        list(opened("e.jsonl", broken, tmp_path, monkeypatch).lines())


@pytest.mark.parametrize("value", [BOM + b'{"specversion":"1.0"}', b"\x1f\x8bnonsense"])
def test_a_record_is_no_file(value: bytes) -> None:
    """What a record of the log begins with means nothing: the worker puts it aside as not_json, and so does a replay of the log."""
    record: Any = SimpleNamespace(value=value, key=b"ayu", partition=3, offset=17, timestamp=1_764_000_000_000)
    (line,) = histories.LinesHistory([log.line(record, {})]).lines()
    assert line.strip() == value
