"""Placeholders that need no Liquid, for speed alone.

Most placeholders write a field (`{{ profile.name }}`), perhaps with another text where there is none, or through one filter of
Dalang's own. Called by `liquids.py` for each node of a text without tags once; Liquid stays the judge: what is said here holds
only where a field is there as text or a number, and for everything else there is no answer.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from liquid.builtin import content, expressions, output
from liquid.builtin.expressions import arguments

from engine.core import scope

Filled = Callable[[Any], str | None]
"""What a rendering has there; None: Liquid is to say."""

_OTHERWISE: Final = frozenset({"size", "first", "last"})
"""These are counted or picked where a value has no such field."""
_WRITTEN: Final = frozenset({str, int, float})
_ABSENT: Final = object()


def of(node: Any, filters: Mapping[str, tuple[int, Callable[..., Any]]]) -> Filled | None:
    """What fills a node, where it is plain text or a placeholder of that kind. `filters` are Dalang's own."""
    if isinstance(node, content.ContentNode):
        text = node.text
        return lambda _: text
    if not isinstance(node, output.OutputNode) or type(node.expression) is not expressions.FilteredExpression:
        return None
    value = _value(node.expression.left)
    if value is None:
        return None
    match [(each.name, _texts(each.args)) for each in node.expression.filters or ()]:
        case []:
            return _shown(value)
        case [("default", (str(instead),))]:
            return _shown(value, instead)
        case [(name, tuple(given))] if name in filters and filters[name][0] == len(given):
            return _through(value, filters[name][1], given)
    return None


def _value(left: Any) -> Callable[[Any], Any] | None:
    """What fetches the field of a path; `_ABSENT` where it is not a field of an object."""
    path = left.path if isinstance(left, expressions.Path) else ()
    if not path or path[0] not in scope.NAMES or not all(type(each) is str and each not in _OTHERWISE for each in path[1:]):
        return None
    root_of, rest = _root(path)

    def value(rendering: Any) -> Any:
        found = root_of(rendering)
        for name in rest:
            if type(found) is not dict:
                return _ABSENT
            found = found.get(name)
        return found

    return value


def _root(path: Any) -> tuple[Callable[[Any], Any], tuple[str, ...]]:
    """What fetches the first value of a path, and the fields below it; of an event no more is made than is asked for."""
    match tuple(path):
        case ("profile", *rest):
            return operator.attrgetter("names.customer.profile"), tuple(rest)
        case ("event" | "entry" as of, "data", *rest):
            event_of = operator.attrgetter(f"names.{of}")
            return lambda rendering: getattr(event_of(rendering), "data", _ABSENT), tuple(rest)
        case (root, *rest):
            return lambda rendering: rendering.values[root], tuple(rest)
    raise AssertionError(path)


def _texts(given: Any) -> tuple[str, ...] | None:
    """The arguments of a filter, if all of them are written as text."""
    values = [each.value for each in given if isinstance(each, arguments.PositionalArgument)]
    texts = tuple(each.value for each in values if isinstance(each, expressions.StringLiteral))
    return texts if len(texts) == len(given) else None


def _shown(value_of: Callable[[Any], Any], instead: str | None = None) -> Filled:
    def filled(rendering: Any) -> str | None:
        value = value_of(rendering)
        if value is None or value == "":
            return instead
        return str(value) if type(value) in _WRITTEN else None

    return filled


def _through(value_of: Callable[[Any], Any], function: Callable[..., Any], given: tuple[str, ...]) -> Filled:
    def filled(rendering: Any) -> str | None:
        value = value_of(rendering)
        if type(value) not in _WRITTEN:
            return None
        try:
            written = function(rendering, value, *given)
        except (TypeError, ValueError, OverflowError):
            return None  # Liquid notes that it is left out
        return written if type(written) is str else None

    return filled
