"""The ports: interfaces through which the core evaluates expressions, renders templates and finds time zones.

All are pure. `engine/authoring` implements them with CEL (`expressions.py`), Liquid (`templates.py`) and the zone database
(`public_calendars.py`). `PythonExpressions`, `PlainTemplates` and `FixedZones` are simple implementations in memory, for tests
and for programs that embed the core.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs

Screen = Callable[[inputs.Event], bool]
"""A function that returns True if a condition is false by the event alone, for every customer."""


class Expressions(Protocol):
    """The port that evaluates expressions over a scope."""

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the expression's value as plain Python, or raise `errors.EvaluationError`.

        The same scope always gives the same value.
        """
        ...

    def inputs(self, expression: definition.Expression, names: expression_scope.Scope) -> Mapping[str, Any]:
        """Return the fields that the expression reads with their values, for the trace: `{"event.data.total": 275000}`."""
        ...

    def screen(self, condition: definition.Expression) -> Screen | None:
        """Return the screen of a condition, or None if the condition has no part that depends on the event alone.

        If the screen returns True for an event, `evaluate` returns False and raises no error.
        """
        ...


class Rendered(msgspec.Struct, frozen=True):
    """A rendered body. `language` is the language of the body; `missing` lists the fields that rendered empty."""

    language: str
    content: Mapping[str, Any]
    missing: tuple[str, ...] = ()


class Templates(Protocol):
    """The port that renders the bodies of templates over a scope."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> Rendered | None:
        """Return the body for one channel in the first of `languages` that has it, or None if no language has one.

        `bodies` is `{language: {channel: body}}`, as written in the template's files.
        """
        ...


class Zones(Protocol):
    """The port that finds time zones by their IANA name."""

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the zone, or None if no zone has that name."""
        ...


class PythonExpressions:
    """Expressions as Python functions by their text: `PythonExpressions({"event.data.total > 5": lambda s: ...})`."""

    def __init__(self, functions: Mapping[str, Callable[[expression_scope.Scope], Any]]) -> None:
        self.functions = functions

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the function's value; raises `errors.EvaluationError` if it raises KeyError, TypeError or AttributeError.

        In CEL these cases are a missing field.
        """
        try:
            return self.functions[expression.text](names)
        except (KeyError, TypeError, AttributeError) as exc:
            raise errors.EvaluationError(f"{expression.text}: {exc!r}.") from None

    def inputs(self, expression: definition.Expression, names: expression_scope.Scope) -> Mapping[str, Any]:
        """Return an empty mapping, because the fields that a function reads are not known."""
        return {}

    def screen(self, condition: definition.Expression) -> Screen | None:
        """Return None, because the fields that a function reads are not known."""
        return None


class PlainTemplates:
    """Templates whose bodies are returned as they are written, without placeholders."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> Rendered | None:
        """Return the body of the first language that has the channel."""
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                return Rendered(language, body)
        return None


class FixedZones:
    """Time zones with one fixed offset each, in hours: `FixedZones({"Asia/Jakarta": 7})`."""

    def __init__(self, hours: Mapping[str, float] | None = None) -> None:
        self._zones = {name: datetime.timezone(datetime.timedelta(hours=each), name) for name, each in (hours or {}).items()}

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the zone of that name, UTC included, or None."""
        return datetime.UTC if name == "UTC" else self._zones.get(name)
