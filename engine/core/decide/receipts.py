"""Receipts and replies: the message that each belongs to, and the part of it that is new.

The decider calls this file for every `message.*` event. This file records nothing.
"""

import datetime
from typing import Final

import msgspec

from engine.core.model import channels, decisions, definition, inputs, state

REPLY_WITHIN: Final = datetime.timedelta(hours=24)
"""The age up to which a reply without a message id may belong to a message: 24 hours.

docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message
"""


class NewReport(msgspec.Struct, frozen=True):
    """A report with news: its message, and the withdrawal of a consent if it leads to one."""

    message: state.Message
    report: decisions.MessageReported
    withdrawal: decisions.ConsentUpdated | None = None


def is_about_message(event: inputs.Event) -> bool:
    """Return True if the event is a receipt or a reply."""
    return event.type in inputs.RECEIPTS or event.type == inputs.MESSAGE_RECEIVED


def message_of(event: inputs.Event, customer: state.Customer, now: datetime.datetime) -> state.Message | None:
    """Return the message that the receipt or reply belongs to, or None.

    It is the message whose id the event has. A reply without an id belongs to the latest message on its channel within 24 hours:
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
    """Return the report of a receipt, or None if the receipt has no news.

    No news are a repeated status, a status below the known one, and a failure after the delivery.
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
        # A customer who stops a business at the provider stops its marketing, whatever this message's purpose (Meta, 131050).
        withdrawal = decisions.ConsentUpdated("marketing", attempt.channel, False, code)
    return NewReport(message, report, withdrawal)


def _attempt(event: inputs.Event, message: state.Message) -> state.Attempt | None:
    """Return the attempt that a receipt is about, or None if the message has no such attempt.

    It is the attempt with the receipt's `attempt`; without one, the latest on the receipt's `channel`; without both, the latest.
    """
    number, channel = event.field("attempt"), event.field("channel")
    for attempt in reversed(message.attempts):
        if attempt.number == number if type(number) is int else channel in (None, attempt.channel):
            return attempt
    return None


def _cost(event: inputs.Event, attempt: state.Attempt, status: str, policy: definition.Policy) -> float:
    """Return the amount that the receipt adds to the attempt's known cost.

    If the receipt has a cost, that cost counts. Otherwise the policy's price counts, once, when the billed status is reached.
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
    """Return the failure class of a code: `too_late` for an adapter that got it too late, `next_channel` for unknown codes."""
    if code == "dalang.too_late":
        return "too_late"
    known = policy.failure_classes.get(channel, {}).get(code)
    return "next_channel" if known is None else known.kind
