"""Receipts and replies: the message to which each belongs, and what is new in it.

The decider calls this file for every `message.*` event. It only answers; it records nothing.
"""

import datetime
from typing import Final

import msgspec

from engine.core.model import channels, decisions, definition, inputs, state

REPLY_WITHIN: Final = datetime.timedelta(hours=24)
"""The greatest age of a message to which a reply without a message id may belong.

docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message
"""


class NewReport(msgspec.Struct, frozen=True):
    """A report that is new, with its message and the withdrawal of a consent if the report leads to one."""

    message: state.Message
    report: decisions.MessageReported
    withdrawal: decisions.ConsentUpdated | None = None


def is_about_message(event: inputs.Event) -> bool:
    """Return True if the event is a receipt or a reply."""
    return event.type in inputs.RECEIPTS or event.type == inputs.MESSAGE_RECEIVED


def message_of(event: inputs.Event, customer: state.Customer, now: datetime.datetime) -> state.Message | None:
    """Return the message that the receipt or reply belongs to, or None.

    That is the message that the event names. A reply that names none belongs to the latest message on its channel within 24
    hours: docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message
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
    """Return what is new in a receipt, or None if all of it is known.

    A repeat, a lower status and a failure after the delivery are known.
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
    """Return the attempt with the named number, else the latest on the named channel, else the latest.

    Return None if the message has no such attempt.
    """
    number, channel = event.field("attempt"), event.field("channel")
    for attempt in reversed(message.attempts):
        if attempt.number == number if type(number) is int else channel in (None, attempt.channel):
            return attempt
    return None


def _cost(event: inputs.Event, attempt: state.Attempt, status: str, policy: definition.Policy) -> float:
    """Return what the receipt adds to the attempt's known cost.

    The receipt's own cost counts if it names one. Otherwise the price of the attempt counts, once it is billed.
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
    """Return the failure class; an unknown code means the next channel.

    An attempt that came too late at the adapter is planned again.
    """
    if code == "dalang.too_late":
        return "too_late"
    known = policy.failure_classes.get(channel, {}).get(code)
    return "next_channel" if known is None else known.kind
