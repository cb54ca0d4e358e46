"""The decider: the effect of one input on one customer, in ten steps with a fixed order.

The replay and the worker call `transition` once for each input of each customer. It returns the facts (the event, if it had an
effect, and the decisions, in their order) and the customer's state after these facts. It does no I/O, reads no clock and draws no
random number: it takes the time from the input's recorded time.

1. An event that can have no effect on this customer is dropped at once: `context/prefilter.py`.
2. Timers that are due before the event fire, in the order of `rules/timer_order.py`: `fire_timers_before_input`. A timer that is
   due at the event's own time waits for step 9: docs/semantics.md#an-event-wins-a-tie
3. A duplicate is dropped: `rules/duplicates.py`.
4. The event changes profile, consent, pauses and traits (`evolve/evolution.py`, `traits/evaluate.py`). Then the segments and
   schedules that depend on profile and traits are brought up to date: `enrolment.py`, with `segments.py` and `schedules.py`.
5. If the event is a receipt or a reply, the message that it is about is found: `receipts.py`.
6. The instances that existed before the event react to it: exits first, then goals, then waits. The functions in `steps/` only
   return moves (`steps/results.py`). `step_runner.py` carries a move out, and runs each step that the instance then comes to.
7. The customer enters journeys by the event or by a segment, in the order of priority, then name: `enrolment.py`, with
   `entry_rules.py`.
8. The instant ends. Send steps have queued their messages until now, because messages compete for the last place under a
   frequency cap. `step_runner.py` requests them one by one, the most urgent first: `steps/send.py` picks a channel and asks
   `send_policy.py` whether the message may go. What steps wrote to the profile may change segments, as in 4 and 7. Events that
   steps emitted are then taken as in steps 3 to 8.
9. Timers that are due at the event's own time fire: `fire_timers_at_input_time`. Each fired timer runs its step as in 6, and each
   instant ends as in 8.
10. If the state has grown past its limit, the whole input is refused: `state_limit.py`.

`_Handling` implements this order with three objects. The recorder (`recorder.py`) turns each fact into a decision and applies the
decision to the state at once, so the code that runs next reads the new state. The step runner moves instances, and the enrolment
begins instances. `react` derives the actions from the decisions; actions are not recorded as facts.

A bundle that goes live and an operator's command are inputs too. For a bundle, `activate_bundle` replaces steps 3 to 7. For a
command, `_carry_out_command` replaces steps 5 to 7. Two inputs skip steps 3 to 7, because they only let time pass: `timer.due`,
and the record on `customer.events` of an event that a journey emitted.
"""

import datetime
from typing import Final

import msgspec

from engine.core import steps
from engine.core.context import catalog
from engine.core.context import trace as traces
from engine.core.context.decision_context import finite_number
from engine.core.decide import enrolment, receipts, recorder, state_limit, step_runner
from engine.core.evolve import evolution
from engine.core.model import actions, decisions, definition, inputs, state
from engine.core.model.inputs import MILLISECOND
from engine.core.rules import duplicates, timer_order
from engine.core.steps import wait_for

NOBODY: Final = frozenset[str]()

MOST_ROUNDS: Final = 10
"""The most rounds at the end of an instant in which a changed profile leads to changed segments and so to new entries.

Without this limit, journeys that change each other's segments would never end:
docs/semantics.md#journeys-that-change-each-others-segments-end
"""

evolve = evolution.evolve
emissions = recorder.emissions


class Transition(msgspec.Struct, frozen=True):
    """The result of one input of one customer: the facts, and the state after them.

    `state` is the same object as before if the input had no effect, and None after an erasure. `weighs` is an upper bound of
    the state's bytes in msgpack (0: not known).
    """

    state: state.Customer | None
    facts: tuple[inputs.Event | decisions.Decision, ...] = ()
    weighs: int = 0

    @property
    def decisions(self) -> tuple[decisions.Decision, ...]:
        """The decisions among the facts; events are left out."""
        return tuple([fact for fact in self.facts if type(fact) is decisions.Decision])


def decide(
    catalog: catalog.Catalog, customer: state.Customer | None, event: inputs.Event, *, punctual: bool = True
) -> tuple[decisions.Decision, ...]:
    """Return only the decisions of `transition`, which explains the arguments."""
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
    """Handle one input of one customer, and return the facts and the new state.

    - `catalog`: the live definitions; for `bundle.activated`, the definitions of the new bundle.
    - `customer`: the state before the input; None if the customer is not known yet.
    - `customer_id`: the customer's id, which is needed if the event has no subject.
    - `punctual`: False only under the wall clock. A timer that is later than the policy's `late_after` then runs at the input's
      time: docs/semantics.md#a-late-timer-runs-at-the-real-time
    - `held`: the names of the journeys that an operator has paused for all customers (`*`: all journeys). If this input is a
      command that changes the pauses, `held` are the names after the command.
    - `trace`: an object that counts the errors of conditions, and stores the conditions if it is detailed; None for neither.
    - `weighs`: the `weighs` that the customer's previous transition returned, or 0 if it is not known. It only saves time.

    Raises `errors.StateTooLarge` if the state would grow past its limit; the whole input is then refused.
    """
    if customer is not None and (trace is None or not trace.detailed) and catalog.screening.lets_by(event, customer):
        return Transition(customer, (), weighs)
    result = recorder.Recorder(catalog, customer, customer_id or event.subject, event, trace, held)
    handling = _Handling(result, event.recorded, punctual)
    handling.fire_timers_before_input()
    if event.type == inputs.BUNDLE_ACTIVATED:
        handling.activate_bundle(event)
    elif event.type != inputs.TIMER_DUE and event.source != inputs.OWN_SOURCE:
        handling.handle_event(event)
    handling.handle_emitted_events()
    handling.fire_timers_at_input_time()
    most = state_limit.check(customer, result.customer, event, result.facts, weighs)
    return Transition(result.customer, tuple(result.facts), most)


def react(decision: decisions.Decision) -> tuple[actions.Action, ...]:
    """Return the actions that a decision leads to: one if it requests an attempt of a message, none for all other decisions."""
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


class _Handling:
    """The order in which one input of one customer is handled, with the timers before and after the input.

    `recorder` stores the facts and the state so far, `runner` moves instances, and `enrolment` begins instances. `until` is the
    recorded time of the input. `transition` explains `punctual`.

    docs/semantics.md#one-input-is-handled-in-a-fixed-order
    """

    def __init__(self, recorder: recorder.Recorder, until: datetime.datetime, punctual: bool) -> None:
        self.recorder, self.until, self.punctual = recorder, until, punctual
        self.runner = step_runner.StepRunner(recorder)
        self.enrolment = enrolment.Enrolment(recorder, self.runner)

    # Timers fire because time has passed: docs/semantics.md#time-and-timers

    def fire_timers_before_input(self) -> None:
        """Fire the timers that are due before the input's time."""
        self._fire_timers(at_input_time=False)

    def fire_timers_at_input_time(self) -> None:
        """Fire the timers that are due exactly at the input's time; they fire after the input because an event wins a tie."""
        self._fire_timers(at_input_time=True)

    def _fire_timers(self, *, at_input_time: bool) -> None:
        recorder = self.recorder
        if recorder.customer is None or not recorder.customer.is_due(self.until):
            return
        instant: datetime.datetime | None = None
        while True:
            found = self._next_timer(at_input_time)
            if instant is not None and (found is None or found[2] != instant):
                self._end_instant()  # all timers of this instant have fired
                self.handle_emitted_events()
                instant = None
                continue
            if found is None:
                break
            recorder.cause, timer, recorder.now = found
            recorder.late = recorder.now > timer.due and self._is_late(timer)
            instant = recorder.now
            self._fire(recorder.cause, timer)
        recorder.late = False

    def _next_timer(self, at_input_time: bool) -> tuple[str, state.Timer, datetime.datetime] | None:
        """Return `(timer id, timer, time at which it fires)` for the timer that fires next, or None if no timer is due.

        A timer fires at its due time, and a late timer at the input's time. If the customer's clock has passed that time
        already, the timer fires at the time of that clock.
        """
        customer, until = self.recorder.customer, self.until
        if customer is None:
            return None
        # A timer leaves the state with the first decision that it causes. A timer that has only queued a message is still there.
        fired = {pending.cause for pending in self.runner.pending_sends}
        found = timer_order.next_timer(customer, until, at_until=at_input_time, fired=fired)
        if found is None:
            return None
        id_, timer = found
        return id_, timer, max(customer.now, until if self._is_late(timer) else timer.due)

    def _is_late(self, timer: state.Timer) -> bool:
        return not self.punctual and self.until - timer.due > self.recorder.catalog.policy.late_after * MILLISECOND

    def _fire(self, id_: str, timer: state.Timer) -> None:
        if timer.kind == "schedule":
            return self.enrolment.fire_schedule(id_, timer)
        if timer.kind == "segment":
            return self.enrolment.fire_segments(id_)
        recorder = self.recorder
        instance = recorder.known.instances[timer.instance]
        journey = self.runner.journey_of(instance)
        if journey is None:
            return
        step = journey.steps[timer.step]
        on_timer = steps.ON_TIMER[type(step)]
        self.runner.run(journey, instance.id, lambda: on_timer(step, recorder.instance_context(journey, instance.id), timer))

    # An event: docs/semantics.md#one-input-is-handled-in-a-fixed-order

    def handle_event(self, event: inputs.Event) -> None:
        """Handle an event by the steps 3 to 8 of the docstring of this file.

        A repeated event has no effect: docs/semantics.md#a-repeated-event-changes-nothing
        """
        recorder = self.recorder
        before = recorder.customer
        digest = duplicates.digest(event.id)
        if before is not None and duplicates.has_seen(before, digest):
            return
        if before is None and (event.type == inputs.ERASED or not event.subject):
            return
        recorder.now = event.recorded if before is None else max(before.now, event.recorded)
        recorder.cause, recorder.current_event = event.id, event
        known = before or state.Customer(recorder.customer_id)
        if event.type == inputs.ERASED:
            return self._erase(known, event)
        facts_before = len(recorder.facts)
        recorder.customer = evolution.apply_event(known, event, recorder.catalog, recorder.trace)
        recorder.facts.append(event)
        changed = recorder.customer is not known
        if before is None or changed:
            self.enrolment.update(before, already=False)
        is_named = event.type in recorder.catalog.named or event.type in inputs.BUILT_IN
        if not is_named or self._show_to_instances(event, known):
            self.enrolment.enter_all(event)
        self._end_instant()
        if changed or len(recorder.facts) > facts_before + 1:
            recorder.customer = evolution.mark_seen(recorder.known, event, digest)
        else:  # the event had no effect, so it is not recorded as a fact
            recorder.facts.pop()
            recorder.customer = before
        recorder.current_event = None

    def handle_emitted_events(self) -> None:
        """Handle the events that steps emitted in this instant, in their order, until no step emits another event."""
        recorder = self.recorder
        while recorder.emitted_events:
            recorder.late = False
            self.handle_event(recorder.emitted_events.pop(0))

    def _end_instant(self) -> None:
        """Request the queued messages; then update segments and enter journeys, if steps have changed the profile.

        Repeat this while entered journeys change the profile again, for at most `MOST_ROUNDS` rounds.
        """
        runner, enrolment, recorder = self.runner, self.enrolment, self.recorder
        customer = recorder.customer
        if not runner.pending_sends and (customer is None or customer.profile is enrolment.evaluated_profile):
            return
        for _ in range(MOST_ROUNDS):
            runner.request_pending_sends()
            customer = recorder.customer
            if customer is None or customer.profile is enrolment.evaluated_profile:
                return
            enrolment.update_after_steps()
            enrolment.enter_all()
        # Journeys change each other's segments without end: request the queued messages, but enter no more journeys.
        runner.request_pending_sends()
        enrolment.update_after_steps()
        enrolment.entered_segments.clear()

    def _erase(self, known: state.Customer, event: inputs.Event) -> None:
        recorder = self.recorder
        recorder.customer = known
        for instance in tuple(known.instances.values()):
            self.runner.leave(instance, "erased")
        for id_ in tuple(recorder.known.timers):  # only timers of schedules and segments are left
            recorder.record("", "", "", "", decisions.TimerCancelled(id_))
        recorder.facts.append(event)
        recorder.customer = evolve(recorder.customer, event)
        recorder.current_event = None

    # The instances that existed before the event.

    def _show_to_instances(self, event: inputs.Event, before: state.Customer) -> bool:
        """Let the instances that existed before the event react to it; return True if the event may also enter journeys.

        `before` is the customer's state before the event.
        """
        concerned = waiting = tuple(before.instances.values())
        goals, report = tuple(before.goals), None
        if event.type == inputs.JOURNEY_COMMAND:
            self._carry_out_command(event)
            return False
        if receipts.is_about_message(event):
            message = receipts.message_of(event, before, self.recorder.now)
            report = self._record_report(event, message) if message is not None else None
            if message is not None and report is None and event.type in inputs.RECEIPTS:
                return False  # the receipt says nothing new, so nothing more happens
            # A receipt is about one message, so it concerns one instance.
            # A reply that belongs to no message can meet the exits and goals of every instance, but it ends no wait.
            own = "" if message is None else message.instance
            waiting = (before.instances[own],) if own in before.instances else ()
            if message is not None or event.type in inputs.RECEIPTS:
                concerned = waiting
                goals = (own,) if own in before.goals else ()
        for instance in concerned:
            self._check_exits(event, instance)
        for id_ in goals:
            self._check_goal(event, id_)
        for instance in waiting:
            self._keep_for_waits(instance)
        if report is not None:
            self._show_report(report)
        for instance in waiting:
            self._show_to_wait(event, instance)
        return True

    def _record_report(self, event: inputs.Event, message: state.Message) -> receipts.NewReport | None:
        recorder = self.recorder
        new = receipts.new_report(event, message, recorder.known, recorder.catalog.policy)
        if new is not None:
            recorder.record(message.journey, message.version, message.instance, message.step, new.report)
            if new.withdrawal is not None:
                recorder.record(message.journey, message.version, message.instance, message.step, new.withdrawal)
        return new

    def _check_exits(self, event: inputs.Event, instance: state.Instance) -> None:
        """Let the instance leave by the first of its exit rules that matches the event."""
        journey = self.runner.journey_of(instance)
        if journey is None:
            return
        for rule in journey.exits:
            if rule.trigger.event == event.type and self.recorder.instance_context(journey, instance.id).matches(rule.trigger):
                return self.runner.leave(instance, rule.reason)

    def _check_goal(self, event: inputs.Event, id_: str) -> None:
        """Record `goal.reached` if the event matches the goal, even if the instance has already left the journey.

        `id_` is the id of the instance whose entry the goal belongs to.
        """
        recorder = self.recorder
        goal = recorder.known.goals.get(id_)
        journey = recorder.catalog.versions.get(goal.version) if goal is not None else None
        if goal is None or journey is None or journey.goal is None or goal.until <= recorder.now:
            return
        if journey.goal.trigger.event != event.type:
            return
        # The instance may have left, so make one with the entry that the goal's expressions read.
        entered = state.Instance(id_, goal.journey, goal.version, "", 0, goal.entered_at, goal.entry)
        context = recorder.context(journey, event, entered)
        if context.matches(journey.goal.trigger):
            value = None if journey.goal.value is None else finite_number(context.value(journey.goal.value))
            after = (recorder.now - goal.entered_at) // MILLISECOND
            reached = decisions.GoalReached(event.type, after, value, goal.held_out)
            recorder.record(goal.journey, goal.version, id_, "", reached)

    def _keep_for_waits(self, instance: state.Instance) -> None:
        """Store the event (`event.kept`) for each `since` wait that matches the event and that the instance can still reach."""
        recorder = self.recorder
        journey = self.runner.journey_of(instance)
        if journey is None or instance.id not in recorder.known.instances:
            return
        for step in recorder.catalog.coming(journey, instance.step):
            kept = wait_for.keeps(step, recorder.instance_context(journey, instance.id))
            if kept is not None:
                recorder.record(journey.name, journey.version, instance.id, instance.step, kept)

    def _show_report(self, new: receipts.NewReport) -> None:
        """Call the step that sent the message with the new report, so that the instance can go on.

        The step is not called if the report is about an earlier attempt, if the message is closed, or if the instance has left
        the step.
        """
        recorder, message, report = self.recorder, new.message, new.report
        instance = recorder.known.instances.get(message.instance)
        if instance is None or message.outcome or report.late or instance.step != message.step:
            return
        journey = self.runner.journey_of(instance)
        if journey is not None:
            step = journey.steps[message.step]
            on_receipt = steps.ON_RECEIPT[type(step)]
            self.runner.run(
                journey, instance.id, lambda: on_receipt(step, recorder.instance_context(journey, instance.id), report)
            )

    def _show_to_wait(self, event: inputs.Event, before: state.Instance) -> None:
        """Call the step at which the instance waits, unless the event has already moved the instance.

        `before` is the instance before the event. docs/semantics.md#an-event-moves-an-instance-once
        """
        recorder = self.recorder
        instance = recorder.known.instances.get(before.id)
        if instance is None or instance.step != before.step or instance.outcomes != before.outcomes:
            return
        journey = self.runner.journey_of(instance)
        if journey is not None:
            step = journey.steps[instance.step]
            on_event = steps.ON_EVENT.get(type(step))
            if on_event is not None and any(each.event == event.type for each in definition.heard_by(step)):
                self.runner.run(journey, instance.id, lambda: on_event(step, recorder.instance_context(journey, instance.id)))

    # Operators and bundles.

    def _carry_out_command(self, event: inputs.Event) -> None:
        """Carry out an operator's command for this customer; a command for all customers comes here once for each of them.

        The pauses are already up to date, in the customer's state and in `held`. So `pause` needs nothing more, and `resume`
        only resumes the messages that the pause held.
        """
        recorder = self.recorder
        command, journey, key = (event.field(name) for name in ("command", "journey", "key"))
        if command == "stop":
            for instance in tuple(recorder.known.instances.values()):
                if journey in (None, "", instance.journey) and key in (None, instance.key):
                    self.runner.leave(instance, "stopped")
        elif command == "enter":
            live = recorder.catalog.live.get(str(journey))
            if live is not None and live.status in ("live", "paused"):
                self.enrolment.enter(live, event, by_hand=True)
        elif command == "resume":
            self.runner.resume_held_messages()

    def activate_bundle(self, event: inputs.Event) -> None:
        """Apply a bundle that goes live to this customer.

        Her instances migrate, her schedules are planned and her segments are evaluated. Messages that a pause held are resumed
        if the bundle ends the pause.
        """
        recorder = self.recorder
        if recorder.customer is None:
            return
        recorder.now = max(recorder.customer.now, event.recorded)
        recorder.cause = event.id
        for instance in tuple(recorder.customer.instances.values()):
            self.runner.migrate(instance)
        self.enrolment.update(None, already=True)
        self.runner.resume_held_messages()
        self._end_instant()
