"""The shop's history, made once for the tests that read it."""

import datetime
import fcntl
import os
import pathlib

import pytest

from engine.authoring.compiling import catalogs
from engine.core.model import definition, inputs
from engine.replay import histories, outputs, replayer, simulated_receipts
from examples.shop import make_events

ROOT = pathlib.Path(__file__).parents[2]
JOURNEYS = ROOT / "journeys"
UNTIL: datetime.datetime = inputs.instant(make_events.UNTIL)
"""Schedules have no end, so the demo and the tests stop there."""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with `events.jsonl`, `history.jsonl` (with receipts), and the `actions.jsonl` of its replay."""
    given = tmp_path_factory.getbasetemp()
    # Under xdist each process has a directory in that of the run: whoever comes first makes the history for all.
    directory = (given.parent if "PYTEST_XDIST_WORKER" in os.environ else given) / "shop"
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "made").exists():
            make_events.write(directory / "events.jsonl")
            replayed(directory, catalogs.bundle(JOURNEYS))
            (directory / "made").touch()
    return directory


def replayed(directory: pathlib.Path, bundle: definition.Bundle) -> None:
    """From `events.jsonl` of the directory: `history.jsonl` with receipts, and `actions.jsonl` of its replay."""
    options = replayer.Options(receipts=simulated_receipts.read(ROOT / "examples" / "shop" / "receipts.yaml"), until=UNTIL)
    events = histories.FileHistory(directory / "events.jsonl")
    outputs.replay(bundle, events, options, {"history": directory / "history.jsonl"})
    history = histories.FileHistory(directory / "history.jsonl")
    outputs.replay(bundle, history, replayer.Options(until=UNTIL), {"actions": directory / "actions.jsonl"})
