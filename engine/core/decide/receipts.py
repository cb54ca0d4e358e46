"""Receipts and replies: the message that such an event is about, and what is new in the event.

The decider calls this file for every `message.*` event. `new_report` finds late receipts: a late receipt is recorded with its
cost and moves no instance (`decider.py`; docs/semantics.md#a-late-receipt-does-not-undo-the-fallback). This file records nothing.
"""

import datetime
from typing import Final

import msgspec

from engine.core.model import channels, decisions, definition, inputs, state

REPLY_WITHIN: Final = datetime.timedelta(hours=24)
"""The greatest age of an attempt to whose message a reply without a message id can belong.

docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message
"""


class NewReport(msgspec.Struct, frozen=True):
    """The news of a receipt or reply: the message, the report to record, and the withdrawal of consent that the report causes.

    `withdrawal` is None if the report causes no withdrawal.
    """

    message: state.Message
    report: decisions.MessageReported
    withdrawal: decisions.ConsentUpdated | None = None


def is_about_message(event: inputs.Event) -> bool:
    """Return True if the event is a receipt or a reply."""
    return event.type in inputs.RECEIPTS or event.type == inputs.MESSAGE_RECEIVED


def message_of(event: inputs.Event, customer: state.Customer, now: datetime.datetime) -> state.Message | None:
    """Return the message that a receipt or reply is about, or None if there is none.

    An event that contains a message id is about the message with that id. A reply without an id is about the message with the
    latest attempt on the reply's channel, if this attempt is not older than 24 hours:
    docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message
    """
    named = event.field("message_id" if event.type in inputs.RECEIPTS else "in_reply_to")
    if named is not None:
        return customer.messages.get(named) if isinstance(named, str) else None
    channel, latest, found = event.field("channel"), now - REPLY_WITHIN, None
    for message in customer.messages.values():
        for attempt in message.attempts:
            if attempt.channel == channel and attempt.at >= latest:
                latest, found = attempt.at, message
    return found


def new_report(
    event: inputs.Event, message: state.Message, customer: state.Customer, policy: definition.Policy
) -> NewReport | None:
    """Return the news of a receipt or reply about `message`, or None if it says nothing new.

    A repeated status and a status below the known one are not new, unless the receipt changes the cost. A failure after a
    delivery, or after another failure of the same attempt, is never new.
    """
    status = inputs.RECEIPTS.get(event.type, "replied")
    attempt = _attempt(event, message)
    if attempt is None:
        return None
    if status == "failed" and attempt.reported & (state.OWN_BIT["delivered"] | state.OWN_BIT["failed"]):
        return None
    cost = _cost(event, attempt, status, policy)
    if attempt.reported | state.REPORTED[status] == attempt.reported and not cost:
        return None
    code = _code(event) if status == "failed" else ""
    failure = _failure(attempt.channel, code, policy) if status == "failed" else ""
    report = decisions.MessageReported(
        message_id=message.id,
        status=status,
        attempt=attempt.number,
        channel=attempt.channel,
        late=attempt is not message.attempts[-1] or message.outcome in ("unreached", "abandoned"),
        cost=cost,
        code=code,
        failure=failure,
        stopped=attempt.address if failure == "stop_channel" else "",
    )
    withdrawal = None
    if failure == "withdraw_consent":
        # Meta's error 131050: the customer has stopped the business's marketing at the provider. So the consent to marketing is
        # withdrawn, even if this message has another purpose.
        withdrawal = decisions.ConsentUpdated("marketing", attempt.channel, False, code)
    return NewReport(message, report, withdrawal)


def _attempt(event: inputs.Event, message: state.Message) -> state.Attempt | None:
    """Return the attempt that a receipt is about, or None if the message has no such attempt.

    If the receipt contains an attempt number, return the attempt with that number. If it only contains a channel, return the
    latest attempt on that channel. If it contains neither, return the latest attempt.
    """
    number, channel = event.field("attempt"), event.field("channel")
    for attempt in reversed(message.attempts):
        if attempt.number == number if type(number) is int else channel in (None, attempt.channel):
            return attempt
    return None


def _cost(event: inputs.Event, attempt: state.Attempt, status: str, policy: definition.Policy) -> float:
    """Return the amount to add to the attempt's known cost, so that the sum is the cost after this receipt.

    A cost in the receipt replaces the known cost. Without one, the policy's price is added once, as soon as the status at which
    the channel bills is reported.
    """
    said = event.field("cost")
    if isinstance(said, (int, float)) and not isinstance(said, bool):
        return float(said) - attempt.cost
    billed = state.OWN_BIT[channels.of(attempt.channel).billed]
    if attempt.cost or attempt.reported & billed or not state.REPORTED[status] & billed:
        return 0.0
    return policy.channels[attempt.channel].cost * (attempt.parts or 1) if attempt.channel in policy.channels else 0.0


def _code(event: inputs.Event) -> str:
    code = event.field("code")
    return "" if code is None else str(code)


def _failure(channel: str, code: str, policy: definition.Policy) -> str:
    """Return the failure class of a failed attempt's error code; an unknown code has the class `next_channel`.

    The code `dalang.too_late` has the class `too_late`. An adapter reports it if it gets an attempt too late to send the
    message.
    """
    if code == "dalang.too_late":
        return "too_late"
    known = policy.failure_classes.get(channel, {}).get(code)
    return "next_channel" if known is None else known.kind
