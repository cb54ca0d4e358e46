"""What a step may look at: the definitions, the customer, the instance and the moment.

Made by the decider for one instance at one moment; steps read it and answer with a move. It changes nothing.
"""

import datetime
from typing import Any

import msgspec

from engine.core import catalog, decisions, definition, errors, inputs, scope, state
from engine.core import trace as traces

MILLISECOND = inputs.MILLISECOND


class View(msgspec.Struct):
    """One instance at `now`. `event` is the input that is being taken, None while a timer fires."""

    catalog: catalog.Catalog
    journey: definition.Journey
    customer: state.Customer
    instance: state.Instance | None
    now: datetime.datetime
    event: inputs.Event | None
    trace: traces.Trace | None = None
    names: scope.Scope | None = None

    def scope(self) -> scope.Scope:
        """The names for expressions; after a timer `event` is the last event that moved the instance."""
        if self.names is None:
            at = self.instance
            self.names = scope.Scope(
                customer=self.customer,
                policy=self.catalog.policy,
                now=self.now,
                event=self.event or (at.moved_by or at.entry if at else None),
                entry=at.entry if at else None,
                journey=self.journey,
                outcomes=at.outcomes if at else {},
            )
        return self.names

    def value(self, expression: definition.Expression) -> Any:
        """The expression's value; None where it gives none (the error is traced and counted)."""
        result, error = None, ""
        try:
            result = self.catalog.expressions.evaluate(expression, self.scope())
        except errors.EvaluationError as exc:
            error = exc.args[0]
        self._traced(expression, result, error)
        return result

    def holds(self, condition: definition.Expression | None) -> bool:
        """Whether the condition is true; a condition that fails to evaluate is false, no condition is true."""
        if condition is None:
            return True
        result, error = None, ""
        try:
            result = self.catalog.expressions.evaluate(condition, self.scope())
            if result is not True and result is not False:
                error = f"The condition gave {type(result).__name__}, not true or false."
        except errors.EvaluationError as exc:
            error = exc.args[0]
        self._traced(condition, result is True, error)
        return result is True

    def matches(self, trigger: definition.Trigger) -> bool:
        """Whether the event being taken is of the trigger's type and meets its condition."""
        return self.event is not None and self.event.type == trigger.event and self.holds(trigger.when)

    def after(self, milliseconds: int) -> datetime.datetime:
        """The moment so many milliseconds from now."""
        return self.now + milliseconds * MILLISECOND

    def timer(self, kind: state.TimerKind, due: datetime.datetime) -> decisions.TimerScheduled:
        """A timer of the current step. Its id is the same whenever this arming is decided again."""
        at = self.here
        return decisions.TimerScheduled(decisions.hashed(at.id, at.step, at.visit, at.armed + 1), kind, due)

    def disarmed(self) -> tuple[decisions.TimerCancelled, ...]:
        """All timers of the instance, cancelled."""
        return tuple(
            decisions.TimerCancelled(id_) for id_, timer in self.customer.timers.items() if timer.instance == self.here.id
        )

    @property
    def here(self) -> state.Instance:
        """The instance; only an entry condition is looked at without one."""
        assert self.instance is not None
        return self.instance

    def _traced(self, expression: definition.Expression, result: Any, error: str) -> None:
        if self.trace is None or not (error or self.trace.detailed):
            return
        seen = self.catalog.expressions.inputs(expression, self.scope()) if self.trace.detailed else {}
        self.trace.add(traces.Condition(self.journey.name, expression.path, expression.text, result, seen, error))
