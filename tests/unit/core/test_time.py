"""The clock of one customer: timers before inputs, ties, lateness (docs/semantics.md#time-and-timers)."""

import datetime
from collections.abc import Callable

from engine.core.model import inputs
from tests.unit.core import story as stories
from tests.unit.core.story import Story

Tell = Callable[..., Story]
ORDER = "exit: [{event: order, reason: bought}]\n"
PAUSE = "enter: {event: go, reentry: after_exit}\n" + ORDER + "steps: [{id: pause, wait: 1h}]"


def test_a_timer_fires_before_a_later_input(tell: Tell) -> None:
    """Before an input recorded at t, every timer with due < t fires, at its due."""
    story = tell(PAUSE)
    story.when("go", "10:00")
    assert story.when("order", "11:00:00.001") == ["11:00 step.completed pause elapsed", "11:00 journey.completed"]


def test_an_event_beats_a_timer_due_at_the_same_instant(tell: Tell) -> None:
    """A timer due exactly at t fires after the input: the event wins the tie."""
    story = tell(PAUSE)
    story.when("go", "10:00")
    assert story.when("order", "11:00")[-1] == "11:00 journey.exited pause bought"


def test_a_timer_due_at_the_very_time_of_an_input_fires_after_it(tell: Tell) -> None:
    """An input that nothing names still lets the timers due at its time fire, after it."""
    story = tell(PAUSE)
    story.when("go", "10:00")
    assert story.when("unknown", "11:00") == ["11:00 step.completed pause elapsed", "11:00 journey.completed"]


def test_no_timer_fires_early(tell: Tell) -> None:
    """No timer fires early: a millisecond before its due time nothing happens."""
    story = tell(PAUSE)
    story.when("go", "10:00")
    assert story.pass_time("10:59:59.999") == []


def test_timers_fire_in_the_order_of_their_due(tell: Tell) -> None:
    """Several timers fire in order of (due, instance, step), each at its own time, and those they arm too."""
    journey = "enter: {{event: go, reentry: never}}\nsteps: [{{id: one, wait: {0}}}, {{id: two, wait: {0}}}]"
    story = tell(journey.format("20m"), journey.format("30m"))
    story.when("go", "10:00")
    fired = [line for line in story.pass_time("12:00") if "completed" in line and "step" in line]
    assert fired == [
        f"{at} step.completed {step} elapsed"
        for at, step in (("10:20", "one"), ("10:30", "one"), ("10:40", "two"), ("11:00", "two"))
    ]


def test_how_time_is_cut_up_does_not_matter(tell: Tell) -> None:
    """`timer.due` carries nothing but that time has passed: many or one give the same decisions."""
    often, once = tell(PAUSE), tell(PAUSE)
    for story in (often, once):
        story.when("go", "10:00", id="x")
    for minute in range(0, 60, 7):
        often.pass_time(f"10:{minute:02d}")
    assert often.pass_time("12:00") == once.pass_time("12:00")
    assert (often.told, often.state) == (once.told, once.state)


def test_a_late_timer_runs_at_the_real_time_and_says_so(tell: Tell) -> None:
    """Under the wall clock a timer that is more than `late_after` late runs at the input's time, and its decisions say `late`."""
    story = tell(PAUSE, punctual=False)
    story.when("go", "10:00")
    assert story.pass_time("11:01:00.001") == ["11:01:00.001 step.completed pause elapsed", "11:01:00.001 journey.completed"]
    assert [each.late for each in story.told[-2:]] == [True, True]


def test_a_timer_that_is_a_little_late_runs_at_its_due(tell: Tell) -> None:
    """Up to `late_after` (a minute by default) a timer runs at its due, and is not late."""
    story = tell(PAUSE, punctual=False)
    story.when("go", "10:00")
    assert story.pass_time("11:01") == ["11:00 step.completed pause elapsed", "11:00 journey.completed"]
    assert not any(each.late for each in story.told)


def test_now_never_goes_back(tell: Tell) -> None:
    """`now` = max(previous `now`, the input's recorded time): an input that is recorded earlier happens now."""
    story = tell(PAUSE)
    story.when("consent.granted", "12:00", purpose="support")
    assert story.when("go", "10:00")[-1] == "12:00 timer.scheduled pause wait +0 13:00".replace("+0 ", "")


def test_an_input_without_effect_does_not_move_the_clock(tell: Tell) -> None:
    """An input that leads to nothing leaves the state as it was, `now` included."""
    story = tell(PAUSE)
    before = story.state
    assert story.when("unknown", "15:00") == []
    assert story.state is before
    assert story.when("go", "10:00")[0] == "10:00 journey.entered"


def test_times_are_cut_to_milliseconds(tell: Tell) -> None:
    """Times are cut, never rounded, to milliseconds on the way in."""
    assert inputs.instant("2026-11-22T10:00:00.0009999Z") == stories.at("10:00")
    assert inputs.instant("2026-11-22T23:59:59.9999999+07:00") == stories.at("16:59:59.999")
    assert inputs.text(stories.at("10:00:00.250")) == "2026-11-22T10:00:00.250Z"
    assert inputs.instant("2026-11-22t10:00:00z").tzinfo is datetime.UTC


def test_an_event_that_had_an_effect_is_taken_once(tell: Tell) -> None:
    """An event id seen before for the same customer changes nothing."""
    story = tell("enter: {event: go, reentry: after_exit}\nsteps: [{id: out, exit: done}]")
    story.when("go", "10:00", id="same")
    assert story.when("go", "10:05", id="same") == []
    assert story.when("go", "10:05", id="other")[0] == "10:05 journey.entered"


def test_a_repeat_still_lets_time_pass(tell: Tell) -> None:
    """A repeat changes nothing itself, but time has passed: the timers before it fire."""
    story = tell(PAUSE)
    story.when("go", "10:00", id="same")
    assert story.when("go", "12:00", id="same") == ["11:00 step.completed pause elapsed", "11:00 journey.completed"]


def test_the_last_64_events_with_an_effect_are_remembered(tell: Tell) -> None:
    """The ids of the last 64 events that had an effect are remembered, not more."""
    story = tell("enter: {event: go, reentry: after_exit}\nsteps: [{id: out, exit: done}]")
    for index in range(65):
        story.when("go", "10:00", id=f"id-{index}")
    assert len(story.state.seen) == 64 * 8
    assert story.when("go", "10:00", id="id-1") == []
    assert story.when("go", "10:00", id="id-0") != []


SMS = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"
QUIET = stories.POLICY + '  timezone: UTC\n  quiet_hours: {transactional: "20:00-08:00"}\n'
LATER = "enter: {event: go, reentry: after_exit}\nsteps: [{id: pause, wait: 1h}, " + SMS + "]"


def test_after_an_outage_quiet_hours_are_judged_by_the_real_hour(tell: Tell) -> None:
    """After an outage quiet hours are judged by the real hour: what was due by day and comes at night waits for the morning."""
    story = tell(LATER, policy=QUIET, punctual=False)
    story.when("go", "18:00")
    assert story.pass_time("23:00")[-2:] == [
        "23:00 message.deferred ask quiet_hours +1 08:00",
        "23:00 timer.scheduled ask retry +1 08:00",
    ]
    assert story.told[-1].late
    story = tell(LATER, policy=QUIET)
    story.when("go", "18:00")
    assert story.pass_time("23:00")[2] == "19:00 message.requested ask sms 1"


def test_after_an_outage_a_late_schedule_enters_once(tell: Tell) -> None:
    """A timer that is too late runs at t instead: of the days of an outage a schedule enters once, not once for each."""
    daily = 'enter: {schedule: {time: "09:00", day: daily}, reentry: after_exit}\nsteps: [{id: out, exit: done}]'
    story = tell(daily, policy=QUIET, punctual=False)
    told = story.pass_time("+4 10:00")
    assert told[0] == "+4 10:00 timer.scheduled schedule +5 09:00"
    assert sum("journey.entered" in line for line in told) == 1


def test_windows_go_by_the_events_time_and_waits_by_now(tell: Tell) -> None:
    """Windows of traits use `time`; waits use `now`."""
    traits = "traits:\n  orders: {of: order, compute: count, within: 1h}\n"
    text = "enter: {event: order, when: traits.orders >= 1, reentry: after_exit}\nsteps: [{id: pause, wait: 1h}]"
    story = tell(text, traits=traits)
    assert story.when("order", "08:00", recorded="10:00") == []
    assert story.when("order", "09:30", recorded="10:00")[-1] == "10:00 timer.scheduled pause wait 11:00"


def test_an_event_twice_counts_once(tell: Tell) -> None:
    """An event id seen before for the same customer changes nothing: no trait, no profile, no consent."""
    traits = "traits:\n  orders: {of: order, compute: count}\n"
    text = "enter: {event: go, when: traits.orders == 1, reentry: after_exit}\nsteps: [{id: out, exit: done}]"
    story = tell(text, traits=traits)
    story.when("order", "10:00", id="same")
    before = story.state
    assert story.when("order", "10:05", id="same") == []
    assert story.state is before
    story.when("customer.identified", "10:06", id="same", traits={"name": "Budi"})
    assert story.state is before
    assert story.when("go", "10:10")[0] == "10:10 journey.entered"


def test_an_input_without_effect_is_not_remembered(tell: Tell) -> None:
    """An input that changes nothing leaves the seen ids as they were: with an effect, the same id is taken later."""
    story = tell("enter: {event: go, when: profile.vip, reentry: after_exit}\nsteps: [{id: out, exit: done}]")
    before = story.state
    assert story.when("go", "10:00", id="same") == []
    assert story.state is before
    story.when("customer.identified", "10:05", traits={"vip": True})
    assert story.when("go", "10:10", id="same")[0] == "10:10 journey.entered"


def test_how_late_is_late_is_a_setting(tell: Tell) -> None:
    """`policy.late_after` says how late a timer may be before it counts as late: a setting of the policy."""
    story = tell(PAUSE, policy=stories.POLICY + "  late_after: 10m\n", punctual=False)
    story.when("go", "10:00")
    assert story.pass_time("11:10")[0] == "11:00 step.completed pause elapsed"
    story.when("go", "12:00")
    assert story.pass_time("13:10:00.001")[0] == "13:10:00.001 step.completed pause elapsed"
