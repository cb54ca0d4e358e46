"""The scope: the names that an expression or a template may use, over one customer, instance and event.

`Context.scope` builds it; the CEL and Liquid implementations of the ports read it. Each value is made when it is first read.
"""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.core.model import definition, inputs, state

NAMES: Final = ("event", "entry", "profile", "consent", "traits", "segments", "steps", "now", "journey", "policy")


def nothing(_: state.Customer, __: datetime.datetime, ___: Iterable[str] | None) -> Mapping[str, Any]:
    """Return no traits, for a scope without any."""
    return {}


class Scope(msgspec.Struct):
    """The values that expressions and templates see; `event` and `entry` are None if there is none.

    `reckon` returns the values of the customer's traits at a time, for the wanted names (None: all). `reckoned` caches these
    values. `segments` are the names of all segments of the bundle.
    """

    customer: state.Customer
    policy: definition.Policy
    now: datetime.datetime
    event: inputs.Event | None = None
    entry: inputs.Event | None = None
    journey: definition.Journey | None = None
    outcomes: Mapping[str, str] = {}
    zone_of: Callable[[state.Customer], datetime.tzinfo] | None = None
    reckon: Callable[[state.Customer, datetime.datetime, Iterable[str] | None], Mapping[str, Any]] = nothing
    segments: tuple[str, ...] = ()
    reckoned: dict[Collection[str] | None, Mapping[str, Any]] = {}

    @property
    def zone(self) -> datetime.tzinfo | None:
        """The customer's time zone; None if the scope has no `zone_of`."""
        return None if self.zone_of is None else self.zone_of(self.customer)

    def traits(self, wanted: tuple[str, ...] | frozenset[str] | None) -> Mapping[str, Any]:
        """Return the values of the wanted traits (None: of all), without the traits that have no value."""
        found = self.reckoned.get(wanted)
        if found is None:
            found = self.reckoned[wanted] = self.reckon(self.customer, self.now, wanted)
        return found

    def value(self, name: str) -> Any:
        """Return the value of one of `NAMES` as plain Python; times are datetimes in UTC."""
        match name:
            case "event":
                return _event(self.event)
            case "entry":
                return _event(self.entry)
            case "profile":
                return self.customer.profile
            case "consent":
                return consents(self.policy, self.customer)
            case "steps":
                return {step: {"outcome": outcome} for step, outcome in self.outcomes.items()}
            case "now":
                return self.now
            case "journey":
                return _journey(self.journey)
            case "policy":
                return {"timezone": self.policy.timezone, "language": self.policy.language}
            case "traits":
                return self.traits(None)
            case "segments":
                return {name: name in self.customer.segments for name in self.segments}
            case _:
                raise KeyError(name)


def consents(policy: definition.Policy, customer: state.Customer) -> dict[str, dict[str, bool]]:
    """Return `{purpose: {channel: allowed}}` for the policy's channels, with `any` beside the channels."""
    allowed: dict[str, dict[str, bool]] = {}
    for purpose in definition.PURPOSES:
        channels = {channel: consented(policy, customer, purpose, channel) for channel in policy.channels}
        allowed[purpose] = {**channels, "any": any(channels.values())}
    return allowed


def consented(policy: definition.Policy, customer: state.Customer, purpose: str, channel: str) -> bool:
    """Return True if the customer may be messaged for this purpose on this channel.

    A consent for the channel counts more than one for all channels. If the customer gave neither, the policy's rule `implied`
    allows the message and `opt_in` forbids it; `opt_in` is the default (UU PDP 27/2022 art. 20, 22).
    """
    said = customer.consent.get(purpose)
    if said is not None:
        if channel in said.channels:
            return said.channels[channel]
        if said.everywhere is not None:
            return said.everywhere
    return policy.consent.get(purpose, "opt_in") == "implied"


def _event(event: inputs.Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    return {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": event.time,
        "data": event.data,
    }


def _journey(journey: definition.Journey | None) -> dict[str, Any] | None:
    if journey is None:
        return None
    return {"name": journey.name, "title": journey.title, "owner": journey.owner, "purpose": journey.purpose}
