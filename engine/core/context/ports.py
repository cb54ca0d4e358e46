"""The ports: the interfaces by which the core evaluates expressions, renders templates and finds time zones.

An implementation must be pure: the same arguments always lead to the same result. `engine/authoring` implements the ports with
CEL (`cel/expressions.py`), Liquid (`liquid/templates.py`) and the zone database (`public_calendars.py`). The classes
`PythonExpressions`, `PlainTemplates` and `FixedZones` in this file are simple implementations in memory, for tests and for
programs that use the core without `engine/authoring`.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs

Screen = Callable[[inputs.Event], bool]
"""A function of an event that returns True if the event alone makes a condition false, for every customer.

False means that the condition may be true for some customer.
"""


class Expressions(Protocol):
    """The port that evaluates expressions with the values of a scope."""

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the expression's value as a Python value; raises `errors.EvaluationError` if the evaluation fails.

        The same expression always has the same value in the same scope.
        """
        ...

    def inputs(self, expression: definition.Expression, names: expression_scope.Scope) -> Mapping[str, Any]:
        """Return the fields that the expression reads, with their values, for the trace: `{"event.data.total": 275000}`."""
        ...

    def screen(self, condition: definition.Expression) -> Screen | None:
        """Return a function that finds events for which the condition is false, or None if no event alone can show this.

        If the function returns True for an event, `evaluate` would return False for every customer, without an error.
        """
        ...


class Rendered(msgspec.Struct, frozen=True):
    """A body of a template whose placeholders are filled.

    `language` is the language of the body, such as `id`. `content` is the body as a mapping, such as `{"text": "..."}`.
    `missing` are the names of the fields that had no value and became empty text.
    """

    language: str
    content: Mapping[str, Any]
    missing: tuple[str, ...] = ()


class Templates(Protocol):
    """The port that renders the bodies of templates with the values of a scope."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> Rendered | None:
        """Return the body for `channel` in the first of `languages` that has one, or None if no language has one.

        `bodies` is `{language: {channel: body}}`, as in the template's files. The placeholders are filled with the values of
        `names`.
        """
        ...


class Zones(Protocol):
    """The port that finds time zones by their IANA name."""

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the zone of that name, such as `Asia/Jakarta`, or None if no zone has the name."""
        ...


class PythonExpressions:
    """Expressions as Python functions, found by their text: `PythonExpressions({"event.data.total > 5": lambda scope: ...})`."""

    def __init__(self, functions: Mapping[str, Callable[[expression_scope.Scope], Any]]) -> None:
        self.functions = functions

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the result of the Python function for this expression.

        Raises `errors.EvaluationError` if the function raises KeyError, TypeError or AttributeError. In CEL, a missing field
        has the same effect.
        """
        try:
            return self.functions[expression.text](names)
        except (KeyError, TypeError, AttributeError) as exc:
            raise errors.EvaluationError(f"{expression.text}: {exc!r}.") from None

    def inputs(self, expression: definition.Expression, names: expression_scope.Scope) -> Mapping[str, Any]:
        """Return an empty mapping, because nobody can see which fields a Python function reads."""
        return {}

    def screen(self, condition: definition.Expression) -> Screen | None:
        """Return None, because nobody can see which fields a Python function reads."""
        return None


class PlainTemplates:
    """Templates whose bodies are returned as they are written; placeholders are not filled."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> Rendered | None:
        """Return the body for `channel` in the first of `languages` that has one, or None if no language has one."""
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                return Rendered(language, body)
        return None


class FixedZones:
    """Time zones with a fixed difference from UTC, in hours: `FixedZones({"Asia/Jakarta": 7})`."""

    def __init__(self, hours: Mapping[str, float] | None = None) -> None:
        self._zones = {name: datetime.timezone(datetime.timedelta(hours=each), name) for name, each in (hours or {}).items()}

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the zone of that name, or None if the name is unknown; `UTC` is always known."""
        return datetime.UTC if name == "UTC" else self._zones.get(name)
