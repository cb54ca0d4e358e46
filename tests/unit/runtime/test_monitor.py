import asyncio
import contextlib
import time
from typing import Any

import pytest

from engine.runtime import bundles, monitor, settings
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import topics
from engine.runtime.monitoring import health
from engine.runtime.partition import partition
from engine.runtime.state import store

NOBODY: Any = None  # nothing is written


@pytest.fixture
def watching() -> monitor.Watch:
    return monitor.Watch(settings.Settings())


@pytest.fixture
def here() -> partition.Partition:
    names = topics.Topics()
    made = partition.Partition(3, names, bundles.Registry("localhost:9", names), store.Store(), NOBODY)
    made.store.record = made.store.record.__class__(offset=6)
    return made


def fetched(position: int, end: int, last: int, answered: float | None = None) -> faust_batches.Fetched:
    return faust_batches.Fetched(position, end, last, time.time() if answered is None else answered)


def test_a_partition_that_is_not_loaded_has_no_numbers(watching: monitor.Watch) -> None:
    """Neither lag nor size is known before."""
    assert not watching.standing(3, None, fetched(7, 7, 6), None).loaded


def test_lag_is_what_stands_on_the_log_after_the_last_record_handled(watching: monitor.Watch, here: partition.Partition) -> None:
    """Fetched or not; its age is that of the first record that waits."""
    found = watching.standing(3, here, fetched(10, 20, 9), 40_000)
    assert (found.lag, found.lag_seconds(100.0)) == (13, 60.0)
    here.oldest = 30_000  # a batch at work came before what waits
    assert watching.standing(3, here, fetched(10, 20, 9), 40_000).lag_seconds(100.0) == 70.0


def test_markers_of_transactions_are_no_lag(watching: monitor.Watch, here: partition.Partition) -> None:
    """The log's end may stand after markers, which are no records: what was fetched and passed is handled."""
    found = watching.standing(3, here, fetched(9, 9, 6), None)
    assert (found.lag, found.behind) == (0, None)


def test_what_was_fetched_and_is_on_its_way_is_lag(watching: monitor.Watch, here: partition.Partition) -> None:
    """A record between fetching and the partition's task is not handled."""
    assert watching.standing(3, here, fetched(8, 8, 7), None).lag == 1


def test_what_was_not_fetched_ages_from_its_first_sight(watching: monitor.Watch, here: partition.Partition) -> None:
    """Its timestamp is not known here; a second look does not make it young again."""
    first = watching.standing(3, here, fetched(7, 9, 6), None)
    watching.metrics.standings = (first,)
    second = watching.standing(3, here, fetched(7, 12, 6), None)
    assert (first.lag, second.lag, second.behind) == (2, 5, first.behind)


def test_a_broker_that_does_not_answer_is_seen_when_nothing_is_left_to_do(
    watching: monitor.Watch, here: partition.Partition
) -> None:
    """Idle fetches are answered too, so silence means that nobody is there."""
    assert watching.standing(3, here, fetched(7, 7, 6, time.time() - 50), None).silent >= 50
    assert watching.standing(3, here, fetched(7, 9, 6, time.time() - 50), None).silent == 0


async def test_each_beat_looks_again(watching: monitor.Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standings, readiness and rebalances follow the worker; each rebalance counts once."""
    monkeypatch.setattr(monitor, "BEAT", 0.01)
    looks = [health.Seen(), health.Seen(joined=True, rebalances=1), health.Seen(joined=True, rebalances=3)]
    left, taken = [*looks, looks[-1]], asyncio.Event()

    def look() -> health.Seen:
        if len(left) == 1:
            taken.set()  # so that the one before was told
        return left.pop(0) if len(left) > 1 else left[0]

    beating = asyncio.create_task(watching.beat(look))
    await asyncio.wait_for(taken.wait(), 120)
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
    assert watching.metrics.registry.get_sample_value("dalang_rebalances_total") == 3
    assert watching.health.ready().good


async def test_a_look_that_fails_ends_nothing(watching: monitor.Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may meet partitions that are just taken away: not ready for that once, healthy, and looked at again."""
    monkeypatch.setattr(monitor, "BEAT", 0.01)
    answers: list[tuple[str, ...]] = []
    enough = asyncio.Event()

    def look() -> health.Seen:
        answers.append(watching.health.ready().reasons)
        if len(answers) == 2:
            raise KeyError
        if len(answers) == 5:
            enough.set()
        return health.Seen(joined=True, rebalances=1)

    beating = asyncio.create_task(watching.beat(look))
    await asyncio.wait_for(enough.wait(), 120)
    assert answers[:4] == [("not in the group yet",), (), ("rebalancing",), ()]
    assert watching.metrics.registry.get_sample_value("dalang_rebalances_total") == 1
    assert watching.health.health().good
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating


def test_nothing_is_served_without_a_port(watching: monitor.Watch) -> None:
    """No thread, no socket."""
    watching.open()
    watching.close()
    assert watching._server is None
