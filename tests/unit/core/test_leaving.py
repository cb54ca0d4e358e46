"""Exits: at once, in the middle of a wait, and before every send."""

from collections.abc import Callable

from tests.unit.core.story import Story

Tell = Callable[..., Story]
ENTER = "enter: {event: go, key: event.data.k, reentry: {after: 1d}}\n"
EXIT = "exit: [{event: order, when: event.data.k == entry.data.k, reason: bought}]\n"
SEND = "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: read, fallback_after: 1h}, {channel: sms}]}}"


def test_an_exit_ends_the_instance_in_the_middle_of_a_wait(tell: Tell) -> None:
    """An exit rule that matches ends the instance at once: its timers are cancelled, with its reason."""
    story = tell(ENTER + EXIT + "steps: [{id: pause, wait: 1h}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:10", k="a") == ["10:10 timer.cancelled pause", "10:10 journey.exited pause bought"]
    assert (dict(story.state.instances), dict(story.state.timers)) == ({}, {})


def test_an_exit_whose_condition_is_false_stays_quiet(tell: Tell) -> None:
    """An exit rule that does not match changes nothing."""
    story = tell(ENTER + EXIT + "steps: [{id: pause, wait: 1h}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:10", k="b") == []


def test_an_event_cannot_enter_and_exit_the_same_instance(tell: Tell) -> None:
    """Exits look at instances that existed before the input: the event that enters does not exit."""
    story = tell("enter: {event: go, reentry: after_exit}\nexit: [{event: go, reason: again}]\nsteps: [{id: pause, wait: 1h}]")
    assert story.when("go", "10:00")[0] == "10:00 journey.entered"
    assert story.when("go", "10:10") == [
        "10:10 timer.cancelled pause",
        "10:10 journey.exited pause again",
        "10:10 journey.entered",
        "10:10 step.entered pause",
        "10:10 timer.scheduled pause wait 11:10",
    ]


def test_exit_beats_the_send_that_the_same_event_would_lead_to(tell: Tell) -> None:
    """Exit beats send: an event that would end a wait and request a message, and that an exit names, only exits."""
    wait = "{id: pause, wait: {for: [{event: order}], timeout: 1h}}"
    story = tell(ENTER + EXIT + f"steps: [{wait}, {SEND}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:10", k="a")[-1] == "10:10 journey.exited pause bought"
    assert story.actions == []


def test_exit_beats_the_send_that_a_receipt_would_lead_to(tell: Tell) -> None:
    """A failure receipt that an exit names does not go to the next channel."""
    story = tell(ENTER + "exit: [{event: message.failed, reason: gave-up}]\n" + f"steps: [{SEND}]")
    story.when("go", "10:00", k="a")
    assert story.when("message.failed", "10:10", message_id=story.message()) == [
        "10:10 message.reported ask failed 1",
        "10:10 timer.cancelled ask",
        "10:10 journey.exited ask gave-up",
    ]
    assert story.actions == ["10:00 whatsapp hello"]


def test_the_exit_step_leaves_with_its_reason(tell: Tell) -> None:
    """`exit` leaves the journey with a reason."""
    story = tell(ENTER + "steps: [{id: out, exit: enough}]")
    assert story.when("go", "10:00", k="a")[1:] == ["10:00 step.entered out", "10:00 journey.exited out enough"]


def test_a_journey_that_passes_its_last_step_is_completed(tell: Tell) -> None:
    """After its last step the instance is complete."""
    story = tell(ENTER + "steps: [{id: pause, wait: 1h}]")
    story.when("go", "10:00", k="a")
    assert story.pass_time("11:00")[-1] == "11:00 journey.completed"


def test_erasure_ends_everything(tell: Tell) -> None:
    """`customer.erased`: every instance exits as `erased`, timers are cancelled, the state is gone; later events start anew."""
    story = tell(ENTER + "steps: [{id: pause, wait: 1h}]")
    story.when("go", "10:00", k="a")
    assert story.when("customer.erased", "10:10") == ["10:10 timer.cancelled pause", "10:10 journey.exited pause erased"]
    assert story.customer is None
    assert story.pass_time("12:00") == []
    assert story.when("go", "12:00", k="a")[0] == "12:00 journey.entered"


def test_erasing_an_unknown_customer_stays_quiet(tell: Tell) -> None:
    """There is nothing to erase of somebody who is not known."""
    story = tell(ENTER + "steps: [{id: pause, wait: 1h}]", known=False)
    assert story.when("customer.erased", "10:10") == []
