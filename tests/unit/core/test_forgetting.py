"""What a state remembers of journeys that are over: as long as re-entry, goals and late receipts need it, no longer."""

from collections.abc import Callable

from engine.runtime.state import codec
from tests.unit.core.story import Story

Tell = Callable[..., Story]
SEND = "steps: [{id: ask, send: {template: hello, channels: [{channel: whatsapp}]}}]\n"


def _size(story: Story) -> int:
    return len(codec.snapshot(story.state, 0))


def test_a_state_does_not_grow_with_the_journeys_that_are_over(tell: Tell) -> None:
    """After 100 entries with a message and a goal each, over 200 days, the state is as large as after 70."""
    story = tell("enter: {event: go, key: event.data.k, reentry: {after: 1d}}\ngoal: {event: order, within: 3d}\n" + SEND)
    sizes = []
    for number in range(100):
        story.when("go", f"+{2 * number} 10:00", k=f"cart-{number:03d}")
        sizes.append(_size(story))
    assert len(story.actions) == 100
    assert abs(sizes[99] - sizes[69]) <= 20
    assert len(story.state.messages) <= 16
    (entries,) = story.state.entries.values()
    assert len(entries.last) <= 2


def test_what_is_long_over_is_forgotten_at_the_next_event(tell: Tell) -> None:
    """Closed messages go 30 days after their request, goals at the end of their time: when something new is said of her."""
    story = tell("enter: {event: go, reentry: {after: 1d}}\ngoal: {event: order, within: 3d}\n" + SEND)
    before = _size(story)
    story.when("go", "10:00")
    assert (len(story.state.messages), len(story.state.goals)) == (1, 1)
    story.when("customer.identified", "+29 10:00", traits={"name": "Ayu K"})
    assert (len(story.state.messages), len(story.state.goals)) == (1, 0)
    story.when("customer.identified", "+31 10:00", traits={"name": "Ayu"})
    assert (dict(story.state.messages), dict(story.state.goals), dict(story.state.instances)) == ({}, {}, {})
    assert _size(story) <= before + 60


def test_an_open_message_and_a_goal_in_time_are_kept(tell: Tell) -> None:
    """A message that is still open is kept however old it is, and a goal until its time is over."""
    wait = "steps: [{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: read, fallback_after: 60d}]}}]\n"
    story = tell("enter: {event: go, reentry: never}\ngoal: {event: order, within: 60d}\n" + wait)
    story.when("go", "10:00")
    story.when("customer.identified", "+40 10:00", traits={"name": "Ayu K"})
    assert (len(story.state.messages), len(story.state.goals)) == (1, 1)
    assert story.when("order", "+41 10:00") == ["+41 10:00 goal.reached order"]


def test_an_event_without_effect_forgets_nothing(tell: Tell) -> None:
    """What changes nothing leaves the state as it was: forgetting is no change of its own."""
    story = tell("enter: {event: go, reentry: never}\ngoal: {event: order, within: 3d}\n" + SEND)
    story.when("go", "10:00")
    before = story.state
    assert story.when("go", "+40 10:00") == ["+40 10:00 journey.refused reentry"]
    assert story.when("customer.identified", "+41 10:00", traits={"name": "Ayu"}) == []
    assert story.state.entries == before.entries


def test_keys_that_may_never_enter_again_are_remembered(tell: Tell) -> None:
    """`reentry: never` with a key asks about every key for ever: the one thing that grows, by design, by its key and a time."""
    story = tell("enter: {event: go, key: event.data.k, reentry: never}\n" + SEND)
    for number in range(20):
        story.when("go", f"+{40 * number} 10:00", k=f"cart-{number:03d}")
    first = _size(story)
    for number in range(20, 40):
        story.when("go", f"+{40 * number} 10:00", k=f"cart-{number:03d}")
    (entries,) = story.state.entries.values()
    assert len(entries.last) == 40
    assert (_size(story) - first) / 20 <= 40
