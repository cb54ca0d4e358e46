"""The context: everything that a step may read about the definitions, the customer, the instance and the time.

The decider makes a context for one instance at one moment, and calls a step with it. The step reads the context and returns a
move (`engine/core/steps/results.py`). A context changes nothing.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.core import errors
from engine.core.context import catalog, expression_scope, pauses
from engine.core.context import trace as traces
from engine.core.model import decisions, definition, inputs, state

NOTHING: Final = object()
"""The value that marks a failed expression in `given`; None cannot mark it, because an expression may have the value null."""


class Context(msgspec.Struct):
    """The data that steps and conditions read about one customer at the time `now`.

    - `of`: the version of the journey; None while segments are evaluated or schedules are planned.
    - `instance`: the customer's instance of this journey; None for entries, segments and schedules.
    - `event`: the current input; None while a timer fires or a bundle goes live.
    - `held`: the names of the journeys that an operator has paused for all customers (`*`: all journeys).
    - `cause`: the id of the event or timer that led to this context; the trace records it.
    """

    catalog: catalog.Catalog
    of: definition.Journey | None
    customer: state.Customer
    instance: state.Instance | None
    now: datetime.datetime
    event: inputs.Event | None
    trace: traces.Trace | None = None
    names: expression_scope.Scope | None = None
    held: frozenset[str] = frozenset()
    cause: str = ""

    @property
    def journey(self) -> definition.Journey:
        """The version of the journey that this context is about; use it only if `of` is not None."""
        assert self.of is not None
        return self.of

    @property
    def zone(self) -> datetime.tzinfo:
        """The customer's time zone."""
        return self.catalog.zone_of(self.customer)

    def scope(self) -> expression_scope.Scope:
        """Return the scope for the expressions of this context; it is built only once.

        While a timer fires there is no current event. In expressions, `event` is then the last event that moved the instance,
        or the entry event if no event has moved it.
        """
        if self.names is None:
            at = self.instance
            self.names = expression_scope.Scope(
                customer=self.customer,
                policy=self.catalog.policy,
                now=self.now,
                event=self.event or (at.moved_by or at.entry if at else None),
                entry=at.entry if at else None,
                journey=self.of,
                outcomes=at.outcomes if at else {},
                zone_of=self.catalog.zone_of,
                # Not a method of this context: then context and scope would refer to each other and need the garbage collector.
                reckon=self.catalog.reckoned,
                segments=self.catalog.segment_names,
            )
        return self.names

    def value(self, expression: definition.Expression, *, failed: Any = None) -> Any:
        """Return the expression's value, or `failed` if the evaluation raises an error; the trace counts the error."""
        result, error = failed, ""
        try:
            result = self.catalog.expressions.evaluate(expression, self.scope())
        except errors.EvaluationError as exc:
            error = exc.args[0]
        self._traced(expression, None if error else result, error)
        return result

    def given(self, values: Mapping[str, definition.Given]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the values that a step writes, `{name: value}`, and the names of the values whose expressions failed.

        The values are as in JSON: a time becomes an RFC 3339 text, for example.
        """
        written, failed = {}, []
        for name, each in values.items():
            result = each.constant if each.expression is None else self.value(each.expression, failed=NOTHING)
            if result is NOTHING:
                failed.append(name)
            else:
                written[name] = json_value(result)
        return written, tuple(failed)

    def paused(self, journey: str, key: str) -> bool:
        """Return True if the journey is paused for this customer and this key (the value of `enter.key`).

        A journey is paused by the status of its live version, by an operator for all customers, or by an operator for this
        customer.
        """
        live = self.catalog.live.get(journey)
        if (live is not None and live.status == "paused") or not self.held.isdisjoint((pauses.ALL, journey)):
            return True
        return any(each.journey in ("", journey) and each.key in (None, key) for each in self.customer.pauses)

    def holds(self, condition: definition.Expression | None) -> bool:
        """Return True if the condition is true or None; a condition that fails to evaluate counts as false."""
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
        """Return True if the current event has the trigger's type and meets the trigger's condition."""
        return self.event is not None and self.event.type == trigger.event and self.holds(trigger.when)

    def after(self, milliseconds: int) -> datetime.datetime:
        """Return the moment that is `milliseconds` after now."""
        return self.now + milliseconds * inputs.MILLISECOND

    def timer(self, kind: state.TimerKind, due: datetime.datetime) -> decisions.TimerScheduled:
        """Return the fact that sets a timer for the current step; the timer fires at `due`.

        The timer's id is a hash of the instance, the step, the visit and the number of the timer within the visit. So the id is
        the same if the worker decides this input again.
        """
        at = self.here
        return decisions.TimerScheduled(decisions.hashed(at.id, at.step, at.visit, at.armed + 1), kind, due)

    def disarmed(self) -> tuple[decisions.TimerCancelled, ...]:
        """Return the facts that cancel all timers of the instance."""
        return tuple(
            decisions.TimerCancelled(id_) for id_, timer in self.customer.timers.items() if timer.instance == self.here.id
        )

    def message(self) -> state.Message:
        """Return the open message of the instance's current step.

        A migration may have brought the message from a step with another name, and the message's id is a hash of that name. So
        the function searches by instance and step.
        """
        at = self.here
        return next(
            each
            for each in self.customer.messages.values()
            if each.instance == at.id and each.step == at.step and not each.outcome
        )

    @property
    def here(self) -> state.Instance:
        """The instance of this context; contexts for entries, segments and schedules do not have one."""
        assert self.instance is not None
        return self.instance

    def _traced(self, expression: definition.Expression, result: Any, error: str) -> None:
        if self.trace is None or not (error or self.trace.detailed):
            return
        seen = self.catalog.expressions.inputs(expression, self.scope()) if self.trace.detailed else {}
        journey = self.of.name if self.of is not None else ""
        self.trace.add(traces.Condition(journey, expression.path, expression.text, result, seen, error, self.cause))


def finite_number(value: Any) -> float | None:
    """Return a finite number as a float, or None for anything else, booleans included.

    A whole number becomes a float too, because a recorded number is a float when it is read back.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if value - value == 0 else None


def json_value(value: Any) -> Any:
    """Return an expression's value as JSON can hold it, also inside maps and lists.

    Times become RFC 3339 texts in UTC, and durations become numbers of seconds. NaN and infinity become null.
    """
    match value:
        case datetime.datetime():
            return inputs.text(value.astimezone(datetime.UTC))
        case datetime.timedelta():
            return value.total_seconds()
        case dict():
            return {str(name): json_value(each) for name, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case float():
            return finite_number(value)  # JSON has no NaN and no infinity
        case _:
            return value
