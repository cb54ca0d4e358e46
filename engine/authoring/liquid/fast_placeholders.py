"""Functions that fill simple placeholders of a template without Liquid, to save time.

Most placeholders are a field (`{{ profile.name }}`), a field with a default text, or a field with one of Dalang's own filters.
`renderer.py` calls `of` once for each node of a text. A node is a placeholder, a tag, or the text between them.

A function from `of` returns the same text as Liquid, or None. It returns a text only if the value of the field is text or a
number, or if the field is missing or empty and the placeholder has a default text. If it returns None, Liquid renders the node.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from liquid.builtin import content, expressions, output
from liquid.builtin.expressions import arguments

from engine.core.context import expression_scope

Filled = Callable[[Any], str | None]
"""A function that takes a `renderer.Rendering` and returns the text of one node; None if Liquid has to render the node."""

_OTHERWISE: Final = frozenset({"size", "first", "last"})
"""Names with a special meaning in Liquid: `items.size` is the number of items, `items.first` the first item.

A path with such a name is left to Liquid.
"""
_WRITTEN: Final = frozenset({str, int, float})
_ABSENT: Final = object()


def of(node: Any, filters: Mapping[str, tuple[int, Callable[..., Any]]]) -> Filled | None:
    """Return the function that fills a node without Liquid; None if only Liquid can render the node.

    Such a function exists for text outside of placeholders. It also exists for a placeholder with a field and no filter, with the
    filter `default`, or with one of Dalang's own filters. `filters` are Dalang's own filters, as `{name: (number of arguments,
    function)}`.
    """
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
    """Return the function that fetches the value of a placeholder such as `profile.name`.

    The result is None if `left`, the text before the filters, is not a path of field names. The function takes a rendering. It
    returns None for a missing field, and `_ABSENT` if a value on the path is not an object.
    """
    path = left.path if isinstance(left, expressions.Path) else ()
    if (
        not path
        or path[0] not in expression_scope.NAMES
        or not all(type(each) is str and each not in _OTHERWISE for each in path[1:])
    ):
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
    """Return the function that fetches the value at the head of a path from a rendering, and the names of the fields below it.

    For `event.data.total`, the function fetches `event.data`, and the names are `("total",)`. So the other fields of the event,
    such as its time, are not converted to text.
    """
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
    """Return the arguments of a filter if all of them are text literals; otherwise None."""
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
            return None  # Liquid leaves out the placeholder and notes its field
        return written if type(written) is str else None

    return filled
