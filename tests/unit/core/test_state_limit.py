"""A customer's state has a limit, which an input is held against before it counts."""

import datetime
import pathlib

import msgspec
import pytest

from engine.core import errors
from engine.core.decide import decider, state_limit
from engine.core.model import decisions, inputs, state
from tests.unit.core import story

WAITING = "enter: {event: go, key: event.data.k, reentry: never}\nsteps: [{id: p, wait: 1h}]"


def big(kilobytes: int, k: str = "a", **more: object) -> inputs.Event:
    at = story.at("10:00")
    return inputs.Event(f"e-{k}", "go", at, at, "c", "tests", {"k": k, "text": "x" * kilobytes * 1024, **more})


def test_an_input_that_makes_a_state_too_large_is_refused_whole(tmp_path: pathlib.Path) -> None:
    """The input past the limit raises, and the state stays as it was; smaller ones of the customer go on being taken."""
    told = story.Story(story.compiled(tmp_path, story.written("j", WAITING)))
    before = decider.transition(told.catalog, None, big(700)).state
    with pytest.raises(errors.StateTooLarge, match=f"the limit is {state_limit.LARGEST}"):
        decider.transition(told.catalog, before, big(700, "b"))
    assert before is not None
    after = decider.transition(told.catalog, before, big(1, "b")).state
    assert after is not None
    assert len(after.instances) == 2


def test_one_event_alone_may_fill_a_state(tmp_path: pathlib.Path) -> None:
    """An event just below its own limit (1 MiB of JSON) is refused if its journey keeps it, as then the state has more."""
    told = story.Story(story.compiled(tmp_path, story.written("j", WAITING)))
    with pytest.raises(errors.StateTooLarge):
        decider.transition(told.catalog, None, big(1024))
    assert decider.transition(told.catalog, None, big(1000)).state is not None


def test_what_makes_a_large_state_smaller_is_always_taken() -> None:
    """A state beyond the limit (an older version wrote it) can still be left: only growth is refused."""
    event = big(1)
    before = state.Customer("c", profile={"text": "x" * 3 * state_limit.LARGEST})
    state_limit.check(before, state.Customer("c", profile={"text": "x" * 2 * state_limit.LARGEST}), event)
    state_limit.check(before, None, event)
    state_limit.check(before, before, event)
    with pytest.raises(errors.StateTooLarge):
        state_limit.check(before, state.Customer("c", profile={"text": "x" * 3 * state_limit.LARGEST, "more": 1}), event)


def test_passing_time_may_go_further_than_an_event() -> None:
    """Timers of a large state still fire, up to twice the limit: so its journeys end and it becomes small again."""
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    after = state.Customer("c", profile={"text": "x" * (state_limit.LARGEST + 10_000)})
    state_limit.check(None, after, inputs.tick(at))
    with pytest.raises(errors.StateTooLarge):
        state_limit.check(None, after, big(1))
    with pytest.raises(errors.StateTooLarge):
        state_limit.check(None, state.Customer("c", profile={"text": "x" * 2 * state_limit.LARGEST}), inputs.tick(at))


def test_a_number_that_no_state_can_keep_is_bad_data(tmp_path: pathlib.Path) -> None:
    """JSON's numbers have no limit, msgpack's have 64 bits: an event that would be kept with a larger one is refused with a reason,
    the largest is kept, and an event that nothing keeps may hold any.
    """
    told = story.Story(story.compiled(tmp_path, story.written("j", WAITING)))
    assert decider.transition(told.catalog, None, big(1, account=2**64 - 1)).state is not None
    known = decider.transition(told.catalog, None, big(1)).state
    for before in (None, known):
        with pytest.raises(errors.BadData, match="64 bits"):
            decider.transition(told.catalog, before, big(1, "b", account=2**64))
    passing = msgspec.structs.replace(big(1, account=2**64), type="unheard", id="other")
    assert decider.transition(told.catalog, known, passing).state is known


def test_only_the_exact_size_refuses() -> None:
    """What a state had at most spares the measuring; where that could pass the limit, the state is measured, and it alone decides."""
    event, after = big(1), state.Customer("c", profile={"text": "x" * 600 * 1024})
    exact = len(msgspec.msgpack.encode(after))
    before = state.Customer("c")
    assert state_limit.check(before, after, event, (event,)) == exact
    assert exact < 700_000 < state_limit.check(before, after, event, (event,), held=700_000) < 710_000
    assert state_limit.check(before, after, event, (event,), held=state_limit.LARGEST) == exact
    with pytest.raises(errors.StateTooLarge):
        state_limit.check(
            before, state.Customer("c", profile={"text": "x" * state_limit.LARGEST}), event, (event,), held=state_limit.LARGEST
        )


def test_what_facts_do_not_say_is_measured() -> None:
    """A migration renames more than it says, and a number that msgpack has not can be in an event that nobody keeps."""
    at = story.at("10:00")
    migrated = decisions.InstanceMigrated("sha256:a", "old")
    renamed = decisions.Decision("d", migrated.type, "c", at, "j", "sha256:b", "i", "new", "e", migrated)
    huge = inputs.Event("e", "go", at, at, "c", "tests", {"n": 2**70})
    after = state.Customer("c", now=at)
    exact = len(msgspec.msgpack.encode(after))
    assert state_limit.check(state.Customer("c"), after, big(1), (renamed,), held=10_000) == exact
    assert state_limit.check(state.Customer("c"), after, big(1), (huge,), held=10_000) == exact
