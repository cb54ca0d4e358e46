"""What the core asks of the outside: to evaluate an expression, to render a template, to find a time zone. All are pure.

`engine/authoring` implements them with CEL (`expressions.py`), Liquid (`templates.py`) and the zone database
(`calendars.py`); `PythonExpressions`, `PlainTemplates` and `FixedZones` are their in-memory twins, for tests and simple
embeddings.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from engine.core import definition, errors, inputs, scope

Screen = Callable[[inputs.Event], bool]
"""Whether a condition is false by the event alone, whoever it is about."""


class Expressions(Protocol):
    """Evaluates expressions over a scope."""

    def evaluate(self, expression: definition.Expression, names: scope.Scope) -> Any:
        """The expression's value as plain Python, or `errors.EvaluationError`. The same scope always gives the same value."""
        ...

    def inputs(self, expression: definition.Expression, names: scope.Scope) -> Mapping[str, Any]:
        """The fields that the expression reads and their values, for the trace: `{"event.data.total": 275000}`."""
        ...

    def screen(self, condition: definition.Expression) -> Screen | None:
        """What the event alone says of a condition; None: nothing. Where it says false, `evaluate` gives False and no error."""
        ...


class Rendered(msgspec.Struct, frozen=True):
    """A body with its placeholders filled, in the `language` that was found; `missing` names fields that rendered empty."""

    language: str
    content: Mapping[str, Any]
    missing: tuple[str, ...] = ()


class Templates(Protocol):
    """Renders the bodies of templates over a scope."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: scope.Scope
    ) -> Rendered | None:
        """The body for one channel in the first of `languages` that has it; None if no language has one.

        `bodies` is language -> channel -> body as written in the template's files.
        """
        ...


class Zones(Protocol):
    """Time zones by their IANA name."""

    def zone(self, name: str) -> datetime.tzinfo | None:
        """The zone; None if there is none of that name."""
        ...


class PythonExpressions:
    """Expressions as Python functions by their text: `PythonExpressions({"event.data.total > 5": lambda s: ...})`."""

    def __init__(self, functions: Mapping[str, Callable[[scope.Scope], Any]]) -> None:
        self.functions = functions

    def evaluate(self, expression: definition.Expression, names: scope.Scope) -> Any:
        """The function's value; its KeyError, TypeError or AttributeError is the missing field of CEL."""
        try:
            return self.functions[expression.text](names)
        except (KeyError, TypeError, AttributeError) as exc:
            raise errors.EvaluationError(f"{expression.text}: {exc!r}.") from None

    def inputs(self, expression: definition.Expression, names: scope.Scope) -> Mapping[str, Any]:
        """Nothing: a function does not tell what it reads."""
        return {}

    def screen(self, condition: definition.Expression) -> Screen | None:
        """Nothing, for the same reason."""
        return None


class PlainTemplates:
    """Bodies as they are written, with no placeholders."""

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: scope.Scope
    ) -> Rendered | None:
        """The first language's body that has the channel."""
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                return Rendered(language, body)
        return None


class FixedZones:
    """Zones of one offset each: `FixedZones({"Asia/Jakarta": 7})`, in hours."""

    def __init__(self, hours: Mapping[str, float] | None = None) -> None:
        self._zones = {name: datetime.timezone(datetime.timedelta(hours=each), name) for name, each in (hours or {}).items()}

    def zone(self, name: str) -> datetime.tzinfo | None:
        """The zone of that name, UTC among them."""
        return datetime.UTC if name == "UTC" else self._zones.get(name)
