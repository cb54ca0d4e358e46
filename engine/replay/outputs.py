"""The outputs of a replay: decisions, actions and the history, as sorted JSON lines with their hashes.

Called by `dalang replay` and the demo. One or several processes share the work. Each process writes the results of its
customers to temporary files (spools), and then all spools are merged. The outputs have the same bytes for any number of
processes.
"""

import contextlib
import datetime
import gc
import multiprocessing
import os
import pathlib
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from multiprocessing import connection
from typing import Final

import msgspec

from engine.core.model import actions, decisions
from engine.replay import definitions, external_sort, histories, replayer, summary, unnamed_files

KINDS: Final = ("decisions", "actions", "history")


class Written(msgspec.Struct, frozen=True):
    """One output: the number of its lines and the SHA-256 of its bytes."""

    lines: int
    sha256: str


class Outcome(msgspec.Struct, frozen=True):
    """The result of a replay: the summary, and `{kind: output}` with the kinds `decisions`, `actions` and `history`."""

    summary: summary.Summary
    written: Mapping[str, Written]


class _Spooling(replayer.Outlet):
    """An outlet that writes the wanted kinds of output to temporary files; `files` is `{kind: temporary file}`."""

    def __init__(self, files: Mapping[str, pathlib.Path]) -> None:
        self.spools = {kind: external_sort.Spool(path) for kind, path in files.items()}
        self._decisions, self._actions, self._history = (self.spools.get(kind) for kind in KINDS)

    def decided(self, decision: decisions.Decision) -> None:
        if self._decisions is not None:
            self._decisions.add(decision.at.timestamp(), decision.customer, decisions.encode(decision))

    def acted(self, action: actions.Action) -> None:
        if self._actions is not None:
            self._actions.add(action.requested_at.timestamp(), action.customer, actions.encode(action))

    def took(self, at: datetime.datetime, customer: str, line: bytes) -> None:
        if self._history is not None:
            self._history.add(at.timestamp(), customer, line)


class _Part(msgspec.Struct, frozen=True):
    """The work of one process of a replay.

    `definitions` is the compiled bundle or bundles as bytes, so that all processes decide by the same bundles. `watched` shows
    a progress bar on standard error.
    """

    definitions: bytes
    files: tuple[tuple[pathlib.Path, str], ...]
    """The files of the history, each with its name in messages."""
    options: replayer.Options
    share: replayer.Share
    spools: Mapping[str, pathlib.Path]
    """`{kind: temporary file}` for each output that is wanted."""
    watched: bool = False


def replay(
    given: definitions.Given,
    history: histories.Kept,
    options: replayer.Options,
    files: Mapping[str, pathlib.Path | None],
    workers: int = 1,
    *,
    watched: bool = False,
) -> Outcome:
    """Replay a history under the given definitions, write the outputs, and return the summary with their hashes.

    `files` is `{kind: file}` with the kinds `decisions`, `actions` and `history`. If the file is None, this output is only
    hashed and not written. `workers` is the number of processes. `watched` shows a progress bar on standard error.
    """
    started = time.perf_counter()
    total = summary.Summary()
    total.tzdata = definitions.foreign(given)
    runs: dict[str, list[external_sort.Run]] = {kind: [] for kind in files}
    with contextlib.ExitStack() as kept:
        parts = [
            _Part(
                definitions.encode(given),
                tuple((each.path, each.name) for each in history.files),
                options,
                replayer.Share(index, workers),
                {kind: kept.enter_context(unnamed_files.File("dalang-replay-")).path for kind in files},
                watched and index == 0,
            )
            for index in range(workers)
        ]
        for counted, spooled in _results(parts):
            total.add(counted)
            for kind, found in spooled.items():
                runs[kind].extend(found)
        total.placed(history.place)
        written = {}
        for kind, target in files.items():
            if target is None:
                written[kind] = Written(*external_sort.write(runs[kind], None))
            else:
                with target.open("wb") as file:
                    written[kind] = Written(*external_sort.write(runs[kind], file))
    total.seconds = time.perf_counter() - started
    return Outcome(total, written)


def _results(parts: list[_Part]) -> list[tuple[summary.Summary, dict[str, list[external_sort.Run]]]]:
    if len(parts) == 1:
        return [_run(parts[0])]
    # Spawn instead of fork: the parent may have threads (the progress bar, a Kafka reader), and forking is unsafe then.
    with futures.ProcessPoolExecutor(len(parts), multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        return list(pool.map(_run, parts))


def _end_with_parent() -> None:
    """Start a thread that ends this process of the pool when the parent process has ended.

    Without the thread, this process would wait for work for ever. It holds both ends of the queue of work, so it does not
    notice that the parent is gone.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _run(part: _Part) -> tuple[summary.Summary, dict[str, list[external_sort.Run]]]:
    gc.set_threshold(100_000, 50, 50)  # as in the worker: there are no reference cycles to collect
    decided_by = definitions.of(definitions.decode(part.definitions))
    outlet = _Spooling(part.spools)
    done = replayer.Replayer(decided_by, part.options, outlet)
    read = histories.JoinedHistory([histories.FileHistory(path, name, watched=part.watched) for path, name in part.files])
    counted = done.run(read.lines(), part.share)
    return counted, {kind: each.close() for kind, each in outlet.spools.items()}
