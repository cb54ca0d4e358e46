"""The scope: the names that an expression or a template may use, with their values for one customer, instance and event.

`Context.scope` builds a scope, and the implementations of the ports (`ports.py`) read it. A value is computed only when an
expression or a template uses its name.
"""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from engine.core.model import definition, inputs, state

NAMES: Final = ("event", "entry", "profile", "consent", "traits", "segments", "steps", "now", "journey", "policy")


def nothing(_: state.Customer, __: datetime.datetime, ___: Iterable[str] | None) -> Mapping[str, Any]:
    """Return no trait values; this function is the default of `Scope.reckon`."""
    return {}


class Scope(msgspec.Struct):
    """The data behind the names that expressions and templates use.

    - `event` and `entry`: the current event and the instance's entry; None if there is none.
    - `outcomes`: `{step id: outcome}` of the steps that the instance has completed.
    - `zone_of`: a function that returns the customer's time zone.
    - `reckon`: a function that returns `{trait name: value}` for a customer, a time and trait names (None: all traits).
    - `reckoned`: a cache of the results of `reckon`, by the trait names.
    - `segments`: the names of all segments of the bundle.
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
        """Return `{trait name: value}` for the wanted traits (None: all traits), without the traits that have no value."""
        found = self.reckoned.get(wanted)
        if found is None:
            found = self.reckoned[wanted] = self.reckon(self.customer, self.now, wanted)
        return found

    def value(self, name: str) -> Any:
        """Return the value of one of the names in `NAMES`, such as `profile`; times are datetimes in UTC.

        Raises `KeyError` for every other name.
        """
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
    """Return `{purpose: {channel: allowed}}` for all purposes and for the channels of the policy.

    Each purpose also has the key `any`, which is True if at least one channel is allowed.
    """
    allowed: dict[str, dict[str, bool]] = {}
    for purpose in definition.PURPOSES:
        channels = {channel: consented(policy, customer, purpose, channel) for channel in policy.channels}
        allowed[purpose] = {**channels, "any": any(channels.values())}
    return allowed


def consented(policy: definition.Policy, customer: state.Customer, purpose: str, channel: str) -> bool:
    """Return True if the customer may be messaged for this purpose on this channel.

    A consent or withdrawal for this channel counts more than one for all channels. If there is neither, the policy's rule for
    the purpose applies: `implied` allows the message, and `opt_in`, the default, forbids it (UU PDP 27/2022 art. 20, 22).
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
