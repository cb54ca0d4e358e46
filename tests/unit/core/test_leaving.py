"""Exits: at once, in the middle of a wait, and before every send."""

from collections.abc import Callable

from tests.unit.core import story as stories
from tests.unit.core.story import Story

Tell = Callable[..., Story]
ENTER = "enter: {event: go, key: event.data.k, reentry: {after: 1d}}\n"
EXIT = "exit: [{event: order, when: event.data.k == entry.data.k, reason: bought}]\n"
SEND = "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: read, fallback_after: 1h}, {channel: sms}]}}"


def test_an_exit_ends_the_instance_in_the_middle_of_a_wait(tell: Tell) -> None:
    """Exits are checked at once, also in the middle of a wait: the instance leaves with the exit's reason, its timers are cancelled."""
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
    """Erasure ends everything: every instance exits as `erased`, timers are cancelled, the state is gone; later events start anew."""
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


def test_the_order_inside_one_input(tell: Tell) -> None:
    """Order inside one input: profile, consent, traits, segments, then exits, goals, waits, entries."""
    enter = "enter: {event: go, reentry: after_exit}\n"
    leaves = enter + "exit: [{event: order, reason: bought}]\nsteps: [{id: pause, wait: 1d}]"
    waits = enter + "goal: {event: order, within: 1d}\nsteps: [{id: w, wait: {for: [{event: order}], timeout: 1d}}]"
    enters = (
        "enter: {event: order, when: traits.orders == 1 && segments.buyer, reentry: after_exit}\nsteps: [{id: in, exit: done}]"
    )
    traits = "traits:\n  orders: {of: order, compute: count}\nsegments:\n  buyer: traits.orders >= 1\n"
    story = tell(enters, leaves, waits, traits=traits)
    story.when("go", "10:00")
    assert story.when("order", "11:00") == [
        "11:00 segment.entered buyer",
        "11:00 timer.cancelled pause",
        "11:00 journey.exited pause bought",
        "11:00 goal.reached order",
        "11:00 timer.cancelled w",
        "11:00 step.completed w order",
        "11:00 journey.completed",
        "11:00 journey.entered",
        "11:00 step.entered in",
        "11:00 journey.exited in done",
    ]


def test_a_receipt_is_recorded_before_the_exit_that_it_leads_to(tell: Tell) -> None:
    """Order inside one input: receipts before exits and goals, these before what the step makes of the receipt."""
    head = "exit: [{event: message.read, reason: seen}]\ngoal: {event: message.read, within: 1d}\n"
    story = tell(ENTER + head + f"steps: [{SEND}]")
    story.when("go", "10:00", k="a")
    assert story.when("message.read", "10:10", message_id=story.message()) == [
        "10:10 message.reported ask read 1",
        "10:10 timer.cancelled ask",
        "10:10 journey.exited ask seen",
        "10:10 goal.reached message.read",
    ]


def test_what_one_input_says_holds_for_it(tell: Tell) -> None:
    """Profile and consent come first: the event that grants a consent or brings an address may enter and be answered."""
    sms = "steps: [{id: ask, send: {template: hello, channels: [{channel: sms}]}}]"
    story = tell(
        "enter: {event: consent.granted, reentry: after_exit}\n" + sms,
        "enter: {event: customer.identified, when: profile.level == 3, reentry: after_exit}\n" + sms,
        purpose="marketing",
        known=False,
    )
    story.when("customer.identified", "09:00", traits={"phone": "+6281234567890"})
    assert story.when("consent.granted", "10:00", purpose="marketing")[2] == "10:00 message.requested ask sms 1"
    assert story.when("customer.identified", "11:00", traits={"level": 3})[2] == "11:00 message.requested ask sms 1"
    story.when("consent.withdrawn", "12:00", purpose="marketing")
    assert story.when("customer.identified", "13:00", traits={"level": None}) == []


def test_exit_beats_a_deferred_send(tell: Tell) -> None:
    """Exit beats send, also at the minute for which the send was deferred; no other event stands in its way."""
    quiet = '  timezone: UTC\n  quiet_hours: {transactional: "20:00-08:00"}\n'
    for clock in ("+1 07:00", "+1 08:00"):
        story = tell(ENTER + EXIT + f"steps: [{SEND}]", policy=stories.POLICY + quiet)
        story.when("go", "21:00", k="a")
        assert story.when("order", clock, k="a") == [f"{clock} timer.cancelled ask", f"{clock} journey.exited ask bought"]
        story.pass_time("+1 09:00")
        assert story.actions == []
    story = tell(ENTER + EXIT + f"steps: [{SEND}]", policy=stories.POLICY + quiet)
    story.when("go", "21:00", k="a")
    assert story.when("order", "+1 08:00", k="b") == [
        "+1 08:00 message.requested ask whatsapp 1",
        "+1 08:00 timer.scheduled ask fallback +1 09:00",
    ]


def test_erasure_ends_schedules_and_segments_too(tell: Tell) -> None:
    """`customer.erased`: timers are cancelled, the state becomes a tombstone; a later event starts anew, schedules and all."""
    traits = "traits:\n  orders: {of: order, compute: count, within: 2h}\nsegments:\n  buyer: traits.orders >= 1\n"
    daily = 'enter: {schedule: {time: "09:00", day: daily}, reentry: never}\nsteps: [{id: out, exit: done}]'
    story = tell(daily, traits=traits, policy=stories.POLICY + "  timezone: UTC\n")
    story.pass_time("09:00")
    story.when("order", "10:00")
    assert story.when("customer.erased", "10:10") == ["10:10 timer.cancelled"] * 2
    assert story.customer is None
    assert story.pass_time("+1 12:00") == []
    assert story.when("hello", "+1 13:00") == ["+1 13:00 timer.scheduled schedule +2 09:00"]
    assert (story.state.profile, story.state.consent, story.state.entries) == ({}, {}, {})
    assert story.pass_time("+2 09:00")[1] == "+2 09:00 journey.entered"
