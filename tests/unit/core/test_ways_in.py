"""Entries by segment, by schedule and by an emitted event; goals, which are watched from the entry on."""

from collections.abc import Callable

from engine.core.model import decisions, inputs
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
UTC = stories.POLICY + "  timezone: UTC\n"
TRAITS = """
traits:
  orders: {of: order, compute: count, within: 2h}
  last_order: {of: order, compute: last, value: event.time}
segments:
  busy: traits.orders >= 2
  lapsed: days_since(traits.last_order) >= 2.0
"""
OUT = "steps: [{id: out, exit: done}]"


def test_a_segment_is_entered_and_left(tell: Tell) -> None:
    """`segment.entered` / `segment.left` are decisions; the journey enters when the customer comes to be in it."""
    story = tell("enter: {segment: busy, reentry: after_exit}\n" + OUT, traits=TRAITS)
    assert "segment.entered" not in " ".join(story.when("order", "10:00"))
    assert story.when("order", "11:00") == [
        "11:00 segment.entered busy",
        "11:00 journey.entered",
        "11:00 step.entered out",
        "11:00 journey.exited out done",
    ]
    assert story.state.segments == ("busy",)
    assert story.pass_time("12:00")[0] == "12:00 segment.left busy"


def test_passing_time_is_looked_at_when_it_can_matter(tell: Tell) -> None:
    """A segment whose truth depends on the passing of time is re-examined by a timer at the moment it can change."""
    story = tell("enter: {segment: lapsed, reentry: after_exit}\n" + OUT, traits=TRAITS)
    story.when("order", "10:00")
    assert [line for line in story.pass_time("+9 00:00") if "segment.e" in line or "journey.e" in line] == [
        "+2 10:00 segment.entered lapsed",
        "+2 10:00 journey.entered",
        "+2 10:00 journey.exited out done",
    ]
    assert not [timer for timer in story.state.timers.values() if timer.kind == "segment"]


def test_those_already_in_a_segment_do_not_enter(tell: Tell) -> None:
    """Those already in a segment at activation do not enter; who comes to it later does."""
    story = tell("enter: {event: never, reentry: never}\n" + OUT, traits=TRAITS.split("segments:", maxsplit=1)[0])
    story.when("order", "10:00")
    story.when("order", "10:30")
    fresh = tell("enter: {segment: busy, reentry: after_exit}\n" + OUT, traits=TRAITS).catalog
    assert story.activate(fresh, "11:00")[0] == "11:00 segment.entered busy"
    assert not story.state.entries
    story.pass_time("13:00")
    story.when("order", "14:00")
    assert story.when("order", "14:01")[1] == "14:01 journey.entered"


def test_a_step_that_changes_the_profile_changes_the_segments(tell: Tell) -> None:
    """Segments are examined at each input, what steps wrote to the profile included."""
    traits = "segments:\n  vip: profile.level >= 3\n"
    text = "enter: {event: go, reentry: after_exit}\nsteps: [{id: up, set: {level: 3}}]"
    story = tell(text, "enter: {segment: vip, reentry: after_exit}\n" + OUT, traits=traits)
    assert story.when("go", "10:00")[-4:] == [
        "10:00 segment.entered vip",
        "10:00 journey.entered",
        "10:00 step.entered out",
        "10:00 journey.exited out done",
    ]


def test_a_schedule_enters_at_its_local_time_again_and_again(tell: Tell) -> None:
    """Schedules are planned when a customer is first known; every scheduled entry is a durable timer like any other."""
    text = 'enter: {schedule: {time: "09:00", day: daily}, reentry: after_exit}\n' + OUT
    story = tell(text, policy=UTC)
    assert story.told[0].type == "timer.scheduled"
    assert story.pass_time("+1 10:00") == [
        f"{day}09:00 {line}"
        for day, following in (("", "+1 "), ("+1 ", "+2 "))
        for line in (
            f"timer.scheduled schedule {following}09:00",
            "journey.entered",
            "step.entered out",
            "journey.exited out done",
        )
    ]
    entry = next(each.data for each in story.told if each.type == "journey.entered").entry  # type: ignore[attr-defined]
    assert (entry.type, entry.data["journey"]) == ("schedule.due", "journey-0")


def test_a_schedule_has_an_audience(tell: Tell) -> None:
    """`audience` is optional: only customers for whom it is true enter; for the others nothing is recorded but the next time."""
    text = 'enter: {schedule: {time: "09:00", day: daily, audience: profile.vip}, reentry: after_exit}\n' + OUT
    story = tell(text, policy=UTC)
    assert story.pass_time("09:00") == ["09:00 timer.scheduled schedule +1 09:00"]
    story.when("customer.identified", "10:00", traits={"vip": True})
    assert "journey.entered" in " ".join(story.pass_time("+1 09:00"))


def test_a_schedule_is_planned_for_each_by_her_own_time(tell: Tell) -> None:
    """Whoever was planned before her, and for when, a customer's next entry is the first after her own now."""
    text = 'enter: {schedule: {time: "09:00", day: daily}, reentry: after_exit}\n' + OUT
    early = tell(text, policy=UTC)
    for clock, due in (("+3 08:59", "+3 09:00"), ("+3 09:00", "+4 09:00"), ("+1 12:00", "+2 09:00"), ("+3 09:01", "+4 09:00")):
        other = stories.Story(early.catalog, known=False)
        assert other.when("customer.identified", clock, traits={"name": "Budi"}) == [f"{clock} timer.scheduled schedule {due}"]


def test_a_schedule_is_planned_again_when_the_zone_changes(tell: Tell) -> None:
    """Schedules are planned again when the zone changes, whoever changed it."""
    step = "enter: {event: go, reentry: after_exit}\nsteps: [{id: move, set: {timezone: \"'Asia/Jayapura'\"}}]"
    story = tell('enter: {schedule: {time: "09:00", day: daily}, reentry: never}\n' + OUT, step, policy=UTC)
    assert story.when("customer.identified", "01:00", traits={"timezone": "Asia/Jakarta"}) == [
        "01:00 timer.cancelled",
        "01:00 timer.scheduled schedule 02:00",
    ]
    assert story.when("go", "01:30")[-2:] == ["01:30 timer.cancelled", "01:30 timer.scheduled schedule +1 00:00"]


def test_an_activation_plans_and_unplans(tell: Tell) -> None:
    """A schedule that a new bundle brings is planned for who is known; one that it lacks is cancelled."""
    story = tell("enter: {event: go, reentry: never}\n" + OUT, policy=UTC)
    plain = story.catalog
    fresh = tell('enter: {schedule: {time: "09:00", day: 25}, reentry: never}\n' + OUT, policy=UTC).catalog
    assert story.activate(fresh, "10:00") == ["10:00 timer.scheduled schedule +3 09:00"]
    assert story.activate(fresh, "10:01") == []
    assert story.activate(plain, "10:02") == ["10:02 timer.cancelled"]


def test_an_emitted_event_enters_another_journey(tell: Tell) -> None:
    """`emit` puts an event on the log: a journey can start another this way; id = hash(instance, step, visit), time = now."""
    teller = "enter: {event: go, reentry: after_exit}\nsteps: [{id: tell, emit: {event: told, data: {n: 3, who: profile.name}}}]"
    story = tell(teller, "enter: {event: told, when: event.data.n == 3, reentry: never}\n" + OUT)
    assert story.when("go", "10:00")[2:5] == [
        "10:00 event.emitted tell told",
        "10:00 step.completed tell emitted",
        "10:00 journey.completed",
    ]
    entered = [each for each in story.told if each.type == "journey.entered"][-1]
    event = entered.data.entry  # type: ignore[attr-defined]
    assert (event.type, event.data, event.depth, event.time) == ("told", {"n": 3, "who": "Ayu"}, 1, stories.at("10:00"))
    assert entered.cause == event.id


def test_null_leaves_a_field_of_an_emitted_event_out(tell: Tell) -> None:
    """`data: {z: null}`, and an expression that gives null: has() finds no such field; false and 0 are values."""
    teller = (
        "enter: {event: go, reentry: after_exit}\n"
        "steps: [{id: tell, emit: {event: told, data: {z: null, gone: event.data.gone, no: false, none: 0}}}]"
    )
    hearer = "enter: {event: told, when: '!has(event.data.z) && !has(event.data.gone)', reentry: never}\n"
    story = tell(teller, hearer + OUT)
    story.when("go", "10:00", gone=None)
    entered = [each for each in story.told if each.type == "journey.entered"]
    assert [each.data.entry.data for each in entered[1:]] == [{"no": False, "none": 0}]  # type: ignore[attr-defined]


def test_the_record_of_an_emitted_event_is_not_taken_again(tell: Tell) -> None:
    """It was taken where it was emitted: its record on the log tells the others, and lets time pass."""
    story = tell("enter: {event: told, reentry: after_exit}\nsteps: [{id: w, wait: 1h}]")
    at = stories.at("10:00")
    assert story.take(inputs.Event("x", "told", at, at, "ayu", inputs.OWN_SOURCE, {})) == []
    story.when("told", "10:30")
    at = stories.at("12:00")
    assert story.take(inputs.Event("y", "told", at, at, "ayu", inputs.OWN_SOURCE, {}))[0] == "11:30 step.completed w elapsed"


def test_journeys_that_start_each_other_end(tell: Tell) -> None:
    """An emitted event carries its depth; past 10 it is refused with reason `loop`."""
    story = tell("enter: {event: go, reentry: {parallel: 100}}\nsteps: [{id: again, emit: {event: go}}]")
    decided = story.when("go", "10:00")
    assert decided[-1] == "10:00 journey.refused loop"
    assert sum("journey.entered" in line for line in decided) == 11


def test_a_goal_is_watched_after_the_exit_and_counts_once(tell: Tell) -> None:
    """The goal is watched from entry until `within`, also after the instance has left; once per entry; the value is recorded."""
    goal = "goal: {event: buy, when: event.data.k == entry.data.k, within: 3h, value: event.data.total}\n"
    story = tell("enter: {event: go, key: event.data.k, reentry: after_exit}\n" + goal + OUT)
    story.when("go", "10:00", k="a")
    assert story.when("buy", "10:30", k="b", total=5) == []
    assert story.when("buy", "11:00", k="a", total=5) == ["11:00 goal.reached buy 5"]
    assert story.when("buy", "11:30", k="a", total=7) == []
    story.when("go", "12:00", k="a")
    assert story.when("buy", "15:00", k="a", total=5) == []


def test_the_goal_of_the_held_out_counts_too(tell: Tell) -> None:
    """Goals are watched for the held-out too, and say so."""
    story = tell("enter: {event: go, reentry: never}\nholdout: 100%\ngoal: {event: buy, within: 3h}\n" + OUT)
    story.when("go", "10:00")
    assert story.when("buy", "11:00") == ["11:00 goal.reached buy"]
    assert story.told[-1].data.held_out  # type: ignore[attr-defined]


def test_what_journeys_start_in_one_input_has_an_end(tell: Tell) -> None:
    """However many events journeys emit that start each other: of one input at most 50 are taken, the others say so."""
    twice = "enter: {event: go, reentry: {parallel: 999}}\nsteps: [{id: a, emit: {event: go}}, {id: b, emit: {event: go}}]"
    story = tell(twice)
    assert sum("journey.entered" in line for line in story.when("go", "10:00")) == 51
    emitted = [each.data for each in story.told if isinstance(each.data, decisions.EventEmitted)]
    assert [each.taken for each in emitted] == [True] * 50 + [False] * 52
    assert story.when("go", "10:00", id="e3") == []


def test_a_segment_passes_the_depth_on(tell: Tell) -> None:
    """Journeys that start each other through a segment end too: its entry is as deep as the event that led to it."""
    ping = "enter: {segment: busy, reentry: after_exit}\nsteps: [{id: a, set: {level: 0}}, {id: b, emit: {event: order}}]"
    pong = "enter: {event: order, reentry: after_exit}\nsteps: [{id: c, set: {level: 9}}]"
    story = tell(ping, pong, traits="segments:\n  busy: profile.level >= 5\n")
    assert story.when("order", "10:00")[-1] == "10:00 journey.refused loop"


def test_what_is_emitted_is_as_strict_as_what_comes_from_outside(tell: Tell) -> None:
    """An emitted event is as strict as one from outside: of the engine's own types it must carry what they need; else the step fails."""
    broken = "enter: {event: go, reentry: after_exit}\nsteps: [{id: e, emit: {event: customer.identified}}]"
    story = tell(broken, "enter: {event: go, reentry: after_exit}\n" + OUT)
    decided = story.when("go", "10:00")
    assert decided[2:4] == [
        "10:00 step.failed e customer.identified needs data.traits (dict).",
        "10:00 journey.exited e failed",
    ]
    assert decided[-1] == "10:00 journey.exited out done"


def test_a_goal_by_a_receipt_is_of_its_own_message(tell: Tell) -> None:
    """A receipt belongs to the message whose `message_id` it carries: it reaches the goal of that instance alone."""
    sms = "steps: [{id: ask, send: {template: hello, channels: [{channel: sms}]}}]"
    goal = "goal: {event: message.delivered, within: 1d}\n"
    story = tell("enter: {event: go, reentry: after_exit}\n" + goal + sms, "enter: {event: other, reentry: after_exit}\n" + sms)
    story.when("go", "10:00")
    story.when("other", "10:10")
    assert story.when("message.delivered", "10:20", message_id=story.message()) == ["10:20 message.reported ask delivered 1"]
    assert story.when("message.delivered", "10:30", message_id=story.message(0)) == [
        "10:30 message.reported ask delivered 1",
        "10:30 goal.reached message.delivered",
    ]


def test_a_segment_may_look_far_ahead(tell: Tell) -> None:
    """A moment beyond the calendar never comes, and one between two milliseconds comes at the later."""
    traits = "segments:\n  grown: now >= timestamp(profile.born) + duration('24h')\n"
    story = tell("enter: {segment: grown, reentry: after_exit}\n" + OUT, traits=traits)
    assert story.when("customer.identified", "10:00", traits={"born": "9999-12-31T23:00:00Z"}) == []
    told = story.when("customer.identified", "10:01", traits={"born": "2026-11-22T10:00:00.0004Z"})
    assert told == ["10:01 timer.scheduled segment +1 10:00"]
    assert story.pass_time("+1 12:00")[-1] == "+1 10:00:00.001 journey.exited out done"


def test_what_a_bundle_does_not_count_any_more_is_forgotten(tell: Tell) -> None:
    """Of traits that are no longer in the bundle nothing is kept, once the customer's traits change next."""
    head = "enter: {event: never, reentry: never}\n"
    story = tell(head + OUT, traits="traits:\n  a: {of: order, compute: count}\n  b: {of: order, compute: count}\n")
    story.when("order", "10:00")
    story.activate(tell(head + OUT, traits="traits:\n  b: {of: order, compute: count}\n").catalog, "10:30")
    assert set(story.state.traits) == {"a", "b"}
    story.when("order", "11:00")
    assert set(story.state.traits) == {"b"}


def test_reentry_holds_for_schedules_and_segments(tell: Tell) -> None:
    """`reentry` is judged per (journey, customer, key) for scheduled and segment entries too; `entry` is their event."""
    head = 'enter: {schedule: {time: "09:00", day: daily}, %s}\n'
    days = tell(head % "reentry: {after: 2d}" + OUT, policy=UTC)
    told = [line for line in days.pass_time("+3 10:00") if "journey.entered" in line or "refused" in line]
    assert told == [
        "09:00 journey.entered",
        "+1 09:00 journey.refused reentry",
        "+2 09:00 journey.entered",
        "+3 09:00 journey.refused reentry",
    ]
    keyed = tell(head % "key: event.data.due, reentry: never" + OUT, policy=UTC)
    assert sum("journey.entered" in line for line in keyed.pass_time("+3 10:00")) == 4
    story = tell("enter: {segment: busy, key: event.data.segment, reentry: never}\n" + OUT, traits=TRAITS)
    for clock in ("10:00", "10:01"):
        told = story.when("order", clock)
    assert told[1] == "10:01 journey.entered"
    story.pass_time("13:00")
    story.when("order", "14:00")
    assert story.when("order", "14:01")[1] == "14:01 journey.refused reentry"


def test_a_paused_journey_refuses_its_schedule(tell: Tell) -> None:
    """Pause: entries are refused with a reason, the schedule's too, and timers run: the next day is planned."""
    text = 'status: paused\nenter: {schedule: {time: "09:00", day: daily}, reentry: after_exit}\n' + OUT
    story = tell(text, policy=UTC)
    assert story.pass_time("09:00") == ["09:00 timer.scheduled schedule +1 09:00", "09:00 journey.refused paused"]


def test_priority_then_name_over_all_ways_in(tell: Tell) -> None:
    """Several journeys on one event go by `priority`, highest first, then name, also where one of them enters by a segment."""
    by_event, by_segment = "enter: {event: order, reentry: never}\n" + OUT, "enter: {segment: one, reentry: never}\n" + OUT
    traits = "traits:\n  orders: {of: order, compute: count}\nsegments:\n  one: traits.orders >= 1\n"
    story = tell(by_event, "priority: 1\n" + by_segment, by_segment, traits=traits)
    story.when("order", "10:00")
    assert [each.journey for each in story.told if each.type == "journey.entered"] == ["journey-1", "journey-0", "journey-2"]


def test_the_id_of_an_emitted_event_is_of_its_step_and_visit(tell: Tell) -> None:
    """`emit`: id = hash(instance, step, visit); a restart, which is a new visit, emits another event."""
    text = "enter: {event: go, reentry: never, while_active: restart}\nsteps: [{id: e, emit: {event: told}}, {id: w, wait: 1h}]"
    story = tell(text)
    story.when("go", "10:00")
    story.when("go", "10:10")
    emitted = [each for each in story.told if isinstance(each.data, decisions.EventEmitted)]
    ids = [each.data.event.id for each in emitted if isinstance(each.data, decisions.EventEmitted)]
    assert ids == [decisions.hashed(emitted[0].instance, "e", visit) for visit in (1, 2)]


def test_a_month_without_that_day_is_passed_over(tell: Tell) -> None:
    """A month without that day is passed over: the 30th after November is the 30th of December, then that of January, then March's."""
    text = 'enter: {schedule: {time: "09:00", day: 30}, reentry: after_exit}\n' + OUT
    story = tell(text, policy=UTC)
    story.pass_time("+130 00:00")
    entered = [each.at.date().isoformat() for each in story.told if each.type == "journey.entered"]
    assert entered == ["2026-11-30", "2026-12-30", "2027-01-30", "2027-03-30"]


def test_journeys_that_change_each_others_segments_end(tell: Tell) -> None:
    """Journeys that start each other through segments end within the input; she is then in the segments that are true, and no
    message that was asked for is forgotten.
    """
    traits = "segments:\n  a: profile.n == 1\n  b: profile.n == 2\n"
    text = "enter: {{segment: {0}, reentry: {{parallel: 99}}}}\nsteps: [{{id: x, set: {{n: {1}}}}}, {2}]"
    sms = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"
    caps = UTC + "  caps: [{at_most: 99, per: day}]\n"
    story = tell(text.format("a", 2, sms), text.format("b", 1, sms), traits=traits, policy=caps)
    story.when("customer.identified", "10:00", traits={"n": 1})
    assert story.state.segments == ("ab"[int(story.state.profile["n"]) - 1],)
    assert story.state.instances == {}
    entered = sum(each.type == "journey.entered" for each in story.told)
    assert len(story.sent) == entered > 9
    before = story.state
    assert story.when("unknown", "10:05") == []
    assert story.state is before
