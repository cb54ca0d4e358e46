"""Screening: what an event can do nothing to, it is not shown to."""

from collections.abc import Callable

import msgspec

from engine.core.model import inputs
from tests.unit.core.story import Story, at

Tell = Callable[..., Story]
ENTRY = """
enter: {event: page, when: event.data.path == "/pricing" && profile.vip, reentry: never}
exit: [{event: order, when: event.data.total > 10, reason: bought}]
goal: {event: paid, when: event.data.total > 10, within: 3d}
steps: [{id: pause, wait: 1h}]
"""
VIEWS = """
traits:
  views: {of: page, when: event.data.path == "/cancel", compute: count}
"""


def lets_by(story: Story, type_: str, clock: str = "10:30", **data: object) -> bool:
    event = inputs.Event("e", type_, at(clock), at(clock), "ayu", "tests", data)
    return story.catalog.screening.lets_by(event, story.state)


def test_an_event_that_meets_no_condition_is_let_by(tell: Tell) -> None:
    """A type that an entry and a trait name passes when neither condition can be true by the event alone."""
    story = tell(ENTRY, traits=VIEWS)
    assert lets_by(story, "page", path="/")
    assert not lets_by(story, "page", path="/pricing")
    assert not lets_by(story, "page", path="/cancel")


def test_what_the_event_alone_does_not_say_is_looked_at(tell: Tell) -> None:
    """A field that is missing, or of another type than the constant, is for CEL to judge."""
    story = tell(ENTRY, traits=VIEWS)
    assert not lets_by(story, "page")
    assert not lets_by(story, "page", path=7)


def test_exits_and_goals_are_asked_for_those_inside(tell: Tell) -> None:
    """An exit's and a goal's type matter only to who is in the journey, and then by their conditions."""
    story = tell(ENTRY)
    assert lets_by(story, "order", total=20)
    story.when("customer.identified", "09:00", traits={"vip": True})
    story.when("page", "10:00", path="/pricing")
    assert not lets_by(story, "order", total=20)
    assert lets_by(story, "order", total=5)
    story.pass_time("12:00")
    assert lets_by(story, "order", "12:30", total=20)
    assert not lets_by(story, "paid", "12:30", total=20)


def test_a_timer_that_is_due_is_not_let_by(tell: Tell) -> None:
    """An event that does nothing still lets time pass."""
    story = tell(ENTRY)
    story.when("customer.identified", "09:00", traits={"vip": True})
    story.when("page", "10:00", path="/pricing")
    assert lets_by(story, "page", "10:59", path="/")
    assert not lets_by(story, "page", "11:00", path="/")


def test_what_the_engine_understands_itself_is_looked_at(tell: Tell) -> None:
    """Profiles, consents and receipts never pass, whatever journeys name."""
    assert not any(lets_by(tell(ENTRY), type_) for type_ in inputs.BUILT_IN)


def test_an_instance_of_an_unknown_version_is_looked_at(tell: Tell) -> None:
    """Who is on a version that is not here may have to be parked, so nothing passes."""
    story = tell(ENTRY)
    story.when("customer.identified", "09:00", traits={"vip": True})
    story.when("page", "10:00", path="/pricing")
    (instance,) = story.state.instances.values()
    lost = msgspec.structs.replace(instance, version="sha256:lost")
    story.customer = msgspec.structs.replace(story.state, instances={instance.id: lost})
    assert not lets_by(story, "order", total=5)


def test_entrants_and_traits_are_those_that_an_event_may_reach(tell: Tell) -> None:
    """Of what a type names, what its conditions rule out is left out; of a type that nobody names nothing is there."""
    story = tell(ENTRY, traits=VIEWS)
    context = story.catalog.screening

    def page(path: str) -> inputs.Event:
        return inputs.Event("e", "page", at("10:00"), at("10:00"), "ayu", "tests", {"path": path})

    assert [journey.name for journey in context.entrants(page("/pricing"))] == ["journey-0"]
    assert [trait.name for trait in context.counted(page("/cancel"))] == ["views"]
    assert not context.entrants(page("/cancel"))
    assert not context.counted(page("/pricing"))
