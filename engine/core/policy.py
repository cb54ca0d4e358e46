"""The one function that answers: may this message go on this channel, when, and if not why?

Called by `steps/send.py` at the moment of sending, for every attempt. The policy is always the newest one. What it looks at
in turn: expiry, pause, consent, reachability, WhatsApp's window, caps, quiet hours. (The holdout is asked by the step, of what
may go.)
"""

import datetime
from typing import Final

import msgspec

from engine.core import caps, definition, scope, state, view

WINDOW: Final = datetime.timedelta(hours=24)
"""How long after a customer's last message WhatsApp takes free text (Meta, customer service window)."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked about. `to` overrides the customer's own address; None: the policy's.

    `tried`: the channels on which the message was requested already; none: this would be its first attempt.
    """

    channel: str
    to: str | None = None
    expires_at: datetime.datetime | None = None
    tried: tuple[str, ...] = ()
    free_text: bool = False
    """Whether the body is free text, which WhatsApp takes only within 24 hours of the customer's last message."""


class Verdict(msgspec.Struct, frozen=True):
    """`send_at` is now, or later, or None where the message may not go on this channel; `reasons` say why not, or not yet.

    `held`: it waits for the end of a pause. `whole`: no other channel helps either. An adapter must not send after `send_before`.
    """

    send_at: datetime.datetime | None
    send_before: datetime.datetime | None = None
    address: str = ""
    reasons: tuple[str, ...] = ()
    held: bool = False
    whole: bool = False


def judge(looking: view.View, asked: Asked) -> Verdict:
    """The verdict on one attempt now.

    Reasons: `expired`, `paused`, `no_channel`, `no_consent` (UU PDP 27/2022 art. 20 and 40), `unreachable`, `stopped`,
    `outside_window`, `cap`, `quiet_hours`.
    """
    if asked.expires_at is not None and looking.now >= asked.expires_at:
        return Verdict(None, reasons=("expired",), whole=True)
    if looking.paused(looking.journey.name, looking.here.key):
        return Verdict(None, reasons=("paused",), held=True)
    settings = looking.catalog.policy.channels.get(asked.channel)
    if settings is None:
        return Verdict(None, reasons=("no_channel",))
    address = text(looking.value(settings.address)) if asked.to is None else asked.to
    reasons = _barred(looking, asked, address)
    if reasons:
        return Verdict(None, reasons=reasons)
    return _timed(looking, asked, address)


def _barred(looking: view.View, asked: Asked, address: str) -> tuple[str, ...]:
    """Why the channel may not, or cannot, carry it at any time."""
    reasons = []
    if not scope.consented(looking.catalog.policy, looking.customer, looking.journey.purpose, asked.channel):
        reasons.append("no_consent")
    if not address:
        reasons.append("unreachable")
    elif looking.customer.stopped.get(asked.channel) == address:
        reasons.append("stopped")
    if asked.free_text and asked.channel == "whatsapp":
        wrote = looking.customer.inbound.get(asked.channel)
        if wrote is None or looking.now - wrote >= WINDOW:
            reasons.append("outside_window")
    return tuple(reasons)


def _timed(looking: view.View, asked: Asked, address: str) -> Verdict:
    """When it may go: from the first moment with a place under every cap and outside quiet hours, if that comes in time."""
    rule = hours(looking)
    zone = looking.zone
    at, reasons = looking.now, list[str]()
    opens = _opens(rule, at, looking)
    if opens is None:
        return Verdict(None, reasons=("quiet_hours",), whole=True)
    for cap in _caps(looking, asked):
        # A place is needed when the phone may ring: a day that is full now is over in the morning.
        if caps.place_at(cap, looking.customer.sends, opens, zone) <= opens:
            continue
        if cap.channel or cap.then == "drop":
            return Verdict(None, reasons=("cap",), whole=not cap.channel)
        at, reasons = max(at, caps.place_at(cap, looking.customer.sends, looking.now, zone)), ["cap"]
    if at > looking.now:  # a place comes free later: quiet hours are judged for that moment
        opens = _opens(rule, at, looking)
    if opens is None:
        return Verdict(None, reasons=(*reasons, "quiet_hours"), whole=True)
    if opens > at:
        at, reasons = opens, [*reasons, "quiet_hours"]
    if asked.expires_at is not None and at >= asked.expires_at:
        return Verdict(None, reasons=(*reasons, "expired"), whole=True)
    closes = None if rule is None else looking.catalog.hours.closes_at(rule, at, zone)
    before = min((each for each in (closes, asked.expires_at) if each is not None), default=None)
    return Verdict(at, before, address, tuple(reasons))


def _opens(rule: definition.QuietHours | None, at: datetime.datetime, looking: view.View) -> datetime.datetime | None:
    """The first moment at or after `at` that is not quiet; None if there is none within a year."""
    return at if rule is None else looking.catalog.hours.opens_at(rule, at, looking.zone)


def hours(looking: view.View) -> definition.QuietHours | None:
    """The quiet hours of the journey's messages: the rule that it names, else its purpose's."""
    rules = looking.catalog.policy.quiet_hours
    return rules.get(looking.journey.hours or looking.journey.purpose)


def _caps(looking: view.View, asked: Asked) -> list[definition.Cap]:
    """The caps that this attempt would count against and did not yet: the message's at its first attempt, a channel's at its
    first attempt there.
    """
    journey = looking.journey
    return [
        cap
        for cap in looking.catalog.policy.caps
        if caps.applies(cap, journey.purpose, asked.channel, journey.name)
        and (asked.channel not in asked.tried if cap.channel else not asked.tried)
    ]


def text(value: object) -> str:
    """An address as text: a profile may hold a phone or chat id as a number; anything but a number or text is no address."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def tried(message: state.Message | None) -> tuple[str, ...]:
    """The channels on which a message was requested already."""
    return () if message is None else tuple(attempt.channel for attempt in message.attempts)
