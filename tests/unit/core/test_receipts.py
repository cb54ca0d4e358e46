"""Receipts and replies: correlation, the lattice, lateness and cost (docs/semantics.md#messages-and-receipts)."""

import itertools
from collections.abc import Callable

import pytest

from engine.core.model import state
from tests.unit.core.story import Story

Tell = Callable[..., Story]
SEND = "{{id: {0}, send: {{template: hello, channels: [{{channel: whatsapp, success: {1}, fallback_after: 30m}}, {{channel: sms}}]}}}}"
GO = "enter: {event: go, reentry: after_exit}\n"
READ = GO + f"steps: [{SEND.format('ask', 'read')}]"
THEN_WAIT = (
    GO + f"steps: [{SEND.format('ask', 'delivered')}, {{id: answer, wait: {{for: [{{event: message.received}}], timeout: 1d}}}}]"
)


def test_a_receipt_twice_is_recorded_once(tell: Tell) -> None:
    """A receipt that says nothing new, whatever its id, leads to nothing."""
    story = tell(READ)
    story.when("go", "10:00")
    assert story.when("message.sent", "10:01", message_id=story.message()) == ["10:01 message.reported ask sent 1"]
    assert story.when("message.sent", "10:02", message_id=story.message()) == []
    assert story.when("message.accepted", "10:03", message_id=story.message()) == []


@pytest.mark.parametrize("order", list(itertools.permutations(["accepted", "sent", "delivered", "failed"])))
def test_receipts_in_any_order_end_in_the_same_place(tell: Tell, order: tuple[str, ...]) -> None:
    """Accepted < sent < delivered, in any order: what is known at the end is the same; `failed` after `delivered` is ignored."""
    story = tell(READ)
    story.when("go", "10:00")
    for minute, status in enumerate(order):
        story.when(f"message.{status}", f"10:{minute + 1:02d}", message_id=story.message(), attempt=1, code="4711")
    (message,) = story.state.messages.values()
    assert message.attempts[0].reported & state.REPORTED["delivered"] == state.REPORTED["delivered"]
    failed_first = order.index("failed") < order.index("delivered")
    assert [each.channel for each in story.sent] == (["whatsapp", "sms"] if failed_first else ["whatsapp"])


def test_a_late_receipt_does_not_undo_the_fallback(tell: Tell) -> None:
    """A receipt for an attempt abandoned after fallback is recorded as late, counts as cost, and changes nothing else."""
    story = tell(READ)
    story.when("go", "10:00")
    story.pass_time("10:30")
    assert story.when("message.read", "10:40", message_id=story.message(), attempt=1) == [
        "10:40 message.reported ask read 1 late"
    ]
    assert [each.data.cost for each in story.told if each.type == "message.reported"] == [586.0]  # type: ignore[attr-defined]


def test_a_receipt_of_an_unknown_message_stays_quiet(tell: Tell) -> None:
    """A receipt for a message or an attempt that nobody knows leads to nothing."""
    story = tell(READ)
    story.when("go", "10:00")
    assert story.when("message.read", "10:01", message_id="nobody") == []
    assert story.when("message.read", "10:01", message_id=story.message(), attempt=9) == []


def test_what_a_receipt_says_of_the_cost_replaces_the_price(tell: Tell) -> None:
    """`data.cost` of a receipt is the attempt's cost; a later word corrects it, and each report carries what it adds."""
    story = tell(READ)
    story.when("go", "10:00")
    story.when("message.sent", "10:01", message_id=story.message(), cost=500)
    story.when("message.delivered", "10:02", message_id=story.message())
    story.when("message.read", "10:03", message_id=story.message(), cost=450)
    assert [each.data.cost for each in story.told if each.type == "message.reported"] == [500, 0, -50]  # type: ignore[attr-defined]


def test_a_reply_counts_as_replied(tell: Tell) -> None:
    """A `message.received` with `in_reply_to` counts as `replied`, which is above `read`."""
    story = tell(READ)
    story.when("go", "10:00")
    assert "10:05 step.completed ask reached" in story.when(
        "message.received", "10:05", channel="whatsapp", in_reply_to=story.message()
    )


def test_a_reply_that_names_none_belongs_to_the_latest_on_its_channel(tell: Tell) -> None:
    """A reply with no message belongs to the latest one on that channel within 24 h, and wakes that instance alone."""
    second = THEN_WAIT.replace("event: go", "event: gone")
    story = tell(THEN_WAIT, second)
    for event, clock in (("go", "10:00"), ("gone", "10:05")):
        story.when(event, clock)
        story.when("message.delivered", clock, message_id=story.message())
    told = story.when("message.received", "10:10", channel="whatsapp")
    assert [line for line in told if "step.completed" in line] == ["10:10 step.completed answer message.received"]
    assert [each.journey for each in story.told if each.type == "journey.completed"] == ["journey-1"]


def test_a_reply_after_a_day_belongs_to_none(tell: Tell) -> None:
    """After 24 hours a reply that names no message wakes nobody."""
    story = tell(THEN_WAIT.replace("timeout: 1d", "timeout: 3d"))
    story.when("go", "10:00")
    story.when("message.delivered", "10:00", message_id=story.message())
    assert story.when("message.received", "+1 10:00:00.001", channel="whatsapp") == []
    assert story.when("message.received", "+1 10:00", channel="sms") == []


def test_a_receipt_concerns_its_own_instance_only(tell: Tell) -> None:
    """A receipt belongs to the message it names: another journey that waits for the same event does not see it."""
    waiting = GO + "steps: [{id: h, handoff: {queue: q}}, {id: answer, wait: {for: [{event: message.delivered}], timeout: 1d}}]"
    story = tell(READ, waiting)
    story.when("go", "10:00")
    assert story.when("message.delivered", "10:01", message_id=story.message(-1)) == ["10:01 message.reported ask delivered 1"]


def test_receipts_after_the_instance_has_left_are_recorded(tell: Tell) -> None:
    """What is reported after the instance has gone is still a fact, and not late where the attempt was never abandoned."""
    story = tell(GO + "steps: [{id: ask, send: {template: hello, channels: [{channel: sms}]}}]")
    story.when("go", "10:00")
    assert story.when("message.delivered", "12:00", message_id=story.message()) == ["12:00 message.reported ask delivered 1"]


def test_a_success_while_the_retry_waits_ends_the_message(tell: Tell) -> None:
    """A success for an earlier attempt while the next is still deferred ends the message as `reached`."""
    story = tell(READ)
    story.when("go", "10:00")
    story.when("message.failed", "10:01", message_id=story.message(), code="busy")
    assert "10:01:30 message.resolved ask reached" in story.when("message.read", "10:01:30", message_id=story.message())
    assert story.pass_time("11:00") == []


def test_a_reply_belongs_to_the_message_that_it_names(tell: Tell) -> None:
    """A receipt or reply belongs to the message whose `message_id` it carries, also where a later one went to the same channel."""
    story = tell(THEN_WAIT, THEN_WAIT.replace("event: go", "event: gone"))
    for event, clock in (("go", "10:00"), ("gone", "10:05")):
        story.when(event, clock)
        story.when("message.delivered", clock, message_id=story.message())
    story.when("message.received", "10:10", channel="whatsapp", in_reply_to=story.message(0))
    assert [each.journey for each in story.told if each.type == "journey.completed"] == ["journey-0"]
    told = story.when("message.received", "10:20", channel="whatsapp", in_reply_to="nobody-knows")
    assert [line for line in told if "completed" in line] == []


def test_a_reply_to_a_message_of_one_who_has_left_wakes_nobody(tell: Tell) -> None:
    """A reply with none belongs to the latest message on that channel within 24 h, though its instance has left: no other wakes."""
    out = GO.replace("event: go", "event: gone") + f"steps: [{SEND.format('ask', 'delivered')}]"
    story = tell(THEN_WAIT, out)
    for event, clock in (("go", "10:00"), ("gone", "10:05")):
        story.when(event, clock)
        story.when("message.delivered", clock, message_id=story.message())
    told = story.when("message.received", "10:10", channel="whatsapp")
    assert told == ["10:10 message.reported ask replied 1"]
