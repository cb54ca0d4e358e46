"""Pause and resume, stop and enter: by an operator, or by the status in the file."""

import pathlib
from collections.abc import Callable
from typing import Final

import pytest

from engine.core.model import inputs
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
SEND: Final = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"
ENTER: Final = "enter: {event: go, reentry: after_exit}\n"


def go(*steps: str, head: str = "") -> str:
    return f"{ENTER}{head}steps: [{', '.join(steps)}]"


@pytest.mark.parametrize("everybody", [True, False])
@pytest.mark.parametrize("named", [{}, {"journey": "journey-0"}])
def test_a_pause_refuses_entries_and_holds_sends_until_resume(tell: Tell, everybody: bool, named: dict[str, str]) -> None:
    """Pause (journey or workspace): entries are refused with a reason, timers run, sends are held until resume."""
    story = tell(go("{id: w, wait: 10m}", SEND))
    story.when("go", "10:00")
    assert story.command("pause", "10:05", everybody=everybody, **named) == []
    assert story.when("go", "10:06") == ["10:06 journey.refused paused"]
    assert story.pass_time("12:00") == [
        "10:10 step.completed w elapsed",
        "10:10 step.entered ask",
        "10:10 message.deferred ask paused until resumed",
    ]
    assert story.command("resume", "13:00", everybody=everybody, **named) == [
        "13:00 message.requested ask sms 1",
        "13:00 message.resolved ask requested",
        "13:00 step.completed ask requested",
        "13:00 journey.completed",
    ]
    assert story.when("go", "14:00")[0] == "14:00 journey.entered"


def test_a_held_send_expires(tell: Tell) -> None:
    """Sends are held until resume or `expires_at`."""
    story = tell(go("{id: w, wait: 10m}", "{id: ask, send: {template: hello, expires_after: 1h, channels: [{channel: sms}]}}"))
    story.when("go", "10:00")
    story.command("pause", "10:05", everybody=True)
    assert story.pass_time("12:00")[2:] == [
        "10:10 message.deferred ask paused until resumed",
        "10:10 timer.scheduled ask retry 11:10",
        "11:10 message.suppressed ask expired",
        "11:10 step.completed ask suppressed",
        "11:10 journey.completed",
    ]
    assert story.command("resume", "13:00", everybody=True) == []


def test_a_pause_of_another_journey_or_key_changes_nothing(tell: Tell) -> None:
    """A pause names its journey, for one customer optionally its key; what it does not name goes on."""
    story = tell("enter: {event: go, key: event.data.k, reentry: after_exit}\n" + f"steps: [{SEND}]")
    story.command("pause", "10:00", journey="journey-0", key="a")
    story.command("pause", "10:00", journey="other")
    assert story.when("go", "10:01", k="a") == ["10:01 journey.refused paused"]
    assert story.when("go", "10:02", k="b")[2] == "10:02 message.requested ask sms 1"
    story.command("resume", "10:03", journey="journey-0")
    assert story.when("go", "10:04", k="a")[2] == "10:04 message.requested ask sms 1"


def test_a_paused_status_holds_until_the_bundle_that_ends_it(tell: Tell, tmp_path: pathlib.Path) -> None:
    """A journey whose live version is paused holds the sends of its instances until a version is live that is not."""
    text = go("{id: w, wait: 10m}", SEND)
    story = tell(text)
    story.when("go", "10:00")
    paused = stories.written("journey-0", "status: paused\n" + text)
    assert story.activate(stories.compiled(tmp_path / "paused", paused), "10:05") == []
    assert story.pass_time("10:30")[-1] == "10:10 message.deferred ask paused until resumed"
    live = stories.written("journey-0", text)
    assert story.activate(stories.compiled(tmp_path / "live", live), "11:00")[0] == "11:00 message.requested ask sms 1"


def test_an_operator_stops_instances(tell: Tell) -> None:
    """`stop`: the instances leave with reason `stopped`, their timers cancelled; of one journey, one key, or all."""
    text = "enter: {event: go, key: event.data.k, reentry: after_exit}\nsteps: [{id: w, wait: 1h}]"
    story = tell(text, text)
    story.when("go", "10:00", k="a")
    story.when("go", "10:01", k="b")
    assert story.command("stop", "10:05", journey="journey-0", key="a") == [
        "10:05 timer.cancelled w",
        "10:05 journey.exited w stopped",
    ]
    assert len(story.command("stop", "10:06", everybody=True)) == 6
    assert not story.state.instances
    assert story.command("stop", "10:07") == []


def test_an_operator_enters_by_hand(tell: Tell) -> None:
    """`enter`: trigger, condition and age are the operator's; pause, re-entry and a live instance still count."""
    story = tell("enter: {event: go, when: event.data.n > 1, reentry: never, max_age: 1h}\nsteps: [{id: w, wait: 1h}]")
    assert story.command("enter", "10:00", journey="journey-0")[0] == "10:00 journey.entered"
    assert story.command("enter", "10:01", journey="journey-0") == ["10:01 journey.refused active"]
    story.pass_time("12:00")
    assert story.command("enter", "12:01", journey="journey-0") == ["12:01 journey.refused reentry"]
    assert story.command("enter", "12:02", journey="nobody-knows") == []


def test_a_command_that_came_twice_is_obeyed_once(tell: Tell) -> None:
    """A command is an event: its repeat changes nothing."""
    story = tell("enter: {event: go, reentry: {parallel: 9}}\nsteps: [{id: w, wait: 1h}]")
    data = {"command": "enter", "journey": "journey-0"}
    for subject in ("ayu", ""):
        event = inputs.Event(f"again-{subject}", "journey.command", stories.at("10:00"), stories.at("10:00"), subject, "t", data)
        assert story.take(event)[0] == "10:00 journey.entered"
        assert story.take(event) == []


def test_a_pause_does_not_hold_a_handoff(tell: Tell) -> None:
    """A pause holds sends; a handoff, which no policy is asked about, goes to the colleagues at once."""
    story = tell(go("{id: w, wait: 10m}", '{id: ask, handoff: {queue: care, summary: "asks"}}'))
    story.when("go", "10:00")
    story.command("pause", "10:05", everybody=True)
    assert story.pass_time("10:10")[2] == "10:10 message.requested ask agent 1"


def test_a_resume_ends_only_the_pause_that_it_names(tell: Tell) -> None:
    """A resume concerns what it names: one for everybody ends no pause of one customer, one of a journey no pause of everything."""
    story = tell(go("{id: out, exit: done}"))
    story.command("pause", "09:00")
    story.command("resume", "09:01", everybody=True)
    assert story.when("go", "09:02") == ["09:02 journey.refused paused"]
    story.command("resume", "09:03")
    story.command("pause", "10:00", everybody=True)
    story.command("resume", "10:01", everybody=True, journey="journey-0")
    story.command("resume", "10:02")
    assert story.when("go", "10:03") == ["10:03 journey.refused paused"]
    story.command("resume", "10:04", everybody=True)
    assert story.when("go", "10:05")[0] == "10:05 journey.entered"
