"""The shop's history, made once for the tests that read it."""

import pathlib

import pytest

from engine.authoring import catalogs
from engine.replay import histories, outputs, replayer, simulation
from examples.shop import make_events

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with `events.jsonl`, `history.jsonl` (with receipts), and the `actions.jsonl` of its replay."""
    directory = tmp_path_factory.mktemp("shop")
    make_events.write(directory / "events.jsonl")
    options = replayer.Options(receipts=simulation.read(ROOT / "examples" / "shop" / "receipts.yaml"))
    bundle = catalogs.bundle(ROOT / "journeys")
    events = histories.FileHistory(directory / "events.jsonl")
    outputs.replay(bundle, events, options, {"history": directory / "history.jsonl"})
    history = histories.FileHistory(directory / "history.jsonl")
    outputs.replay(bundle, history, replayer.Options(), {"actions": directory / "actions.jsonl"})
    return directory
