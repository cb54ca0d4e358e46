"""The decider: decide, evolve, react.

1. Everything that moves a journey is in this file. Steps, policy and receipts look and answer; what they answer is done here.
   `evolution.py` only carries out the facts that were recorded.
2. This file does no I/O, knows no clock and takes no chances. Time is the input's time.

Called by the replay and by the worker, once for each input of each customer. `transition` gives the facts (the input, if it
had an effect, and the decisions, in their order) and the state to which they fold.
"""

import datetime
from collections.abc import Iterable
from typing import Final

import msgspec

from engine.core import (
    actions,
    catalog,
    decisions,
    definition,
    errors,
    evolution,
    inputs,
    moves,
    receipts,
    state,
    steps,
)
from engine.core import trace as traces
from engine.core.steps import send, wait_for
from engine.core.view import MILLISECOND, View

MOST_STEPS: Final = 100
"""An instance that enters more steps than this in one input leaves with reason `loop` (semantics 12)."""

evolve = evolution.evolve


class Transition(msgspec.Struct, frozen=True):
    """What one input did. `state` is the very same object where it had no effect, and None when the customer was erased."""

    state: state.Customer | None
    facts: tuple[inputs.Event | decisions.Decision, ...] = ()

    @property
    def decisions(self) -> tuple[decisions.Decision, ...]:
        """The facts that were decided."""
        return tuple(fact for fact in self.facts if isinstance(fact, decisions.Decision))


def decide(
    catalog: catalog.Catalog, customer: state.Customer | None, event: inputs.Event, *, punctual: bool = True
) -> tuple[decisions.Decision, ...]:
    """The decisions that the event, and the time until it, lead to. See `transition` for the arguments."""
    return transition(catalog, customer, event, punctual=punctual).decisions


def transition(
    catalog: catalog.Catalog,
    customer: state.Customer | None,
    event: inputs.Event,
    *,
    customer_id: str = "",
    punctual: bool = True,
    trace: traces.Trace | None = None,
) -> Transition:
    """Handle one input of one customer (None: not known yet).

    `customer_id` is needed where the event has no subject. `punctual` is false under the wall clock alone: then a timer
    that is later than the policy's `late_after` runs at the input's time and says so (semantics 2).
    """
    handling = _Handling(catalog, customer, customer_id or event.subject, event, punctual, trace)
    handling.fire(through=False)
    if event.type not in (inputs.TIMER_DUE, inputs.BUNDLE_ACTIVATED):
        handling.take()
    handling.fire(through=True)
    return Transition(handling.customer, tuple(handling.facts))


def react(decision: decisions.Decision) -> tuple[actions.Action, ...]:
    """The actions that a decision asks for: one for each attempt of a message, none for anything else."""
    data = decision.data
    if not isinstance(data, decisions.MessageRequested):
        return ()
    return (
        actions.Action(
            id=f"{data.message_id}/{data.attempt}",
            message_id=data.message_id,
            channel=data.channel,
            customer=decision.customer,
            to=data.to,
            purpose=data.purpose,
            template=data.template,
            language=data.language,
            content=data.content,
            journey=decision.journey,
            version=decision.version,
            step=decision.step,
            requested_at=decision.at,
            attempt=data.attempt,
            send_before=data.send_before,
            expires_at=data.expires_at,
            parts=data.parts,
        ),
    )


class _Handling:
    """One input of one customer, while it is handled: the state so far and the facts so far."""

    def __init__(
        self,
        catalog: catalog.Catalog,
        customer: state.Customer | None,
        customer_id: str,
        event: inputs.Event,
        punctual: bool,
        trace: traces.Trace | None,
    ) -> None:
        self.catalog, self.customer, self.event, self.trace = catalog, customer, event, trace
        self.customer_id = customer_id
        self.facts: list[inputs.Event | decisions.Decision] = []
        self.punctual = punctual
        self.now = event.recorded if customer is None else max(customer.now, event.recorded)
        self.cause = event.id
        self.late = False
        self.taking: inputs.Event | None = None
        self.indices: dict[str, int] = {}
        self.entered: dict[str, int] = {}

    # Time passes (semantics 1-3).

    def fire(self, *, through: bool) -> None:
        """Fire the timers that are due before the input, or, `through` it, those due at its very time too."""
        until = self.event.recorded
        while (customer := self.customer) is not None and customer.timers:
            id_, timer = min(customer.timers.items(), key=_firing_order)
            if timer.due > until or (timer.due == until and not through):
                break
            overdue = until - timer.due > self.catalog.policy.late_after * MILLISECOND
            self.late = overdue and not self.punctual
            self.now = max(customer.now, until if self.late else timer.due)
            self.cause = id_
            self._fire(customer.instances[timer.instance], timer)
        self.late = False

    def _fire(self, instance: state.Instance, timer: state.Timer) -> None:
        journey = self._journey_of(instance)
        if journey is None:
            return
        step = journey.steps[timer.step]
        on_timer = steps.ON_TIMER[type(step)]
        self._guarded(journey, instance.id, lambda: on_timer(step, self._view(journey, instance.id), timer))

    # The event, in the order of semantics 5.

    def take(self) -> None:
        """Profile and consent, receipts, exits, waits, entries; nothing at all for an event that was seen before."""
        event, before = self.event, self.customer
        if before is not None and evolution.has_seen(before, event.id):
            return
        if before is None and event.type == inputs.ERASED:
            return
        self.now = event.recorded if before is None else max(before.now, event.recorded)
        self.cause = event.id
        self.taking = event
        mark = len(self.facts)
        known = before or state.Customer(self.customer_id)
        if event.type == inputs.ERASED:
            self.customer = known
            for instance in tuple(known.instances.values()):
                self._leave(instance, "erased")
            self.facts.append(event)
            self.customer = evolve(self.customer, event)
            return
        self.customer = evolve(known, event)
        self.facts.append(event)
        if event.type in self.catalog.named or event.type in inputs.BUILT_IN:
            self._take_part(known)
        if len(self.facts) == mark + 1 and evolution.take_profile(known, event) is known:
            self.facts.pop()
            self.customer = before
        self.taking = None

    def _take_part(self, before: state.Customer) -> None:
        """What the event does to the instances that existed before it, and which journeys it enters."""
        concerned = waiting = tuple(before.instances.values())
        news = None
        if receipts.is_about_message(self.event):
            message = receipts.message_of(self.event, before, self.now)
            news = self._report(message) if message is not None else None
            if message is not None and news is None and self.event.type in inputs.RECEIPTS:
                return  # it says nothing new, so nothing happened
            # A receipt is about one message, so it concerns one instance; a reply that belongs to none may end any.
            waiting = tuple(i for i in concerned if message is not None and i.id == message.instance)
            if message is not None or self.event.type in inputs.RECEIPTS:
                concerned = waiting
        for instance in concerned:
            self._exit(instance)
        for instance in waiting:
            self._keep(instance)
        if news is not None:
            self._settle(news)
        for instance in waiting:
            self._wake(instance)
        for journey in self.catalog.entries.get(self.event.type, ()):
            self._enter(journey)

    def _report(self, message: state.Message) -> receipts.News | None:
        news = receipts.news(self.event, message, self._known, self.catalog.policy)
        if news is not None:
            self._record(message.journey, message.version, message.instance, message.step, news.report)
            if news.withdrawal is not None:
                self._record(message.journey, message.version, message.instance, message.step, news.withdrawal)
        return news

    def _exit(self, instance: state.Instance) -> None:
        journey = self._journey_of(instance)
        if journey is None:
            return
        for rule in journey.exits:
            if self._view(journey, instance.id).matches(rule.trigger):
                return self._leave(instance, rule.reason)

    def _keep(self, instance: state.Instance) -> None:
        """The event is kept for each coming `since` wait that it matches."""
        journey = self._journey_of(instance)
        if journey is None or instance.id not in self._known.instances:
            return
        for step in self.catalog.coming(journey, instance.step):
            kept = wait_for.keeps(step, self._view(journey, instance.id))
            if kept is not None:
                self._record(journey.name, journey.version, instance.id, instance.step, kept)

    def _settle(self, news: receipts.News) -> None:
        """The step that waits for this message goes on, if the report was about its latest attempt."""
        message, report = news.message, news.report
        instance = self._known.instances.get(message.instance)
        if instance is None or message.outcome or report.late or instance.step != message.step:
            return
        journey = self._journey_of(instance)
        if journey is not None:
            step = journey.steps[message.step]
            assert isinstance(step, definition.Send)
            self._guarded(journey, instance.id, lambda: send.on_receipt(step, self._view(journey, instance.id), report))

    def _wake(self, before: state.Instance) -> None:
        """The step at which the instance waited before this event sees it."""
        instance = self._known.instances.get(before.id)
        if instance is None or instance.step != before.step or instance.outcomes != before.outcomes:
            return
        journey = self._journey_of(instance)
        if journey is not None:
            step = journey.steps[instance.step]
            on_event = steps.ON_EVENT.get(type(step))
            if on_event is not None:
                self._guarded(journey, instance.id, lambda: on_event(step, self._view(journey, instance.id)))

    # Entering.

    def _enter(self, journey: definition.Journey) -> None:
        """Enter, restart, update or refuse; an event that does not meet the condition does none of it."""
        enter, event = journey.enter, self.event
        looking = View(self.catalog, journey, self._known, None, self.now, event, self.trace)
        if not looking.holds(enter.when):
            return
        if journey.status == "paused":
            return self._refuse(journey, "paused")
        if enter.max_age is not None and event.recorded - event.time > enter.max_age * MILLISECOND:
            return self._refuse(journey, "max_age")
        key = "" if enter.key is None else _key(looking.value(enter.key))
        if key is None:
            return self._refuse(journey, "no_key")
        active = [i for i in self._known.instances.values() if i.journey == journey.name and i.key == key]
        if enter.reentry.rule == "parallel":
            if len(active) >= enter.reentry.parallel:
                return self._refuse(journey, "parallel", key)
        elif active:
            return self._enter_again(journey, active[0])
        elif self._barred(journey, key):
            return self._refuse(journey, "reentry", key)
        self._begin(journey, key)

    def _enter_again(self, journey: definition.Journey, instance: state.Instance) -> None:
        """A second entry event for a live instance: `while_active` of the live version says what it does."""
        if journey.enter.while_active == "ignore" or instance.parked:
            return self._refuse(journey, "active", instance.key)
        own = self._journey_of(instance)
        if own is None:
            return
        if journey.enter.while_active == "update":
            return self._record(own.name, own.version, instance.id, instance.step, decisions.JourneyUpdated(self.event))
        self._record_all(own, instance.id, self._view(own, instance.id).disarmed())
        self._record(own.name, own.version, instance.id, "", decisions.JourneyRestarted(self.event, instance.visit + 1))
        self._go(own, instance.id, own.first)

    def _barred(self, journey: definition.Journey, key: str) -> bool:
        rule = journey.enter.reentry
        last = self._known.entries.get(journey.name, state.Entries()).last.get(key)
        if last is None or rule.rule == "after_exit":
            return False
        return rule.rule == "never" or self.now - last < rule.after * MILLISECOND

    def _begin(self, journey: definition.Journey, key: str) -> None:
        rule = journey.enter.reentry
        forget = {"never": None, "after": self.now - rule.after * MILLISECOND}.get(rule.rule, self.now)
        number = self._known.entries.get(journey.name, state.Entries()).count + 1
        instance = decisions.hashed(journey.name, self.customer_id, key, number)
        entered = decisions.JourneyEntered(self.event, number, key, forget)
        self._record(journey.name, journey.version, instance, "", entered)
        self._go(journey, instance, journey.first)

    def _refuse(self, journey: definition.Journey, reason: str, key: str = "") -> None:
        self._record(journey.name, journey.version, "", "", decisions.JourneyRefused(reason, key))  # type: ignore[arg-type]

    # Moving.

    def _guarded(self, journey: definition.Journey, instance: str, ask: moves.Ask) -> None:
        """Do what a step answers. A step that raises ends its own instance and touches nothing else (semantics 11)."""
        try:
            move = ask()
            if move is not None:
                self._move(journey, instance, move)
        except Exception as exc:  # noqa: BLE001 - whatever a step raises, the stream goes on
            told = exc.args[0] if isinstance(exc, errors.DalangError) else type(exc).__name__
            at = self._known.instances[instance]
            self._record(journey.name, journey.version, instance, at.step, decisions.StepFailed(str(told)))
            self._leave(at, "failed")

    def _move(self, journey: definition.Journey, instance: str, move: moves.Move) -> None:
        """Carry out one answer, then those of the steps that it leads to, until the instance stays or leaves."""
        while True:
            here = self._known.instances[instance]
            if isinstance(move, moves.Leave):
                return self._leave(here, move.reason)
            self._record_all(journey, instance, move.facts)
            if isinstance(move, moves.Stay):
                return
            completed = decisions.StepCompleted(move.outcome, move.event or self.taking)
            self._record(journey.name, journey.version, instance, here.step, completed)
            if move.step is None:
                return self._record(journey.name, journey.version, instance, "", decisions.JourneyCompleted())
            if self.entered.get(instance, 0) >= MOST_STEPS:
                return self._leave(self._known.instances[instance], "loop")
            move = self._come_to(journey, instance, move.step)

    def _go(self, journey: definition.Journey, instance: str, step: str) -> None:
        """From the first step on."""
        self._guarded(journey, instance, lambda: self._come_to(journey, instance, step))

    def _come_to(self, journey: definition.Journey, instance: str, id_: str) -> moves.Move:
        self.entered[instance] = self.entered.get(instance, 0) + 1
        visit = self._known.instances[instance].visit
        self._record(journey.name, journey.version, instance, id_, decisions.StepEntered(visit))
        step = journey.steps[id_]
        return steps.BEGIN[type(step)](step, self._view(journey, instance))

    def _leave(self, instance: state.Instance, reason: str) -> None:
        """Timers cancelled, open message abandoned, out."""
        for id_, timer in tuple(self._known.timers.items()):
            if timer.instance == instance.id and id_ != self.cause:
                cancelled = decisions.TimerCancelled(id_)
                self._record(instance.journey, instance.version, instance.id, instance.step, cancelled)
        exited = decisions.JourneyExited(reason)
        self._record(instance.journey, instance.version, instance.id, instance.step, exited)

    def _journey_of(self, instance: state.Instance) -> definition.Journey | None:
        """The version that the instance entered with; without it the instance is parked, never moved by another."""
        try:
            return self.catalog.journey(instance.version)
        except errors.BundleError as exc:
            if not instance.parked or self.cause in self._known.timers:
                parked = decisions.InstanceParked(exc.args[0])
                self._record(instance.journey, instance.version, instance.id, instance.step, parked)
            return None

    # Recording.

    @property
    def _known(self) -> state.Customer:
        assert self.customer is not None
        return self.customer

    def _view(self, journey: definition.Journey, instance: str) -> View:
        customer = self._known
        return View(self.catalog, journey, customer, customer.instances[instance], self.now, self.taking, self.trace)

    def _record_all(self, journey: definition.Journey, instance: str, facts: Iterable[decisions.Payload]) -> None:
        step = self._known.instances[instance].step
        for data in facts:
            self._record(journey.name, journey.version, instance, step, data)

    def _record(self, journey: str, version: str, instance: str, step: str, data: decisions.Payload) -> None:
        """Make the fact, and the state that it leads to."""
        index = self.indices.get(self.cause, 0)
        self.indices[self.cause] = index + 1
        id_ = decisions.hashed(self.customer_id, self.cause, index)
        decision = decisions.Decision(
            id_, data.type, self.customer_id, self.now, journey, version, instance, step, self.cause, data, self.late
        )
        self.facts.append(decision)
        self.customer = evolve(self.customer, decision)


def _firing_order(armed: tuple[str, state.Timer]) -> tuple[datetime.datetime, str, str, str]:
    id_, timer = armed
    return timer.due, timer.instance, timer.step, id_


def _key(value: object) -> str | None:
    """An instance's key as text; None where there is none. Numbers and booleans are written as in JSON."""
    if isinstance(value, str):
        return value or None
    return msgspec.json.encode(value).decode() if isinstance(value, (bool, int, float)) else None
