"""The replay on one core against a loop that only parses the lines, in one run."""

import gc
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator

import orjson
import pytest

from engine.authoring.compiling import catalogs
from engine.core.model import inputs
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
    """How much longer a replay takes than parsing the lines as JSON; CPU time, the best of five rounds of each, taken in turns.

    The table has that, and how much longer than parsing them as the events that it takes: checked, with their times.
    """
    catalog = catalogs.load(journeys)

    def parse(by: Callable[[bytes], object]) -> None:
        for line in lines:
            by(line)

    loops: dict[str, Callable[[], object]] = {
        "events": lambda: parse(inputs.decode),
        "json": lambda: parse(orjson.loads),
        "replay": lambda: replayer.Replayer(catalog, replayer.Options(drain=False), replayer.Outlet()).run(lines),
    }
    best = dict.fromkeys(loops, float("inf"))
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            started = time.process_time()
            loop()
            best[name] = min(best[name], time.process_time() - started)
    pace = {name: f"{len(lines) / seconds:,.0f}" for name, seconds in best.items()}
    for kind, parsed in (("events", "CloudEvents"), ("json", "bare JSON")):
        found = best["replay"] / best[kind]
        told = f"{pace['replay']} events/s, 1/{found:.1f} of parsing the lines as {parsed} ({pace[kind]} lines/s)"
        table.add("without a broker", tables.Row(f"replay on one core, {what}", told, f">= 1/{goal}", found <= goal))
    return best["replay"] / best["json"]


def test_two_journeys_against_parsing(tmp_path: pathlib.Path, table: tables.Table) -> None:
    """With the two journeys of the first release and their own receipts, at least a twentieth of a loop that only parses JSON."""
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
    """With every example journey, traits and policy, the goal is a twenty-fifth of a loop that only parses. It says of none what it
    parses to, so the table has both (decision 059); below a hundredth of bare JSON this fails.
    """
    assert ratio(table, "the example bundle", 25, JOURNEYS, shop_lines) <= 100
