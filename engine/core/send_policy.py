"""The policy's answer for one attempt: may the message go on this channel, when, and if not, why.

`steps/send.py` calls `judge` for every attempt at the moment of sending. The policy is always the newest one. The order of the
checks is: expiry, pause, consent, reachability, the channel's window for free text, caps, quiet hours. After a
message passes these checks, the step checks the holdout.
"""

import datetime

import msgspec

from engine.core.context import decision_context, expression_scope
from engine.core.model import channels, definition, state
from engine.core.rules import frequency_caps


class Asked(msgspec.Struct, frozen=True):
    """One attempt of a message: the question that `judge` answers.

    `to` replaces the customer's own address; None means the address that the policy gives. `tried` lists the channels on which
    the message was requested before; for a first attempt it is empty.
    """

    channel: str
    to: str | None = None
    expires_at: datetime.datetime | None = None
    tried: tuple[str, ...] = ()
    free_text: bool = False
    """True if the body is free text. WhatsApp takes free text only for 24 hours after the customer's last message."""


class Verdict(msgspec.Struct, frozen=True):
    """The answer: `send_at` is now, later, or None if the message may not go on this channel.

    `reasons` say why the message may not go, or why it waits. `held`: it waits for the end of a pause. `whole`: the reason holds
    for every channel, so no other channel needs to be tried. An adapter must not send the message after `send_before`.
    """

    send_at: datetime.datetime | None
    send_before: datetime.datetime | None = None
    address: str = ""
    reasons: tuple[str, ...] = ()
    held: bool = False
    whole: bool = False


def judge(context: decision_context.Context, asked: Asked) -> Verdict:
    """Judge one attempt at the context's time.

    The reasons of a verdict are `expired`, `paused`, `no_channel`, `no_consent` (UU PDP 27/2022 art. 20 and 40), `unreachable`,
    `stopped`, `outside_window`, `cap`, `quiet_hours`.
    """
    if asked.expires_at is not None and context.now >= asked.expires_at:
        return Verdict(None, reasons=("expired",), whole=True)
    if context.paused(context.journey.name, context.here.key):
        return Verdict(None, reasons=("paused",), held=True)
    settings = context.catalog.policy.channels.get(asked.channel)
    if settings is None:
        return Verdict(None, reasons=("no_channel",))
    address = text(context.value(settings.address)) if asked.to is None else asked.to
    reasons = _barred(context, asked, address)
    if reasons:
        return Verdict(None, reasons=reasons)
    return _timed(context, asked, address)


def _barred(context: decision_context.Context, asked: Asked, address: str) -> tuple[str, ...]:
    """Return the reasons why the channel may not or cannot carry the message; caps and quiet hours are not checked here."""
    reasons = []
    if not expression_scope.consented(context.catalog.policy, context.customer, context.journey.purpose, asked.channel):
        reasons.append("no_consent")
    if not address:
        reasons.append("unreachable")
    elif context.customer.stopped.get(asked.channel) == address:
        reasons.append("stopped")
    window = channels.of(asked.channel).window
    if asked.free_text and window is not None:
        wrote = context.customer.inbound.get(asked.channel)
        if wrote is None or context.now - wrote >= window.within:
            reasons.append("outside_window")
    return tuple(reasons)


def _timed(context: decision_context.Context, asked: Asked, address: str) -> Verdict:
    """Return a verdict with the first moment at which every cap allows the message and no quiet hours hold.

    If the message expires before that moment, it may not go.
    """
    rule = hours(context)
    zone = context.zone
    at, reasons = context.now, list[str]()
    opens = _opens(rule, at, context)
    if opens is None:
        return Verdict(None, reasons=("quiet_hours",), whole=True)
    for cap in _caps(context, asked):
        # The cap must allow the message when quiet hours end: a day that is full now may be over by then.
        if frequency_caps.free_at(cap, context.customer.sends, opens, zone) <= opens:
            continue
        if cap.channel or cap.then == "drop":
            return Verdict(None, reasons=("cap",), whole=not cap.channel)
        at, reasons = max(at, frequency_caps.free_at(cap, context.customer.sends, context.now, zone)), ["cap"]
    if at > context.now:  # the cap allows the message later, so quiet hours are judged for that moment
        opens = _opens(rule, at, context)
    if opens is None:
        return Verdict(None, reasons=(*reasons, "quiet_hours"), whole=True)
    if opens > at:
        at, reasons = opens, [*reasons, "quiet_hours"]
    if asked.expires_at is not None and at >= asked.expires_at:
        return Verdict(None, reasons=(*reasons, "expired"), whole=True)
    closes = None if rule is None else context.catalog.hours.closes_at(rule, at, zone)
    before = min((each for each in (closes, asked.expires_at) if each is not None), default=None)
    return Verdict(at, before, address, tuple(reasons))


def _opens(
    rule: definition.QuietHours | None, at: datetime.datetime, context: decision_context.Context
) -> datetime.datetime | None:
    """Return the first moment at or after `at` that is not quiet, or None if there is none within 366 days."""
    return at if rule is None else context.catalog.hours.opens_at(rule, at, context.zone)


def hours(context: decision_context.Context) -> definition.QuietHours | None:
    """Return the quiet hours of the journey's messages: the rule that the journey names, or else its purpose's."""
    rules = context.catalog.policy.quiet_hours
    return rules.get(context.journey.hours or context.journey.purpose)


def _caps(context: decision_context.Context, asked: Asked) -> list[definition.Cap]:
    """Return the caps that would count this attempt.

    A cap without a channel counts the first attempt of each message. A cap for a channel counts the first attempt of each message
    on that channel.
    """
    journey = context.journey
    return [
        cap
        for cap in context.catalog.policy.caps
        if frequency_caps.applies(cap, journey.purpose, asked.channel, journey.name)
        and (asked.channel not in asked.tried if cap.channel else not asked.tried)
    ]


def text(value: object) -> str:
    """Return an address as text; a value that is neither text nor a whole number is no address.

    A profile may hold a phone number or a chat id as a number.
    """
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def tried(message: state.Message | None) -> tuple[str, ...]:
    """Return the channels on which a message was requested already."""
    return () if message is None else tuple(attempt.channel for attempt in message.attempts)
