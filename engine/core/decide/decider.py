"""The decider: what one input does to one customer, told in order.

Called by the replay and by the worker, once for each input of each customer. `transition` returns the facts (the event, if it
had an effect, and the decisions, in their order) and the customer's state after them. Only this package moves a journey. It
does no I/O, reads no clock and draws no random number: time is the input's time.

1. An event that can do nothing to this customer is dropped at once: `context/prefilter.py`.
2. Timers that are due before the event fire, in order of their due time: `_Handling.fire`. A timer due at the event's own
   time waits for step 9: docs/semantics.md#an-event-wins-a-tie
3. A duplicate is dropped: `rules/duplicates.py`.
4. The event changes profile, consent, pauses and traits (`evolve/evolution.py`, `traits/evaluate.py`). Then segments and
   schedules that read them are examined: `enrolment.py`, which asks `segments.py` and `schedules.py`.
5. A receipt or a reply finds its message: `receipts.py`.
6. Instances that the customer is in already see the event: exits, then goals, then waits. Each step's file in `steps/` only
   answers (`steps/results.py`); `step_runner.py` carries the answer out and follows it from step to step.
7. Journeys that the event enters begin, by priority and name: `enrolment.py`, which asks `entry_rules.py`.
8. The instant ends: messages that steps asked for are requested one by one, the most urgent first, because they compete for
   places under frequency caps. `steps/send.py` picks a channel and asks `send_policy.py` for leave. Events that steps
   emitted are then taken as in steps 3 to 8.
9. Timers that are due at the event's own time fire. Each fired timer runs its step as in 6 and ends its instant as in 8.
10. A state that grew past its limit refuses the whole input: `state_limit.py`.

`recorder.py` makes a decision of each fact and folds it into the state at once (`evolve`), so the next question sees the state
after it. Decisions are recorded; actions are derived from them by `react` and never recorded as facts.
A bundle that goes live and an operator's command are inputs too: `activate` and `_obey` stand in for steps 3 to 8.
"""

import datetime
from typing import Final

import msgspec

from engine.core import steps
from engine.core.context import catalog
from engine.core.context import trace as traces
from engine.core.context.decision_context import number
from engine.core.decide import enrolment, migrations, receipts, recorder, state_limit
from engine.core.evolve import evolution
from engine.core.model import actions, decisions, definition, inputs, state
from engine.core.model.inputs import MILLISECOND
from engine.core.rules import duplicates
from engine.core.steps import wait_for

NOBODY: Final = frozenset[str]()

evolve = evolution.evolve
emissions = recorder.emissions


class Transition(msgspec.Struct, frozen=True):
    """The result of one input: `state` is the very same object if the input had no effect, and None after an erasure.

    `weighs` is an upper bound of the state's bytes in msgpack (0: not known).
    """

    state: state.Customer | None
    facts: tuple[inputs.Event | decisions.Decision, ...] = ()
    weighs: int = 0

    @property
    def decisions(self) -> tuple[decisions.Decision, ...]:
        """The facts that are decisions."""
        return tuple([fact for fact in self.facts if type(fact) is decisions.Decision])


def decide(
    catalog: catalog.Catalog, customer: state.Customer | None, event: inputs.Event, *, punctual: bool = True
) -> tuple[decisions.Decision, ...]:
    """Return the decisions that the event, and the time until it, lead to; `transition` explains the arguments."""
    return transition(catalog, customer, event, punctual=punctual).decisions


def transition(
    catalog: catalog.Catalog,
    customer: state.Customer | None,
    event: inputs.Event,
    *,
    customer_id: str = "",
    punctual: bool = True,
    trace: traces.Trace | None = None,
    held: frozenset[str] = NOBODY,
    weighs: int = 0,
) -> Transition:
    """Handle one input of one customer (None: not known yet).

    `customer_id` is needed if the event has no subject. `punctual` is false only under the wall clock: a timer that is later than
    the policy's `late_after` then runs at the input's time (docs/semantics.md#a-late-timer-runs-at-the-real-time). `held` are the
    journeys that an operator has paused for everybody (`*`: all), this input included. At `bundle.activated` the catalog is the
    new one. `weighs` is the previous transition's `weighs`, for speed alone; 0 if it is not known. Raises `errors.StateTooLarge`
    if the state would grow past its limit: the input is then refused as a whole.
    """
    if customer is not None and (trace is None or not trace.detailed) and catalog.screening.lets_by(event, customer):
        return Transition(customer, (), weighs)
    handling = _Handling(recorder.Given(catalog, customer, customer_id or event.subject, event, trace, held), punctual)
    handling.fire(through=False)
    if event.type == inputs.BUNDLE_ACTIVATED:
        handling.activate(event)
    elif event.type != inputs.TIMER_DUE and event.source != inputs.OWN_SOURCE:
        handling.take(event)
    handling.take_emitted()
    handling.fire(through=True)
    most = state_limit.check(customer, handling.customer, event, handling.facts, weighs)
    return Transition(handling.customer, tuple(handling.facts), most)


def react(decision: decisions.Decision) -> tuple[actions.Action, ...]:
    """Return the actions that a decision asks for: one for an attempt of a message, none for anything else."""
    data = decision.data
    if type(data) is not decisions.MessageRequested:
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


class _Handling(enrolment.Admitter):
    """One input of one customer while it is handled, with the timers before and after it.

    docs/semantics.md#one-input-is-handled-in-a-fixed-order
    """

    def __init__(self, given: recorder.Given, punctual: bool) -> None:
        super().__init__(given)
        self.until, self.punctual = given.event.recorded, punctual

    # Time passes: docs/semantics.md#time-and-timers

    def fire(self, *, through: bool) -> None:
        """Fire the timers that are due before the input; with `through`, also those that are due at its very time."""
        if self.customer is None or not self.customer.is_due(self.until):
            return
        instant: datetime.datetime | None = None
        while True:
            found = self._next(through)
            if instant is not None and (found is None or found[2] != instant):
                self.quiesce()  # all timers of this instant have fired
                self.take_emitted()
                instant = None
                continue
            if found is None:
                break
            self.cause, timer, self.now = found
            self.late = self.now > timer.due and self._is_late(timer)
            instant = self.now
            self._fire(self.cause, timer)
        self.late = False

    def _next(self, through: bool) -> tuple[str, state.Timer, datetime.datetime] | None:
        """Return the next timer that is due, with its id and the logical time at which it fires."""
        customer, until = self.customer, self.until
        if customer is None:
            return None
        due = [each for each in customer.timers.items() if each[1].due <= until and (through or each[1].due < until)]
        if due and self.asking:  # a timer that fired, and whose message waits for its turn, does not fire again
            fired = {asking.cause for asking in self.asking}
            due = [each for each in due if each[0] not in fired]
        if not due:
            return None
        id_, timer = min(due, key=lambda each: (each[1].due, each[1].instance, each[1].step, each[0]))
        return id_, timer, max(customer.now, self.until if self._is_late(timer) else timer.due)

    def _is_late(self, timer: state.Timer) -> bool:
        return not self.punctual and self.until - timer.due > self.catalog.policy.late_after * MILLISECOND

    def _fire(self, id_: str, timer: state.Timer) -> None:
        if timer.kind == "schedule":
            return self.fire_schedule(id_, timer)
        if timer.kind == "segment":
            return self.fire_segments(id_)
        instance = self.known.instances[timer.instance]
        journey = self.journey_of(instance)
        if journey is None:
            return
        step = journey.steps[timer.step]
        if timer.kind == "retry" and isinstance(step, definition.Send) and self.catalog.policy.caps:
            return self.ask(journey, instance.id, step, resumed=True)
        on_timer = steps.ON_TIMER[type(step)]
        self.guarded(journey, instance.id, lambda: on_timer(step, self.instance_context(journey, instance.id), timer))

    # An event: docs/semantics.md#one-input-is-handled-in-a-fixed-order

    def take(self, event: inputs.Event) -> None:
        """Handle an event: profile, consent, traits and segments, receipts, exits, goals, waits, entries.

        An event that was seen does nothing: docs/semantics.md#a-repeated-event-changes-nothing
        """
        before = self.customer
        short = duplicates.digest(event.id)
        if before is not None and duplicates.has_seen(before, short):
            return
        if before is None and (event.type == inputs.ERASED or not event.subject):
            return
        self.now = event.recorded if before is None else max(before.now, event.recorded)
        self.event, self.cause, self.taking = event, event.id, event
        known = before or state.Customer(self.customer_id)
        if event.type == inputs.ERASED:
            return self._erase(known)
        mark = len(self.facts)
        self.customer = evolution.apply_event(known, event, self.catalog, self.trace)
        self.facts.append(event)
        news = self.customer is not known
        if before is None or news:
            self.look_again(before, already=False)
        goes_on = event.type not in self.catalog.named and event.type not in inputs.BUILT_IN
        if goes_on or self._take_part(known):
            self.enter_all(self.entrants())
        self.quiesce()
        if len(self.facts) > mark + 1 or news:
            self.customer = evolution.mark_seen(self.known, event, short)
        else:
            self.facts.pop()
            self.customer = before
        self.taking = None

    def take_emitted(self) -> None:
        """Take the events that steps emitted in this instant, in their order, and those that they lead to."""
        while self.emitted:
            self.late = False
            self.take(self.emitted.pop(0))

    def _erase(self, known: state.Customer) -> None:
        self.customer = known
        for instance in tuple(known.instances.values()):
            self.leave(instance, "erased")
        for id_ in tuple(self.known.timers):  # schedules and segments
            self.record("", "", "", "", decisions.TimerCancelled(id_))
        self.facts.append(self.event)
        self.customer = evolve(self.customer, self.event)
        self.taking = None

    def _take_part(self, before: state.Customer) -> bool:
        """Apply the event to the instances that existed before it, and return True if it may enter journeys."""
        concerned = waiting = tuple(before.instances.values())
        goals, news = tuple(before.goals), None
        if self.event.type == inputs.JOURNEY_COMMAND:
            self._obey()
            return False
        if receipts.is_about_message(self.event):
            message = receipts.message_of(self.event, before, self.now)
            news = self._report(message) if message is not None else None
            if message is not None and news is None and self.event.type in inputs.RECEIPTS:
                return False  # the receipt says nothing new, so nothing more happens
            # A receipt is about one message, so it concerns one instance.
            # A reply that belongs to no message may make any instance leave.
            own = "" if message is None else message.instance
            waiting = (before.instances[own],) if own in before.instances else ()
            if message is not None or self.event.type in inputs.RECEIPTS:
                concerned = waiting
                goals = (own,) if own in before.goals else ()
        for instance in concerned:
            self._exit(instance)
        for id_ in goals:
            self._reach(id_)
        for instance in waiting:
            self._keep(instance)
        if news is not None:
            self._settle(news)
        for instance in waiting:
            self._wake(instance)
        return True

    def _report(self, message: state.Message) -> receipts.News | None:
        news = receipts.news(self.event, message, self.known, self.catalog.policy)
        if news is not None:
            self.record(message.journey, message.version, message.instance, message.step, news.report)
            if news.withdrawal is not None:
                self.record(message.journey, message.version, message.instance, message.step, news.withdrawal)
        return news

    def _exit(self, instance: state.Instance) -> None:
        journey = self.journey_of(instance)
        if journey is None:
            return
        for rule in journey.exits:
            if rule.trigger.event == self.event.type and self.instance_context(journey, instance.id).matches(rule.trigger):
                return self.leave(instance, rule.reason)

    def _reach(self, id_: str) -> None:
        """Record the goal of an entry if the event reaches it, whether the instance is still there or not."""
        goal = self.known.goals.get(id_)
        journey = self.catalog.versions.get(goal.version) if goal is not None else None
        if goal is None or journey is None or journey.goal is None or goal.until <= self.now:
            return
        if journey.goal.trigger.event != self.event.type:
            return
        # The goal's expressions see the entry, as they would inside the instance.
        entered = state.Instance(id_, goal.journey, goal.version, "", 0, goal.entered_at, goal.entry)
        context = self.context(journey, self.event, entered)
        if context.matches(journey.goal.trigger):
            value = None if journey.goal.value is None else number(context.value(journey.goal.value))
            after = (self.now - goal.entered_at) // MILLISECOND
            reached = decisions.GoalReached(self.event.type, after, value, goal.held_out)
            self.record(goal.journey, goal.version, id_, "", reached)

    def _keep(self, instance: state.Instance) -> None:
        """Keep the event for each coming `since` wait that it matches."""
        journey = self.journey_of(instance)
        if journey is None or instance.id not in self.known.instances:
            return
        for step in self.catalog.coming(journey, instance.step):
            kept = wait_for.keeps(step, self.instance_context(journey, instance.id))
            if kept is not None:
                self.record(journey.name, journey.version, instance.id, instance.step, kept)

    def _settle(self, news: receipts.News) -> None:
        """Let the step that waits for this message go on, if the report was about the message's latest attempt."""
        message, report = news.message, news.report
        instance = self.known.instances.get(message.instance)
        if instance is None or message.outcome or report.late or instance.step != message.step:
            return
        journey = self.journey_of(instance)
        if journey is not None:
            step = journey.steps[message.step]
            on_receipt = steps.ON_RECEIPT[type(step)]
            self.guarded(journey, instance.id, lambda: on_receipt(step, self.instance_context(journey, instance.id), report))

    def _wake(self, before: state.Instance) -> None:
        """Show the event to the step at which the instance waited before this event."""
        instance = self.known.instances.get(before.id)
        if instance is None or instance.step != before.step or instance.outcomes != before.outcomes:
            return
        journey = self.journey_of(instance)
        if journey is not None:
            step = journey.steps[instance.step]
            on_event = steps.ON_EVENT.get(type(step))
            if on_event is not None and any(each.event == self.event.type for each in definition.heard_by(step)):
                self.guarded(journey, instance.id, lambda: on_event(step, self.instance_context(journey, instance.id)))

    # Operators and bundles.

    def _obey(self) -> None:
        """Carry out an operator's command, for this customer or for everybody.

        A pause is in the state, or in `held`, already.
        """
        command, journey, key = (self.event.field(name) for name in ("command", "journey", "key"))
        if command == "stop":
            for instance in tuple(self.known.instances.values()):
                if journey in (None, "", instance.journey) and key in (None, instance.key):
                    self.leave(instance, "stopped")
        elif command == "enter":
            live = self.catalog.live.get(str(journey))
            if live is not None and live.status in ("live", "paused"):
                self.enter(live, self.event, by_hand=True)
        elif command == "resume":
            self._release()

    def _release(self) -> None:
        """Ask again for the messages that a pause held, if that pause has ended."""
        for message in tuple(self.known.messages.values()):
            instance = self.known.instances.get(message.instance)
            if message.held != "paused" or message.outcome or instance is None:
                continue
            journey = self.journey_of(instance)
            if journey is None or self.context(journey).paused(instance.journey, instance.key):
                continue
            step = journey.steps[instance.step]
            assert isinstance(step, definition.Send)
            self.record_all(journey, instance.id, self.instance_context(journey, instance.id).disarmed())
            self.ask(journey, instance.id, step, resumed=True)

    def activate(self, event: inputs.Event) -> None:
        """Apply a bundle that goes live: instances migrate, segments are examined, schedules are planned, pauses may end."""
        if self.customer is None:
            return
        self.now = max(self.customer.now, event.recorded)
        self.event, self.cause = event, event.id
        for instance in tuple(self.customer.instances.values()):
            self._migrate(instance)
        self.look_again(None, already=True)
        self._release()
        self.quiesce()

    def _migrate(self, instance: state.Instance) -> None:
        live = self.catalog.live.get(instance.journey)
        target = migrations.target(instance, live)
        if target is None or live is None:
            return
        if target == migrations.EXIT:
            return self.leave(instance, "migrated")
        before = self.catalog.versions.get(instance.version)
        goes_on = migrations.carries_on(instance, before, live.steps[target], self.known)
        migrated = decisions.InstanceMigrated(instance.version, instance.step)
        self.record(live.name, live.version, instance.id, target, migrated)
        if goes_on == "anew":
            self.record_all(live, instance.id, self.instance_context(live, instance.id).disarmed())
            for message in self.known.messages.values():
                if message.instance == instance.id and not message.outcome:
                    unreached = decisions.MessageResolved(message.id, "unreached", "migrated")
                    self.record(live.name, live.version, instance.id, target, unreached)
            self.go(live, instance.id, target)
