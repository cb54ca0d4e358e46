"""Entering: who comes in, who is refused, and who stays unnoticed."""

import pathlib
from collections.abc import Callable

import pytest

from engine.core import errors
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
WAIT = "steps: [{id: pause, wait: 1h}]"


def test_an_event_that_meets_the_condition_enters(tell: Tell) -> None:
    """An event of the trigger's type that meets `when` enters the customer, with her key."""
    story = tell(f"enter: {{event: go, when: event.data.total >= 100, key: event.data.k, reentry: never}}\n{WAIT}")
    assert story.when("go", "10:00", total=100, k=7) == [
        "10:00 journey.entered",
        "10:00 step.entered pause",
        "10:00 timer.scheduled pause wait 11:00",
    ]
    assert [each.key for each in story.state.instances.values()] == ["7"]


def test_an_event_that_does_not_stays_unnoticed(tell: Tell) -> None:
    """An event whose condition is false, or fails to evaluate, leads to nothing, and leaves the state as it was."""
    story = tell(f"enter: {{event: go, when: event.data.total >= 100, reentry: never}}\n{WAIT}")
    assert story.when("go", "10:00", total=99) == []
    assert story.when("go", "10:00") == []
    assert story.when("come", "10:00", total=100) == []
    assert story.trace.errors.total() == 1


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_draft_or_retired_journey_takes_nobody(tell: Tell, status: str) -> None:
    """A draft or retired journey takes nobody and records nothing."""
    story = tell(f"status: {status}\nenter: {{event: go, reentry: never}}\n{WAIT}")
    assert story.when("go", "10:00") == []


def test_who_is_in_a_retired_journey_goes_on(tell: Tell, tmp_path: pathlib.Path) -> None:
    """A retired journey takes nobody, but an instance that is in it goes on to its end."""
    story = tell(f"enter: {{event: go, reentry: after_exit}}\n{WAIT}")
    story.when("go", "10:00")
    retired = stories.written("journey-0", f"status: retired\nenter: {{event: go, reentry: after_exit}}\n{WAIT}")
    story.activate(stories.compiled(tmp_path, retired), "10:05")
    assert story.pass_time("11:00")[-1] == "11:00 journey.completed"
    assert story.when("go", "12:00") == []


def test_a_paused_journey_refuses(tell: Tell) -> None:
    """A paused journey refuses entries with the reason `paused`."""
    story = tell(f"status: paused\nenter: {{event: go, reentry: never}}\n{WAIT}")
    assert story.when("go", "10:00") == ["10:00 journey.refused paused"]


def test_an_event_that_arrives_too_late_is_refused(tell: Tell) -> None:
    """An event that arrives later than `max_age` after its time does not enter; at that age it does."""
    story = tell(f"enter: {{event: go, reentry: after_exit, max_age: 1h}}\n{WAIT}")
    assert story.when("go", "10:00", recorded="11:00:00.001") == ["11:00:00.001 journey.refused max_age"]
    assert story.when("go", "10:30", recorded="11:30")[0] == "11:30 journey.entered"


def test_a_key_that_has_no_value_is_refused(tell: Tell) -> None:
    """An entry whose key gives no value is refused with `no_key`."""
    story = tell(f"enter: {{event: go, key: event.data.k, reentry: never}}\n{WAIT}")
    assert story.when("go", "10:00") == ["10:00 journey.refused no_key"]
    assert story.when("go", "10:00", k=None) == ["10:00 journey.refused no_key"]


def test_never_means_once_for_each_key(tell: Tell) -> None:
    """`never`: a customer enters once with each key."""
    story = tell("enter: {event: go, key: event.data.k, reentry: never}\nsteps: [{id: out, exit: done}]")
    assert story.when("go", "10:00", k="a")[0] == "10:00 journey.entered"
    assert story.when("go", "11:00", k="a") == ["11:00 journey.refused reentry"]
    assert story.when("go", "12:00", k="b")[0] == "12:00 journey.entered"


def test_after_exit_lets_her_in_again(tell: Tell) -> None:
    """`after_exit`: a customer who has left may enter again."""
    story = tell("enter: {event: go, reentry: after_exit}\nsteps: [{id: out, exit: done}]")
    story.when("go", "10:00")
    assert story.when("go", "10:00")[0] == "10:00 journey.entered"


def test_after_a_time_counts_from_the_last_entry(tell: Tell) -> None:
    """`{after: D}` counts since the last entry with the same key; at exactly D she may enter."""
    story = tell("enter: {event: go, reentry: {after: 1h}}\nsteps: [{id: out, exit: done}]")
    story.when("go", "10:00")
    assert story.when("go", "10:59:59.999") == ["10:59:59.999 journey.refused reentry"]
    assert story.when("go", "11:00")[0] == "11:00 journey.entered"


def test_parallel_takes_so_many(tell: Tell) -> None:
    """`{parallel: N}`: at most N live instances with the same key."""
    story = tell(f"enter: {{event: go, reentry: {{parallel: 2}}}}\n{WAIT}")
    assert [story.when("go", "10:00")[0] for _ in range(3)] == ["10:00 journey.entered"] * 2 + ["10:00 journey.refused parallel"]
    assert len(set(story.state.instances)) == 2


def test_a_second_entry_is_ignored_while_she_is_in(tell: Tell) -> None:
    """`while_active: ignore`: a second entry event for a live instance is refused as `active`."""
    story = tell(f"enter: {{event: go, reentry: after_exit}}\n{WAIT}")
    story.when("go", "10:00")
    assert story.when("go", "10:30") == ["10:30 journey.refused active"]


def test_restart_goes_to_the_first_step_again(tell: Tell) -> None:
    """`restart`: the same instance from its first step, timers cancelled, entry replaced, a new visit of every step."""
    story = tell(f"enter: {{event: go, reentry: never, while_active: restart}}\n{WAIT}")
    story.when("go", "10:00", n=1)
    (before,) = story.state.instances
    assert story.when("go", "10:30", n=2) == [
        "10:30 timer.cancelled pause",
        "10:30 journey.restarted",
        "10:30 step.entered pause",
        "10:30 timer.scheduled pause wait 11:30",
    ]
    (instance,) = story.state.instances.values()
    assert (instance.id, instance.visit, instance.entry.data) == (before, 2, {"n": 2})


def test_restart_abandons_the_open_message(tell: Tell) -> None:
    """`restart` abandons the open message: what is reported of it afterwards is late."""
    send = "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: read, fallback_after: 1h}]}}"
    story = tell(f"enter: {{event: go, reentry: never, while_active: restart}}\nsteps: [{send}]")
    story.when("go", "10:00")
    first = story.message()
    story.when("go", "10:10")
    assert story.message() != first
    assert story.when("message.read", "10:20", message_id=first) == ["10:20 message.reported ask read 1 late"]


def test_update_replaces_the_entry_and_nothing_else(tell: Tell) -> None:
    """`update`: the entry event is replaced, the instance stays where it is."""
    story = tell(f"enter: {{event: go, reentry: never, while_active: update}}\n{WAIT}")
    story.when("go", "10:00", n=1)
    assert story.when("go", "10:30", n=2) == ["10:30 journey.updated pause"]
    (instance,) = story.state.instances.values()
    assert instance.entry.data == {"n": 2}
    assert story.pass_time("11:00") == ["11:00 step.completed pause elapsed", "11:00 journey.completed"]


def test_several_journeys_go_by_priority_then_name(tell: Tell) -> None:
    """Several journeys on one event go by `priority`, highest first, then by name."""
    enter = f"enter: {{event: go, reentry: never}}\n{WAIT}"
    story = tell(enter, f"priority: 5\n{enter}", enter)
    story.when("go", "10:00")
    assert [each.journey for each in story.told if each.type == "journey.entered"] == ["journey-1", "journey-0", "journey-2"]


def test_an_unknown_customer_may_enter(tell: Tell) -> None:
    """A customer who was never identified enters like any other."""
    story = tell(f"enter: {{event: go, reentry: never}}\n{WAIT}", known=False)
    assert story.when("go", "10:00")[0] == "10:00 journey.entered"


GOAL = "goal: {event: buy, when: event.data.n == entry.data.n, within: 3h}\n"


def test_restart_keeps_the_goal_and_the_holdout(tell: Tell) -> None:
    """`restart` replaces the entry, of the goal too; the goal's end and the holdout stay as they were at the entry."""
    head = "enter: {event: go, reentry: never, while_active: restart}\nholdout: 100%\n" + GOAL
    story = tell(head + "steps: [{id: pause, wait: 5h}]")
    story.when("go", "10:00", n=1)
    story.when("go", "12:00", n=2)
    assert [each.held_out for each in story.state.instances.values()] == [True]
    assert story.when("buy", "12:10", n=1) == []
    assert story.when("buy", "12:59:59.999", n=2) == ["12:59:59.999 goal.reached buy"]
    story = tell(head + "steps: [{id: pause, wait: 5h}]")
    story.when("go", "10:00", n=1)
    story.when("go", "12:00", n=2)
    assert story.when("buy", "13:00", n=2) == []


def test_update_changes_what_the_goal_and_the_exits_compare_with(tell: Tell) -> None:
    """`update`: `entry` is replaced, for the goal too; timers, step and the goal's end stay."""
    text = "enter: {event: go, reentry: never, while_active: update}\n" + GOAL
    story = tell(text + "exit: [{event: order, when: event.data.n == entry.data.n}]\nsteps: [{id: pause, wait: 5h}]")
    story.when("go", "10:00", n=1)
    story.when("go", "11:00", n=2)
    assert story.when("buy", "11:10", n=1) == []
    assert story.when("buy", "11:20", n=2) == ["11:20 goal.reached buy"]
    assert story.when("order", "11:30", n=1) == []
    assert story.when("order", "11:40", n=2)[-1] == "11:40 journey.exited pause order"


def test_a_second_entry_is_one_of_the_same_key(tell: Tell) -> None:
    """`while_active` and `reentry` are judged per (journey, customer, key): another key is another instance."""
    story = tell(f"enter: {{event: go, key: event.data.k, reentry: never, while_active: restart}}\n{WAIT}")
    story.when("go", "10:00", k="a")
    assert story.when("go", "10:10", k="b")[0] == "10:10 journey.entered"
    assert story.when("go", "10:20", k="a")[1] == "10:20 journey.restarted"
    assert len(story.state.instances) == 2


def test_parallel_leaves_nothing_for_while_active(tell: Tell) -> None:
    """`{parallel: N}` together with `while_active` is an error at check."""
    with pytest.raises(errors.BundleError, match="DLG639"):
        tell(f"enter: {{event: go, reentry: {{parallel: 2}}, while_active: restart}}\n{WAIT}")


def test_a_condition_may_ask_for_consent(tell: Tell) -> None:
    """A condition may ask for consent: `consent.<purpose>.<channel>` and `consent.<purpose>.any`."""
    text = "enter: {event: go, when: consent.marketing.any && !consent.marketing.sms, reentry: after_exit}\n"
    story = tell(text + "steps: [{id: out, exit: done}]")
    assert story.when("go", "10:00") == []
    story.when("consent.withdrawn", "10:01", purpose="marketing", channel="sms")
    assert story.when("go", "10:02")[0] == "10:02 journey.entered"
    story.when("consent.withdrawn", "10:03", purpose="marketing")
    assert story.when("go", "10:04") == []
