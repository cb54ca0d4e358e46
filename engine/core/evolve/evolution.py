"""Evolve: the effect of a recorded fact on a customer's state.

A fact is an event that had an effect, or a decision. This file makes no choices; the package `engine/core/decide` makes them
all.

`evolve` applies one fact of either kind. The facts of a history, applied in their order, lead to the customer's state. While
the decider handles an input, it calls the parts of `evolve` one by one: `apply_event`, then `apply_decision` for each decision,
and last `mark_seen` if the event had an effect. The effect of an event on traits depends on the definitions of the traits, so
`evolve` needs the catalog that was live at that time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.core.context import catalog, decision_context
from engine.core.context import trace as traces
from engine.core.evolve import message_evolution
from engine.core.model import decisions, inputs, state
from engine.core.model.decisions import Decision
from engine.core.rules import duplicates
from engine.core.traits import evaluate

_replace = msgspec.structs.replace


def evolve(
    customer: state.Customer | None, fact: inputs.Event | Decision, catalog: catalog.Catalog | None = None
) -> state.Customer | None:
    """Return the customer's state after a fact; None is the state of a customer who is not known, or who was erased.

    `catalog` is the catalog that was live; without a catalog, the traits do not change.
    """
    if not isinstance(fact, inputs.Event):
        return apply_decision(customer or state.Customer(fact.customer), fact)
    if fact.type == inputs.ERASED:
        return None
    after = apply_event(customer or state.Customer(fact.subject), fact, catalog)
    return mark_seen(after, fact, duplicates.digest(fact.id))


def apply_decision(customer: state.Customer, fact: Decision) -> state.Customer:
    """Return the customer's state after a decision."""
    if fact.cause in customer.timers:  # a timer led to the decision: it has fired, so remove it
        customer = _replace(customer, now=max(customer.now, fact.at), timers=_without(customer.timers, fact.cause))
    elif fact.at > customer.now:
        customer = _replace(customer, now=fact.at)
    apply = _APPLY.get(type(fact.data))
    return customer if apply is None else apply(customer, fact, fact.data)


def apply_event(
    customer: state.Customer, event: inputs.Event, catalog: catalog.Catalog | None, trace: traces.Trace | None = None
) -> state.Customer:
    """Return the state with the profile, consent, pauses and traits that the event changes; the same object if it changes none.

    The decider needs the state after an event before it knows whether the event has an effect. So this function does not mark
    the event as seen; `mark_seen` does.
    """
    now = max(customer.now, event.recorded)
    after = _apply_content(customer, event, now)
    if after is not customer:
        # Old messages are removed only if the event changes something anyway: their removal alone is no effect.
        after = message_evolution.forgotten(after, now)
    if catalog is None or event.type not in catalog.counting:
        return after
    detailed = trace is not None and trace.detailed
    counting = catalog.counting[event.type] if detailed else catalog.screening.counted(event)
    if not counting:
        return after
    context = decision_context.Context(catalog, None, after, None, now, event, trace, cause=event.id)
    kept = after.traits
    # If a trait changes, also drop the tallies of traits that the bundle does not have any more.
    if not catalog.traits.keys() >= kept.keys():
        kept = {name: tally for name, tally in kept.items() if name in catalog.traits}
    tallies = evaluate.take(counting, kept, event, now, context.zone, context.value)
    return after if tallies is kept else _replace(after, traits=tallies)


def mark_seen(customer: state.Customer, event: inputs.Event, digest: bytes) -> state.Customer:
    """Return the state that remembers the event as seen, so that a repeat is dropped; `digest` is the hash of its id."""
    return _replace(customer, now=max(customer.now, event.recorded), seen=duplicates.remembered(customer, digest))


def _apply_content(customer: state.Customer, event: inputs.Event, now: Any) -> state.Customer:
    """Return the state after the event's own content, without its effect on traits; the same object if nothing is new.

    The content is a profile, a consent, a pause or a message from the customer.
    """
    if event.type not in _WITH_CONTENT:
        return customer
    match event.type:
        case inputs.IDENTIFIED:
            return _with_profile(customer, event.field("traits"))
        case inputs.CONSENT_GRANTED | inputs.CONSENT_WITHDRAWN:
            granted = event.type == inputs.CONSENT_GRANTED
            return _with_consent(customer, event.field("purpose"), event.field("channel"), granted)
        case inputs.MESSAGE_RECEIVED:
            return message_evolution.wrote(customer, event.field("channel"), now)
        case inputs.JOURNEY_COMMAND if event.subject:
            return _with_pauses(customer, event)
        case _:
            return customer


_WITH_CONTENT: Final = frozenset(
    {inputs.IDENTIFIED, inputs.CONSENT_GRANTED, inputs.CONSENT_WITHDRAWN, inputs.MESSAGE_RECEIVED, inputs.JOURNEY_COMMAND}
)
"""The event types whose content changes the state, even if no journey and no trait names them."""


def _with_profile(customer: state.Customer, said: Mapping[str, Any]) -> state.Customer:
    """Return the state with the attributes `said` merged into the profile; an attribute with the value None is removed."""
    merged = {**customer.profile, **said}
    profile = {name: value for name, value in merged.items() if value is not None}
    return customer if profile == customer.profile else _replace(customer, profile=profile)


def _with_pauses(customer: state.Customer, event: inputs.Event) -> state.Customer:
    """Return the state after an operator's `pause` or `resume` for this customer.

    A `resume` with a journey ends only pauses of that journey, and a `resume` with a key only pauses of that key. Without both,
    it ends all pauses of the customer.
    """
    command, journey, key = event.field("command"), event.field("journey") or "", event.field("key")
    pause = state.Pause(journey, key)
    if command == "pause":
        return customer if pause in customer.pauses else _replace(customer, pauses=(*customer.pauses, pause))
    if command != "resume":
        return customer
    kept = tuple(each for each in customer.pauses if not (journey in ("", each.journey) and key in (None, each.key)))
    return customer if len(kept) == len(customer.pauses) else _replace(customer, pauses=kept)


def _with_consent(customer: state.Customer, purpose: str, channel: str | None, granted: bool) -> state.Customer:
    """Return the state after a consent was granted or withdrawn for a purpose.

    With a channel, the change is for that channel only. Without a channel, it is for all channels, and every earlier consent
    and withdrawal for the purpose is removed.
    """
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
    instance = state.Instance(
        fact.instance, fact.journey, fact.version, data.key, data.number, fact.at, data.entry, held_out=data.held_out
    )
    goals = {id_: goal for id_, goal in customer.goals.items() if goal.until > fact.at}
    if data.goal_until is not None:
        goals[fact.instance] = state.Goal(fact.journey, fact.version, fact.at, data.goal_until, data.entry, data.held_out)
    return _replace(
        customer,
        goals=goals,
        entries={**customer.entries, fact.journey: entries},
        instances={**customer.instances, fact.instance: instance},
    )


def _restarted(customer: state.Customer, fact: Decision, data: decisions.JourneyRestarted) -> state.Customer:
    before = customer.instances[fact.instance]
    again = state.Instance(
        before.id,
        before.journey,
        before.version,
        before.key,
        before.number,
        fact.at,
        data.entry,
        visit=data.visit,
        held_out=before.held_out,
    )
    return message_evolution.with_instance(
        _with_entry(message_evolution.abandoned(customer, fact.instance), fact.instance, data.entry), again
    )


def _updated(customer: state.Customer, fact: Decision, data: decisions.JourneyUpdated) -> state.Customer:
    customer = _with_entry(customer, fact.instance, data.entry)
    return message_evolution.with_instance(customer, _replace(customer.instances[fact.instance], entry=data.entry))


def _with_entry(customer: state.Customer, instance: str, entry: inputs.Event) -> state.Customer:
    """Return the state in which the goal of the instance, if there is one, contains the new entry event."""
    goal = customer.goals.get(instance)
    return customer if goal is None else _replace(customer, goals={**customer.goals, instance: _replace(goal, entry=entry)})


def _left(customer: state.Customer, fact: Decision, data: Any) -> state.Customer:
    customer = message_evolution.abandoned(customer, fact.instance)
    return _replace(customer, instances=_without(customer.instances, fact.instance))


def _parked(customer: state.Customer, fact: Decision, data: decisions.InstanceParked) -> state.Customer:
    return message_evolution.with_instance(customer, _replace(customer.instances[fact.instance], parked=data.reason))


def _migrated(customer: state.Customer, fact: Decision, data: decisions.InstanceMigrated) -> state.Customer:
    """Return the state with the instance on the live version and at its new step, with its timers and its open message.

    The migration counts as a new visit of every step, so no id of a message or timer is used a second time.
    """
    before = customer.instances[fact.instance]
    instance = _replace(before, version=fact.version, step=fact.step, visit=before.visit + 1, parked="")
    timers = {
        id_: _replace(timer, step=fact.step) if timer.instance == fact.instance else timer
        for id_, timer in customer.timers.items()
    }
    renamed = {
        id_: _replace(message, step=fact.step, version=fact.version)
        if message.instance == fact.instance and message.step == data.was_at and not message.outcome
        else message
        for id_, message in customer.messages.items()
    }
    return message_evolution.with_instance(_replace(customer, timers=timers, messages=renamed), instance)


def _step_entered(customer: state.Customer, fact: Decision, data: decisions.StepEntered) -> state.Customer:
    return message_evolution.with_instance(customer, _replace(customer.instances[fact.instance], step=fact.step, armed=0))


def _step_completed(customer: state.Customer, fact: Decision, data: decisions.StepCompleted) -> state.Customer:
    before = customer.instances[fact.instance]
    after = _replace(
        before,
        outcomes={**before.outcomes, fact.step: data.outcome},
        moved_by=data.event or before.moved_by,
        kept=_without(before.kept, fact.step),
    )
    return message_evolution.with_instance(customer, after)


def _scheduled(customer: state.Customer, fact: Decision, data: decisions.TimerScheduled) -> state.Customer:
    timer = state.Timer(data.due, fact.instance, fact.step or fact.journey, data.kind)
    before, timers = customer.instances.get(fact.instance), {**customer.timers, data.timer: timer}
    if before is None:  # a timer of a schedule or of segments, not of an instance
        return _replace(customer, timers=timers)
    instances = {**customer.instances, before.id: _replace(before, armed=before.armed + 1)}
    return _replace(customer, instances=instances, timers=timers)


def _cancelled(customer: state.Customer, fact: Decision, data: decisions.TimerCancelled) -> state.Customer:
    return _replace(customer, timers=_without(customer.timers, data.timer))


def _kept(customer: state.Customer, fact: Decision, data: decisions.EventKept) -> state.Customer:
    before = customer.instances[fact.instance]
    kept = {**before.kept, data.wait: state.Kept(data.index, fact.at, data.event)}
    return message_evolution.with_instance(customer, _replace(before, kept=kept))


def _consent_updated(customer: state.Customer, fact: Decision, data: decisions.ConsentUpdated) -> state.Customer:
    return _with_consent(customer, data.purpose, data.channel, data.granted)


def _profile_updated(customer: state.Customer, fact: Decision, data: decisions.ProfileUpdated) -> state.Customer:
    return _with_profile(customer, {**data.set, **dict.fromkeys(data.removed)})


def _segment_entered(customer: state.Customer, fact: Decision, data: decisions.SegmentEntered) -> state.Customer:
    return _replace(customer, segments=tuple(sorted({*customer.segments, data.segment})))


def _segment_left(customer: state.Customer, fact: Decision, data: decisions.SegmentLeft) -> state.Customer:
    return _replace(customer, segments=tuple(name for name in customer.segments if name != data.segment))


def _goal_reached(customer: state.Customer, fact: Decision, data: decisions.GoalReached) -> state.Customer:
    return _replace(customer, goals=_without(customer.goals, fact.instance))


_APPLY: Final[Mapping[type[decisions.Payload], Callable[[state.Customer, Decision, Any], state.Customer]]] = {
    decisions.JourneyEntered: _entered,
    decisions.JourneyRestarted: _restarted,
    decisions.JourneyUpdated: _updated,
    decisions.JourneyExited: _left,
    decisions.JourneyCompleted: _left,
    decisions.InstanceParked: _parked,
    decisions.InstanceMigrated: _migrated,
    decisions.StepEntered: _step_entered,
    decisions.StepCompleted: _step_completed,
    decisions.TimerScheduled: _scheduled,
    decisions.TimerCancelled: _cancelled,
    decisions.EventKept: _kept,
    decisions.MessageRequested: message_evolution.requested,
    decisions.MessageDeferred: message_evolution.deferred,
    decisions.MessageSuppressed: message_evolution.suppressed,
    decisions.MessageResolved: message_evolution.resolved,
    decisions.MessageReported: message_evolution.reported,
    decisions.ConsentUpdated: _consent_updated,
    decisions.ProfileUpdated: _profile_updated,
    decisions.SegmentEntered: _segment_entered,
    decisions.SegmentLeft: _segment_left,
    decisions.GoalReached: _goal_reached,
}
"""`{payload type: function that applies it}` for the decisions that change more of the state than its time and its timers.

All other decisions (`journey.refused`, `branch.taken`, `split.assigned`, …) are recorded for people only.
"""


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    rest = {**mapping}
    rest.pop(key, None)
    return rest
