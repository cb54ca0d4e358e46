"""Receipts and replies: which message they belong to, and what of them is news.

Called by the decider for every `message.*` event. Looks and answers; records nothing.
"""

import datetime
from collections.abc import Mapping
from typing import Final

import msgspec

from engine.core import decisions, definition, inputs, state

REPLY_WITHIN: Final = datetime.timedelta(hours=24)
"""How old a message may be for a reply that names none: docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message"""

BILLED: Final[Mapping[str, str]] = {"whatsapp": "delivered"}
"""Channel -> the status at which an attempt costs its price. WhatsApp bills delivered messages (Meta, per-message
pricing since 1 Jul 2025); all others when they were accepted (SMS: on submission)."""


class News(msgspec.Struct, frozen=True):
    """A report with what it leads to beside itself."""

    message: state.Message
    report: decisions.MessageReported
    withdrawal: decisions.ConsentUpdated | None = None


def is_about_message(event: inputs.Event) -> bool:
    """Whether the event is a receipt or a reply."""
    return event.type in inputs.RECEIPTS or event.type == inputs.MESSAGE_RECEIVED


def message_of(event: inputs.Event, customer: state.Customer, now: datetime.datetime) -> state.Message | None:
    """The message that the receipt or reply belongs to: the one it names, or, for a reply that names none, the latest one
    on its channel within 24 hours.
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


def news(event: inputs.Event, message: state.Message, customer: state.Customer, policy: definition.Policy) -> News | None:
    """What is new in a receipt; None if all of it is known (a repeat, a lower status, a failure after the delivery)."""
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
        # Who stops a business at the provider stops its marketing, whatever the message was that met with it (Meta, 131050).
        withdrawal = decisions.ConsentUpdated("marketing", attempt.channel, False, code)
    return News(message, report, withdrawal)


def _attempt(event: inputs.Event, message: state.Message) -> state.Attempt | None:
    """The attempt that is named by number; else the latest on the named channel; else the latest."""
    number, channel = event.field("attempt"), event.field("channel")
    for attempt in reversed(message.attempts):
        if attempt.number == number if type(number) is int else channel in (None, attempt.channel):
            return attempt
    return None


def _cost(event: inputs.Event, attempt: state.Attempt, status: str, policy: definition.Policy) -> float:
    """What the receipt adds to the attempt's known cost: what it says itself, else the price once it is billed."""
    said = event.field("cost")
    if isinstance(said, (int, float)) and not isinstance(said, bool):
        return float(said) - attempt.cost
    billed = state.OWN_BIT[BILLED.get(attempt.channel, "accepted")]
    if attempt.cost or attempt.reported & billed or not state.REPORTED[status] & billed:
        return 0.0
    return policy.channels[attempt.channel].cost * (attempt.parts or 1) if attempt.channel in policy.channels else 0.0


def _code(event: inputs.Event) -> str:
    code = event.field("code")
    return "" if code is None else str(code)


def _failure(channel: str, code: str, policy: definition.Policy) -> str:
    """The failure class; an unknown code means the next channel, and an adapter that came too late is asked again."""
    if code == "dalang.too_late":
        return "too_late"
    known = policy.failure_classes.get(channel, {}).get(code)
    return "next_channel" if known is None else known.kind
