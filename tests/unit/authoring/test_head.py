"""The head of a journey and the policy, as the second release compiles them."""

import datetime
from typing import Any

import pytest

from engine.authoring.compiling import compile as compiler
from engine.authoring.language import declared_names
from engine.core.decide import schedules
from engine.core.model import definition, inputs
from tests.unit.core import story

TRAITS = """\
traits:
  orders: {of: order.placed, compute: count, within: 90d}
segments:
  loyal: traits.orders >= 3
"""


def compiled(shop: Any) -> definition.Bundle:
    result = compiler.compile_directory(shop.root, datetime.date(2026, 11, 25))
    assert result.findings == ()
    assert result.bundle is not None
    return result.bundle


def own_event(shop: Any) -> None:
    """The journey reads nothing that the event of a schedule or a segment lacks."""
    shop.replace("cart.yaml", "event.data.total >= 100000", "true")
    shop.replace("cart.yaml", "key: event.data.cart_id", "key: event.type")


def test_a_segment_enters(shop: Any) -> None:
    """`segment` instead of `event`, with when, key and while_active."""
    shop.write("traits.yaml", TRAITS)
    shop.replace("cart.yaml", "  event: cart.updated\n", "  segment: loyal\n")
    shop.replace("cart.yaml", "event.data.total >= 100000", 'event.data.segment == "loyal"')
    shop.replace("cart.yaml", "event.data.cart_id\n", "event.data.segment\n  while_active: restart\n")
    enter = compiled(shop).journeys[0].enter
    assert (enter.events, enter.segment, enter.schedule, enter.while_active) == ((), "loyal", None, "restart")
    assert enter.when == definition.Expression('event.data.segment == "loyal"', "enter.when", ("event",))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("payday", definition.Schedule(540, "payday")),
        ("daily", definition.Schedule(540, "day")),
        ("[thu, mon]", definition.Schedule(540, "weekday", days=(0, 3))),
        ("31", definition.Schedule(540, "month", day=31)),
        ("2026-12-12", definition.Schedule(540, "once", date=datetime.date(2026, 12, 12))),
    ],
)
def test_a_schedule_enters(shop: Any, day: str, expected: definition.Schedule) -> None:
    """On payday, daily, on weekdays, on a day of the month, or once."""
    shop.replace("cart.yaml", "event: cart.updated", f"schedule: {{time: 09:00, day: {day}}}")
    own_event(shop)
    bundle = compiled(shop)
    assert expected == bundle.journeys[0].enter.schedule
    assert bundle.journeys[0].enter.events == ()


def test_a_schedule_has_an_audience(shop: Any) -> None:
    """A condition, before anybody has entered."""
    shop.write("traits.yaml", TRAITS)
    shop.replace("cart.yaml", "event: cart.updated", "schedule: {time: 09:00, day: daily, audience: segments.loyal}")
    own_event(shop)
    schedule = compiled(shop).journeys[0].enter.schedule
    assert schedule is not None
    assert schedule.audience == definition.Expression("segments.loyal", "enter.schedule.audience", ("segments",))


def test_goal_holdout_updates_and_hours(shop: Any) -> None:
    """What stands at the top of the file."""
    shop.replace("policy.yaml", "  channels:", "  quiet_hours: {collection: 20:00-08:00}\n  channels:")
    head = "goal: {event: order.placed, when: event.data.total > 0, within: 3d, value: event.data.total}\nholdout: 2.5%\n"
    head += "on_update: migrate\nmigrations: {old: nudge, older: exit}\nhours: collection\npriority: 7\nsteps:"
    shop.replace("cart.yaml", "steps:", head)
    journey = compiled(shop).journeys[0]
    assert journey.goal == definition.Goal(
        definition.Trigger("order.placed", definition.Expression("event.data.total > 0", "goal.when", ("event",))),
        259_200_000,
        definition.Expression("event.data.total", "goal.value", ("event",)),
    )
    assert (journey.holdout, journey.on_update, journey.hours, journey.priority) == (250, "migrate", "collection", 7)
    assert journey.migrations == {"old": "nudge", "older": "exit"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("event: cart.updated", "event: cart.updated\n  segment: loyal", ["6:3 DLG622"]),
        ("  event: cart.updated\n", "", ["6:3 DLG622"]),
        ("event: cart.updated", "segment: loyl", ["6:12 DLG646"]),
        ("event: cart.updated", "segment: Loyal", ["6:12 DLG622"]),
        ("event: cart.updated", "segment: loyal\n  max_age: 1h", ["6:3 DLG622"]),
        ("event: cart.updated", "schedule: {time: 09:00}", ["6:13 DLG621"]),
        ("event: cart.updated", "schedule: {time: 9:00, day: daily}", ["6:20 DLG622"]),
        ("event: cart.updated", "schedule: {time: 09:00, day: 32}", ["6:32 DLG622"]),
        ("event: cart.updated", "schedule: {time: 09:00, day: daily, audience: entry.data.x}", ["6:49 DLG651"]),
        ("event: cart.updated", "schedule: {time: 09:00, day: daily, audience: segments.loyl}", ["6:58 DLG651"]),
        ("event: cart.updated", "schedule: {time: 09:00, day: daily, audience: now}", ["6:49 DLG652"]),
        ("steps:", "goal: {event: x}\nsteps:", ["12:7 DLG621"]),
        ("steps:", "goal: {event: x, within: 3}\nsteps:", ["12:26 DLG622"]),
        ("steps:", "goal: {event: x, within: 3d, value: now}\nsteps:", ["12:37 DLG652"]),
        ("steps:", "goal: {event: timer.due, within: 3d}\nsteps:", ["12:15 DLG640"]),
        ("steps:", "holdout: 10\nsteps:", ["12:10 DLG622"]),
        ("steps:", "on_update: move\nsteps:", ["12:12 DLG622"]),
        ("steps:", "on_update: migrate\nmigrations: {old: nugde}\nsteps:", ["13:19 DLG647"]),
        ("steps:", "migrations: {old: 3}\nsteps:", ["12:19 DLG622"]),
        ("steps:", "hours: collection\nsteps:", ["12:8 DLG645"]),
        ("steps:", "hours: Collection\nsteps:", ["12:8 DLG622"]),
    ],
)
def test_what_the_head_may_not_say_is_found(shop: Any, old: str, new: str, expected: list[str]) -> None:
    """Each at its line and column."""
    shop.write("traits.yaml", TRAITS)
    shop.replace("cart.yaml", old, new)
    if "segment:" in new or "schedule:" in new:
        own_event(shop)
    assert [f"cart.yaml:{each}" for each in expected] == shop.said()


@pytest.mark.parametrize(
    ("way", "told", "missing"),
    [
        ("schedule: {time: 09:00, day: daily}", "event.data.journey and event.data.due", ("total", "cart_id", "segment")),
        ("segment: loyal", "event.data.segment", ("total", "cart_id", "due")),
    ],
)
def test_what_the_engines_own_event_lacks_is_found(shop: Any, way: str, told: str, missing: tuple[str, ...]) -> None:
    """A schedule and a segment enter by an event that the engine makes: a field that it never has would refuse everybody, as
    no_key or by a condition that is false. The fields that it has are taken, and so is any field of a shop's event.
    """
    shop.write("traits.yaml", TRAITS)
    assert shop.said() == []
    shop.replace("cart.yaml", "event: cart.updated", way)
    assert shop.said() == ["cart.yaml:7:20 DLG651", "cart.yaml:8:19 DLG651"]
    (_, finding) = shop.findings()
    assert finding.message == "`event.data.cart_id` does not exist."
    assert finding.hint == f"The event of a schedule or a segment is made by the engine: it has {told}."
    own_event(shop)
    for name in missing:
        shop.replace("cart.yaml", "key: event.type", f"key: event.data['{name}']")
        assert shop.said() == ["cart.yaml:8:19 DLG651"]
        shop.replace("cart.yaml", f"key: event.data['{name}']", "key: event.type")
    for name in told.split(" and "):
        shop.replace("cart.yaml", "key: event.type", f"key: {name}")
        assert shop.said() == []
        shop.replace("cart.yaml", f"key: {name}", "key: event.type")


def test_the_engines_own_events_have_what_the_check_says(shop: Any) -> None:
    """What is declared of `schedule.due` and `segment.entered` is what the core makes."""
    at = inputs.instant("2026-11-25T02:00:00Z")
    shop.replace("cart.yaml", "event: cart.updated", "schedule: {time: 09:00, day: daily}")
    own_event(shop)
    journey = compiled(shop).journeys[0]
    assert declared_names.OWN_DATA["schedule"].keys() == schedules.entry(journey, "ayu", "t", at, at).data.keys()
    made = story.compiled(
        shop.root / "joined",
        story.written("joined", "enter: {segment: loyal, key: event.data.segment, reentry: never}\nsteps: [{id: w, wait: 1h}]"),
        traits="segments: {loyal: profile.loyal == true}",
    )
    told = story.Story(made)
    told.when("customer.identified", "10:00", traits={"loyal": True})
    (instance,) = told.state.instances.values()
    assert declared_names.OWN_DATA["segment"].keys() == instance.entry.data.keys()


def test_names_are_not_missed_where_their_file_cannot_be_used(shop: Any) -> None:
    """traits.yaml and policy.yaml have findings of their own then; nobody knows what they declare."""
    shop.write("traits.yaml", "traits: 5")
    shop.write("policy.yaml", "policy: 5")
    shop.replace("cart.yaml", "event: cart.updated", "segment: loyal")
    shop.replace("cart.yaml", "event.data.cart_id\n", "event.data.segment\n")
    shop.replace("cart.yaml", "steps:", "hours: collection\nsteps:")
    shop.replace("cart.yaml", "event.data.total >= 100000", "segments.other && traits.x > 5")
    assert shop.said() == ["policy.yaml:1:9 DLG622", "traits.yaml:1:9 DLG622"]


def test_a_version_does_not_depend_on_policy_or_traits(shop: Any) -> None:
    """They are always the newest, whatever version an instance entered with."""
    before = compiled(shop)
    shop.write("traits.yaml", TRAITS)
    shop.replace("policy.yaml", "  channels:", "  quiet_hours: {marketing: 20:00-08:00}\n  channels:")
    after = compiled(shop)
    assert before.journeys[0].version == after.journeys[0].version
    assert before.id != after.id


def test_the_policy_has_quiet_hours_and_caps(shop: Any) -> None:
    """Quiet hours as text or as a rule with days; caps by calendar days or exact windows."""
    rules = """\
  quiet_hours:
    marketing: 20:00-08:00
    collection: {quiet: "18:00-08:00", days_off: [sun, sat], holidays_off: true, source: POJK 22/2023}
    holidays: {holidays_off: true}
  caps:
    - {purpose: marketing, at_most: 2, per: day}
    - {channel: whatsapp, at_most: 4, per: 1w}
    - {journey: cart, at_most: 1, per: 12h, then: defer}
  channels:"""
    shop.replace("policy.yaml", "  channels:", rules)
    policy = compiled(shop).policy
    assert list(policy.quiet_hours) == ["collection", "holidays", "marketing"]
    assert policy.quiet_hours["marketing"] == definition.QuietHours(1200, 480)
    assert policy.quiet_hours["collection"] == definition.QuietHours(1080, 480, (5, 6), True, "POJK 22/2023")
    assert policy.quiet_hours["holidays"] == definition.QuietHours(0, 0, (), True)
    assert policy.caps == (
        definition.Cap(2, days=1, purpose="marketing"),
        definition.Cap(4, days=7, channel="whatsapp"),
        definition.Cap(1, rolling=43_200_000, journey="cart", then="defer"),
    )


def test_the_calendar_has_its_holidays_from_last_year_to_five_years_on(shop: Any) -> None:
    """They are in the bundle, so that a replay in any year has the same."""
    shop.replace("policy.yaml", "  channels:", "  calendar: {cuti_bersama: true, payday: 28, payday_shift: next}\n  channels:")
    calendar = compiled(shop).policy.calendar
    assert (calendar.country, calendar.cuti_bersama, calendar.payday, calendar.payday_shift) == ("ID", True, 28, "next")
    assert (calendar.first, calendar.last) == (2025, 2031)
    assert datetime.date(2026, 8, 17) in calendar.holidays
    assert {day.year for day in calendar.holidays} == set(range(2025, 2032))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("calendar: {payday: 32}", ["3:22 DLG622"]),
        ("calendar: {payday_shift: before}", ["3:28 DLG622"]),
        ("calendar: {country: id}", ["3:23 DLG622"]),
        ("calendar: {country: XX}", ["3:23 DLG655"]),
        ("quiet_hours: {marketing: '20:00'}", ["3:28 DLG622"]),
        ("quiet_hours: {marketing: 08:00-08:00}", ["3:28 DLG622"]),
        ("quiet_hours: {Marketing: 20:00-08:00}", ["3:17 DLG622"]),
        ("quiet_hours: {marketing: {source: x}}", ["3:28 DLG622"]),
        ("quiet_hours: {marketing: {quiet: 20:00-08:00, days_off: [sunday]}}", ["3:60 DLG622"]),
        ("quiet_hours: {marketing: {quiet: 20:00-08:00, on: 5}}", ["3:49 DLG620"]),
        ("caps: [{at_most: 0, per: day}]", ["3:20 DLG622"]),
        ("caps: [{at_most: 1, per: month}]", ["3:28 DLG622"]),
        ("caps: [{at_most: 1, per: 0d}]", ["3:28 DLG622"]),
        ("caps: [{at_most: 1}]", ["3:10 DLG621"]),
        ("caps: [{at_most: 1, per: day, then: wait}]", ["3:39 DLG622"]),
        ("caps: [{at_most: 1, per: day, channel: email}]", ["3:42 DLG633"]),
        ("caps: [{at_most: 1, per: day, journey: crat}]", ["3:42 DLG648"]),
        ("caps: [{at_most: 1, per: day, channel: sms, then: defer}]", ["3:53 DLG698"]),
        ("caps: [{at_most: 1, per: day, channel: sms, then: drop}]", []),
        ("caps: [{at_most: 1, per: day, then: defer}]", []),
    ],
)
def test_what_the_policy_may_not_say_is_found(shop: Any, rule: str, expected: list[str]) -> None:
    """Each at its line and column."""
    shop.replace("policy.yaml", "  channels:", f"  {rule}\n  channels:")
    assert [f"policy.yaml:{each}" for each in expected] == shop.said()
