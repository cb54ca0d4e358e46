"""Evolve: what a recorded fact does to a customer's state. It makes no choice; `engine/core/decider.py` makes them all.

A fact is an event that had an effect, or a decision. Folding the facts of a history, in their order, gives the state.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.core import decisions, inputs, state
from engine.core.decisions import Decision

SEEN_BYTES: Final = 8
MOST_SEEN: Final = 64
LATE_RECEIPTS_MS: Final = 30 * 24 * 3600 * 1000
"""Closed messages are forgotten this long after their request: `customer.events` keeps no receipt longer by default."""

_replace = msgspec.structs.replace


def evolve(customer: state.Customer | None, fact: inputs.Event | Decision) -> state.Customer | None:
    """The state after the fact; None is a customer who is not known, or not any more (`customer.erased`)."""
    if isinstance(fact, inputs.Event):
        return _take(customer or state.Customer(fact.subject), fact)
    if customer is None:
        customer = state.Customer(fact.customer)
    timers = customer.timers
    if fact.cause in timers:  # the timer that led to this has fired
        timers = _without(timers, fact.cause)
    customer = _replace(customer, now=max(customer.now, fact.at), timers=timers)
    apply = _APPLY.get(type(fact.data))
    return customer if apply is None else apply(customer, fact, fact.data)


def digest(event_id: str) -> bytes:
    """The eight bytes by which an event id is remembered."""
    return hashlib.blake2b(event_id.encode(), digest_size=SEEN_BYTES).digest()


def has_seen(customer: state.Customer, event_id: str) -> bool:
    """Whether the event had an effect on this customer, among the last 64 that had one."""
    seen, wanted = customer.seen, digest(event_id)
    at = seen.find(wanted)
    while at >= 0 and at % SEEN_BYTES:  # found across two neighbours
        at = seen.find(wanted, at + 1)
    return at >= 0


def take_profile(customer: state.Customer, event: inputs.Event) -> state.Customer:
    """What the event says of the profile and the consent; the same object where that is nothing new."""
    match event.type:
        case inputs.IDENTIFIED:
            merged = {**customer.profile, **event.field("traits")}
            profile = {name: value for name, value in merged.items() if value is not None}
            return customer if profile == customer.profile else _replace(customer, profile=profile)
        case inputs.CONSENT_GRANTED | inputs.CONSENT_WITHDRAWN:
            granted = event.type == inputs.CONSENT_GRANTED
            return _consented(customer, event.field("purpose"), event.field("channel"), granted)
        case _:
            return customer


def _take(customer: state.Customer, event: inputs.Event) -> state.Customer | None:
    if event.type == inputs.ERASED:
        return None
    seen = (customer.seen + digest(event.id))[-SEEN_BYTES * MOST_SEEN :]
    return _replace(take_profile(customer, event), now=max(customer.now, event.recorded), seen=seen)


def _consented(customer: state.Customer, purpose: str, channel: str | None, granted: bool) -> state.Customer:
    """A word on one channel holds for that channel; a word on none replaces all that was said of the purpose."""
    before = customer.consent.get(purpose, state.Consent())
    if isinstance(channel, str):
        after = _replace(before, channels={**before.channels, channel: granted})
    else:
        after = state.Consent(everywhere=granted)
    return customer if after == before else _replace(customer, consent={**customer.consent, purpose: after})


def _entered(customer: state.Customer, fact: Decision, data: decisions.JourneyEntered) -> state.Customer:
    before = customer.entries.get(fact.journey, state.Entries())
    since = data.forget_before
    last = {key: at for key, at in before.last.items() if since is None or at >= since}
    entries = state.Entries(before.count + 1, {**last, data.key: fact.at})
    instance = state.Instance(fact.instance, fact.journey, fact.version, data.key, data.number, fact.at, data.entry, visit=1)
    return _replace(
        customer,
        entries={**customer.entries, fact.journey: entries},
        instances={**customer.instances, fact.instance: instance},
    )


def _restarted(customer: state.Customer, fact: Decision, data: decisions.JourneyRestarted) -> state.Customer:
    before = customer.instances[fact.instance]
    again = state.Instance(
        before.id, before.journey, before.version, before.key, before.number, fact.at, data.entry, visit=data.visit
    )
    return _with_instance(_abandoned(customer, fact.instance), again)


def _updated(customer: state.Customer, fact: Decision, data: decisions.JourneyUpdated) -> state.Customer:
    return _with_instance(customer, _replace(customer.instances[fact.instance], entry=data.entry))


def _left(customer: state.Customer, fact: Decision, data: Any) -> state.Customer:
    customer = _abandoned(customer, fact.instance)
    return _replace(customer, instances=_without(customer.instances, fact.instance))


def _parked(customer: state.Customer, fact: Decision, data: decisions.InstanceParked) -> state.Customer:
    return _with_instance(customer, _replace(customer.instances[fact.instance], parked=data.reason))


def _step_entered(customer: state.Customer, fact: Decision, data: decisions.StepEntered) -> state.Customer:
    return _with_instance(customer, _replace(customer.instances[fact.instance], step=fact.step, armed=0))


def _step_completed(customer: state.Customer, fact: Decision, data: decisions.StepCompleted) -> state.Customer:
    before = customer.instances[fact.instance]
    after = _replace(
        before,
        outcomes={**before.outcomes, fact.step: data.outcome},
        moved_by=data.event or before.moved_by,
        kept=_without(before.kept, fact.step),
    )
    return _with_instance(customer, after)


def _scheduled(customer: state.Customer, fact: Decision, data: decisions.TimerScheduled) -> state.Customer:
    timer = state.Timer(data.due, fact.instance, fact.step, data.kind)
    before = customer.instances[fact.instance]
    customer = _with_instance(customer, _replace(before, armed=before.armed + 1))
    return _replace(customer, timers={**customer.timers, data.timer: timer})


def _cancelled(customer: state.Customer, fact: Decision, data: decisions.TimerCancelled) -> state.Customer:
    return _replace(customer, timers=_without(customer.timers, data.timer))


def _kept(customer: state.Customer, fact: Decision, data: decisions.EventKept) -> state.Customer:
    before = customer.instances[fact.instance]
    kept = {**before.kept, data.wait: state.Kept(data.index, fact.at, data.event)}
    return _with_instance(customer, _replace(before, kept=kept))


def _requested(customer: state.Customer, fact: Decision, data: decisions.MessageRequested) -> state.Customer:
    (address,) = data.to.values()
    attempt = state.Attempt(data.attempt, data.channel, data.place, fact.at, address, parts=data.parts)
    before = customer.messages.get(data.message_id)
    if before is not None:
        return _with_message(customer, _replace(before, attempts=(*before.attempts, attempt)))
    message = state.Message(
        id=data.message_id,
        instance=fact.instance,
        journey=fact.journey,
        version=fact.version,
        step=fact.step,
        purpose=data.purpose,
        requested_at=fact.at,
        expires_at=data.expires_at,
        attempts=(attempt,),
    )
    instance = _replace(customer.instances[fact.instance], sent_at=fact.at)
    return _with_instance(_with_message(_forgotten(customer), message), instance)


def _resolved(customer: state.Customer, fact: Decision, data: decisions.MessageResolved) -> state.Customer:
    return _with_message(customer, _replace(customer.messages[data.message_id], outcome=data.outcome))


def _reported(customer: state.Customer, fact: Decision, data: decisions.MessageReported) -> state.Customer:
    message = customer.messages[data.message_id]
    attempts = tuple(
        _replace(each, reported=each.reported | state.REPORTED[data.status], cost=each.cost + data.cost)
        if each.number == data.attempt
        else each
        for each in message.attempts
    )
    if data.stopped:
        customer = _replace(customer, stopped={**customer.stopped, data.channel: data.stopped})
    return _with_message(customer, _replace(message, attempts=attempts))


def _consent_updated(customer: state.Customer, fact: Decision, data: decisions.ConsentUpdated) -> state.Customer:
    return _consented(customer, data.purpose, data.channel, data.granted)


_APPLY: Final[Mapping[type[decisions.Payload], Callable[[state.Customer, Decision, Any], state.Customer]]] = {
    decisions.JourneyEntered: _entered,
    decisions.JourneyRestarted: _restarted,
    decisions.JourneyUpdated: _updated,
    decisions.JourneyExited: _left,
    decisions.JourneyCompleted: _left,
    decisions.InstanceParked: _parked,
    decisions.StepEntered: _step_entered,
    decisions.StepCompleted: _step_completed,
    decisions.TimerScheduled: _scheduled,
    decisions.TimerCancelled: _cancelled,
    decisions.EventKept: _kept,
    decisions.MessageRequested: _requested,
    decisions.MessageResolved: _resolved,
    decisions.MessageReported: _reported,
    decisions.ConsentUpdated: _consent_updated,
}
"""The facts that change more than the clock. The others (`journey.refused`, `branch.taken`, `message.suppressed`, …) are
recorded for people."""


def _with_instance(customer: state.Customer, instance: state.Instance) -> state.Customer:
    return _replace(customer, instances={**customer.instances, instance.id: instance})


def _with_message(customer: state.Customer, message: state.Message) -> state.Customer:
    return _replace(customer, messages={**customer.messages, message.id: message})


def _abandoned(customer: state.Customer, instance: str) -> state.Customer:
    """The instance's open messages closed: what is still reported about them is late."""
    messages = {
        id_: _replace(message, outcome="abandoned") if message.instance == instance and not message.outcome else message
        for id_, message in customer.messages.items()
    }
    return _replace(customer, messages=messages)


def _forgotten(customer: state.Customer) -> state.Customer:
    """Without the closed messages that no receipt can be about any more."""
    messages = {
        id_: message
        for id_, message in customer.messages.items()
        if not message.outcome or (customer.now - message.requested_at).total_seconds() * 1000 < LATE_RECEIPTS_MS
    }
    return customer if len(messages) == len(customer.messages) else _replace(customer, messages=messages)


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}
