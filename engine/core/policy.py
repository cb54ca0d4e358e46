"""The one function that answers: may this message go on this channel, when, and if not why?

Called by `steps/send.py` at the moment of sending, for every attempt. The policy is always the newest one.
"""

import datetime

import msgspec

from engine.core import scope, view


class Verdict(msgspec.Struct, frozen=True):
    """`send_at` is None when the message may not go, and `reasons` say why; an adapter must not send after `send_before`."""

    send_at: datetime.datetime | None
    send_before: datetime.datetime | None = None
    address: str = ""
    reasons: tuple[str, ...] = ()


def judge(looking: view.View, channel: str, address: str | None, expires_at: datetime.datetime | None) -> Verdict:
    """The verdict on one attempt now. `address` overrides the customer's own (a send's `to`); None: the policy's address.

    Reasons: `expired`, `no_consent` (UU PDP 27/2022 art. 20 and 40), `no_channel`, `unreachable`, `stopped`.
    """
    customer, purpose = looking.customer, looking.journey.purpose
    settings = looking.catalog.policy.channels.get(channel)
    if expires_at is not None and looking.now >= expires_at:
        return Verdict(None, reasons=("expired",))
    if settings is None:
        return Verdict(None, reasons=("no_channel",))
    reasons = []
    if not scope.consented(looking.catalog.policy, customer, purpose, channel):
        reasons.append("no_consent")
    if address is None:
        address = text(looking.value(settings.address))
    if not address:
        reasons.append("unreachable")
    elif customer.stopped.get(channel) == address:
        reasons.append("stopped")
    if reasons:
        return Verdict(None, reasons=tuple(reasons))
    return Verdict(looking.now, send_before=expires_at, address=address)


def text(value: object) -> str:
    """An address as text: a profile may hold a phone or chat id as a number; anything but a number or text is no address."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""
