"""The send policy: whether an attempt of a message may be sent on its channel, at what time, and if not, why.

The step `send` (`steps/send.py`) calls `judge` for every attempt, when the attempt should be sent. The policy is that of the live
bundle, also for instances on an older version. The order of the checks is: expiry, pause, consent, the customer's address, the
channel's window for free text, caps, quiet hours. The holdout is not checked here: the step checks it for messages that the
policy allows.
"""

import datetime

import msgspec

from engine.core.context import decision_context, expression_scope
from engine.core.model import channels, definition, state
from engine.core.rules import frequency_caps


class Asked(msgspec.Struct, frozen=True):
    """One attempt of a message, for `judge` to allow or refuse.

    - `to`: the address to send to; None: the customer's address, which an expression of the policy finds in the profile.
    - `expires_at`: the time from which the message must not be sent any more; None: the message does not expire.
    - `tried`: the channels on which the message was requested before; empty for the first attempt of the message.
    """

    channel: str
    to: str | None = None
    expires_at: datetime.datetime | None = None
    tried: tuple[str, ...] = ()
    free_text: bool = False
    """True if the body is free text.

    A channel with a window (24 hours on WhatsApp) accepts free text only for that time after the customer's last message.
    """


class Verdict(msgspec.Struct, frozen=True):
    """The result of `judge` for one attempt.

    - `send_at`: the time to send the message, which is now or later; None: the message may not be sent now on this channel.
    - `send_before`: the time after which an adapter must not send the message any more; None: there is no limit.
    - `address`: the address to send to; empty if `send_at` is None.
    - `reasons`: the reasons why the message may not be sent, or must wait; empty if it may be sent now.
    - `held`: True if the message waits for the end of a pause.
    - `whole`: True if the refusal is about the whole message, so that another channel would not help.
    """

    send_at: datetime.datetime | None
    send_before: datetime.datetime | None = None
    address: str = ""
    reasons: tuple[str, ...] = ()
    held: bool = False
    whole: bool = False


def judge(context: decision_context.Context, asked: Asked) -> Verdict:
    """Return whether the attempt may be sent on its channel, at what time, and if not, why.

    The possible reasons are `expired`, `paused`, `no_channel`, `no_consent` (UU PDP 27/2022 art. 20 and 40), `unreachable`,
    `stopped`, `outside_window`, `cap` and `quiet_hours`.
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
    """Return the reasons against this channel: no consent, no usable address, or no free text allowed now.

    The result is empty if there are none. Caps and quiet hours are not checked here.
    """
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
    """Return the verdict with the first moment that is outside quiet hours and has a place under every cap.

    If this moment is not before the message's expiry, the message may not be sent. A cap of one channel, or a cap with
    `then: drop`, refuses the attempt if the cap has no place when quiet hours end.
    """
    rule = hours(context)
    zone = context.zone
    at, reasons = context.now, list[str]()
    opens = _opens(rule, at, context)
    if opens is None:
        return Verdict(None, reasons=("quiet_hours",), whole=True)
    for cap in _caps(context, asked):
        # Look for a place at the end of quiet hours (`opens`): the day whose places are all taken now may be over by then.
        if frequency_caps.free_at(cap, context.customer.sends, opens, zone) <= opens:
            continue
        if cap.channel or cap.then == "drop":
            return Verdict(None, reasons=("cap",), whole=not cap.channel)
        at, reasons = max(at, frequency_caps.free_at(cap, context.customer.sends, context.now, zone)), ["cap"]
    if at > context.now:  # a cap has a place only at `at`, so check quiet hours again for that time
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
    """Return the first moment at or after `at` that is outside quiet hours, or None if there is none within 366 days.

    If `rule` is None there are no quiet hours, and the result is `at`.
    """
    return at if rule is None else context.catalog.hours.opens_at(rule, at, context.zone)


def hours(context: decision_context.Context) -> definition.QuietHours | None:
    """Return the quiet hours for the journey's messages, or None if it has none.

    A journey may choose a rule of the policy by its name; otherwise the rule of the journey's purpose applies.
    """
    rules = context.catalog.policy.quiet_hours
    return rules.get(context.journey.hours or context.journey.purpose)


def _caps(context: decision_context.Context, asked: Asked) -> list[definition.Cap]:
    """Return the caps under which this attempt needs a place.

    Under a cap without a channel, a message takes a place with its first attempt. Under a cap of one channel, the message takes a
    place with its first attempt on that channel. Further attempts need no place.
    """
    journey = context.journey
    return [
        cap
        for cap in context.catalog.policy.caps
        if frequency_caps.applies(cap, journey.purpose, asked.channel, journey.name)
        and (asked.channel not in asked.tried if cap.channel else not asked.tried)
    ]


def text(value: object) -> str:
    """Return the value of an address as text, or an empty text if the value is not an address.

    A text and a whole number are addresses: a profile may contain a phone number or a chat id as a number.
    """
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def tried(message: state.Message | None) -> tuple[str, ...]:
    """Return the channels on which the message was requested before; empty if `message` is None."""
    return () if message is None else tuple(attempt.channel for attempt in message.attempts)
