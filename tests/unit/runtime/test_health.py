from typing import Any

import pytest

from engine.runtime.monitoring import health, metrics


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def known(hands: Hands) -> health.Health:
    return health.Health(60.0, loop_within=30.0, clock_within=120.0, monotonic=hands, wall=hands)


def seen(**given: Any) -> health.Seen:
    standing = metrics.Standing(**{"number": 4, "loaded": True, **given.pop("standing", {})})
    return health.Seen(**{"joined": True, "standings": (standing,), **given})


def test_a_worker_that_does_its_work_is_healthy_and_ready(known: health.Health) -> None:
    """Both say so, in JSON, with the number of partitions."""
    known.seen(seen())
    assert known.health().text() == known.ready().text() == b'{"ok":true,"reasons":[],"partitions":1}\n'


def test_a_worker_without_partitions_is_ready_to_take_some(known: health.Health) -> None:
    """More workers than partitions: the last ones stand by."""
    known.seen(health.Seen(joined=True))
    assert known.ready().good


def test_a_loop_that_stands_still_is_not_healthy(known: health.Health, hands: Hands) -> None:
    """It says for how long; once it turns again all is well."""
    known.seen(seen())
    hands.time += 31
    assert known.health().reasons == ("the event loop has not turned for 31 s",)
    assert not known.ready().good
    known.turned()
    assert known.health().good


def test_a_clock_that_stands_still_is_not_healthy(known: health.Health, hands: Hands) -> None:
    """The loop may turn while nobody says which timers are due."""
    known.seen(seen())
    hands.time += 121
    known.turned()
    assert known.health().reasons == ("the clock has not ticked for 121 s",)
    known.ticked()
    assert known.health().good


@pytest.mark.parametrize("state", [{"joined": False}, {"rebalancing": True}, {"standing": {"loaded": False}}])
def test_the_clock_may_wait_for_partitions(known: health.Health, hands: Hands, state: dict[str, Any]) -> None:
    """While the worker joins, rebalances or loads, however long that takes, a restart would only begin it again."""
    known.seen(seen(**state))
    hands.time += 600
    known.turned()
    assert known.health().good
    assert not known.ready().good


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"joined": False, "standings": ()}, "not in the group yet"),
        ({"rebalancing": True}, "rebalancing"),
        ({"stopping": True}, "stopping"),
        ({"standing": {"loaded": False}}, "loading partitions 4"),
        ({"standing": {"lag": 9, "behind": 939.0}}, "partition 4 is 61 s behind, 60 s are allowed"),
        ({"standing": {"silent": 11.0}}, "the broker has not answered for 11 s"),
    ],
)
def test_a_worker_that_does_not_do_its_work_now_is_not_ready(known: health.Health, state: dict[str, Any], reason: str) -> None:
    """Not while it joins, rebalances, loads or stops, not behind the limit, not without a broker; it is healthy all the same."""
    known.seen(seen(**state))
    assert known.ready().reasons == (reason,)
    assert known.health().good


def test_a_lag_within_the_limit_is_no_reason(known: health.Health, hands: Hands) -> None:
    """The limit is a number of seconds that a record may wait; with time it passes, without anybody looking again."""
    known.seen(seen(standing={"lag": 1_000_000, "behind": 940.0}))
    assert known.ready().good
    hands.time += 1
    assert known.ready().reasons == ("partition 4 is 61 s behind, 60 s are allowed",)
