"""The replay on one core against a loop that only parses the lines, in one run."""

import gc
import pathlib
import shutil
import time
from collections.abc import Iterator

import orjson
import pytest

from engine.authoring import catalogs
from engine.replay import replayer
from examples.shop import make_events
from tests.acceptance import history
from tests.benchmarks import tables

pytestmark = pytest.mark.benchmark
JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"
ROUNDS = 5
TWO = ("cart-abandonment", "delivery-notice")
TEMPLATES = ("cart-reminder", "free-shipping", "delivery-notice")


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """The collector's thresholds as `dalang replay` and the worker set them."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    yield
    gc.set_threshold(*before)


def ratio(table: tables.Table, what: str, goal: int, journeys: pathlib.Path, lines: list[bytes]) -> float:
    """How much longer a replay takes than parsing; CPU time, the best of five rounds of each, taken in turns."""
    catalog = catalogs.load(journeys)
    parsing, replaying = [], []
    for _ in range(ROUNDS):
        started = time.process_time()
        for line in lines:
            orjson.loads(line)
        parsing.append(time.process_time() - started)
        started = time.process_time()
        replayer.Replayer(catalog, replayer.Options(drain=False), replayer.Outlet()).run(lines)
        replaying.append(time.process_time() - started)
    count, found = len(lines), min(replaying) / min(parsing)
    told = f"{count / min(replaying):,.0f} events/s, 1/{found:.1f} of parsing alone ({count / min(parsing):,.0f} lines/s)"
    table.add("without a broker", tables.Row(f"replay on one core, {what}", told, f">= 1/{goal}", found <= goal))
    return found


def test_two_journeys_against_parsing(tmp_path: pathlib.Path, table: tables.Table) -> None:
    """With the two journeys of the first release and their own receipts, at least a twentieth of a loop that only parses."""
    (tmp_path / "templates").mkdir()
    for name in (*TWO, "policy"):
        shutil.copy(JOURNEYS / f"{name}.yaml", tmp_path)
    for file in (JOURNEYS / "templates").iterdir():
        if file.name.split(".")[0] in TEMPLATES:
            shutil.copy(file, tmp_path / "templates")
    make_events.write(tmp_path / "events.jsonl")
    history.replayed(tmp_path, catalogs.bundle(tmp_path))
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines()
    assert ratio(table, "two journeys", 20, tmp_path, lines) <= 20


def test_the_whole_bundle_against_parsing(shop_lines: list[bytes], table: tables.Table) -> None:
    """With every example journey, traits and policy, the goal is a twenty-fifth of a loop that only parses. The table says by how
    much it is missed (docs/critiques.md says why); below a hundredth this fails.
    """
    assert ratio(table, "the example bundle", 25, JOURNEYS, shop_lines) <= 100
