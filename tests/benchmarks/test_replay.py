"""The replay on one core against a loop that only parses the lines, in one run."""

import pathlib
import time

import orjson
import pytest

from engine.authoring import catalogs
from engine.replay import replayer

pytestmark = pytest.mark.benchmark
JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"
ROUNDS = 5


def test_replay_against_parsing(shop_lines: list[bytes]) -> None:
    """At least a twentieth of a loop that only parses; the best of five rounds of each, taken in turns."""
    catalog = catalogs.load(JOURNEYS)
    parsing, replaying = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for line in shop_lines:
            orjson.loads(line)
        parsing.append(time.perf_counter() - started)
        started = time.perf_counter()
        replayer.Replayer(catalog, replayer.Options(drain=False), replayer.Outlet()).run(shop_lines)
        replaying.append(time.perf_counter() - started)
    count, ratio = len(shop_lines), min(replaying) / min(parsing)
    print(f"\nparsing {count / min(parsing):,.0f} lines/s, replay {count / min(replaying):,.0f} events/s: 1/{ratio:.1f}")
    assert ratio <= 20
