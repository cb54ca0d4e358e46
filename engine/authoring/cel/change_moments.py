"""The moments at which the condition of a segment can change although no event comes, because the condition reads the clock.

The linter calls `check` and `compile.py` calls `of`, both with the text of a condition. The engine examines the segments of a
customer at each input and at these moments (docs/semantics.md#segments-are-examined-when-they-can-change). So each moment has to
be known in advance. Therefore a condition may use the clock in two forms only: `days_since(X) < 60` with a number, or a
comparison of times and durations with one `now`, such as `now - duration("24h") > traits.last_order`.
"""

import dataclasses
import fractions
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from engine.authoring.cel import environment, expressions, field_reads, syntax_tree
from engine.authoring.findings import findings
from engine.core.model import definition

_DAY: Final = 86_400_000
_LONGEST: Final = 1000 * 366 * _DAY

# `{operator: (at, after)}` for a left side that grows with time. `at` is True if the result changes at the moment when both sides
# are equal. `after` is True if the result changes one millisecond after this moment.
_FLIPS: Final[Mapping[str, tuple[bool, bool]]] = {
    "_<_": (True, False),
    "_>=_": (True, False),
    "_>_": (False, True),
    "_<=_": (False, True),
    "_==_": (True, True),
    "_!=_": (True, True),
}
_MIRRORED: Final[Mapping[str, str]] = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_"}
_BINARY: Final[Mapping[str, str]] = {
    **{f"_{sign}_": sign for sign in ("+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "&&", "||")},
    "@in": "in",
}
_LENGTH: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)", re.ASCII)
_UNITS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


class _UnforeseenError(Exception):
    """The exception for a `node` for which no moment can be computed; `_found` catches it, so no other module sees it."""

    def __init__(self, node: syntax_tree.Node) -> None:
        super().__init__(node)
        self.node = node


def check(text: str) -> Iterator[findings.Problem]:
    """Yield a problem for each use of the clock for which no moment can be computed in advance.

    `text` is the condition of a segment. `now`, `days_since(…)` and `local_hour(…)` use the clock.
    """
    for found in _foreseen(text):
        if isinstance(found, syntax_tree.Node):
            yield findings.Problem(_start(found, text), findings.UnforeseenTime, {})


def _start(node: syntax_tree.Node, text: str) -> int:
    """Return the offset at which a node starts in the text of its expression.

    For a call such as `days_since(…)`, CEL has only the offset of the bracket, so the name is searched before the bracket.
    """
    if isinstance(node, syntax_tree.Call) and node.function in environment.CLOCKED:
        return max(text.rfind(node.function, 0, node.offset + 1), 0)
    return node.offset


def of(text: str, path: str) -> tuple[definition.Moment, ...]:
    """Return the moments at which the condition of a segment can change although no event comes, without duplicates.

    `text` is a condition for which `check` yields no problem. `path` is its position in traits.yaml, such as `segments.loyal`.
    """
    found = (each for each in _foreseen(text) if not isinstance(each, syntax_tree.Node))
    return tuple(
        definition.Moment(definition.Expression(at, path, expressions.roots(at)), offset) for at, offset in dict.fromkeys(found)
    )


@functools.lru_cache(maxsize=1_000)
def _foreseen(text: str) -> tuple[tuple[str, int] | syntax_tree.Node, ...]:
    return tuple(_found(expressions.tree(text)))


def _found(node: syntax_tree.Node) -> Iterator[tuple[str, int] | syntax_tree.Node]:
    """Yield the moments at which a condition can change, as (CEL text of a time, milliseconds to add to this time).

    If no moment can be computed for a use of the clock, yield its node instead. `check` makes a problem of such a node.
    """
    if not _clocked(node):
        return
    try:
        match node:
            case syntax_tree.Call(function=operator, arguments=(left, right)) if operator in _FLIPS:
                yield from _comparison(operator, left, right)
                return
            case syntax_tree.Call(function="_&&_" | "_||_" | "!_" | "_?_:_", arguments=parts):
                for part in parts:
                    yield from _found(part)
                return
    except _UnforeseenError as unforeseen:
        yield unforeseen.node
        return
    yield _first_clock(node)


def _comparison(operator: str, left: syntax_tree.Node, right: syntax_tree.Node) -> Iterator[tuple[str, int]]:
    if isinstance(right, syntax_tree.Call) and right.function == "days_since":
        operator, left, right = _MIRRORED.get(operator, operator), right, left
    if isinstance(left, syntax_tree.Call) and left.function == "days_since":
        days = _number(right)
        at = _written(left.arguments[0])
        for behind in _behind(operator):
            yield at, _reached(days, after=behind)
        return
    total = _Sum()
    total.add(left, 1)
    total.add(right, -1)
    if abs(total.clock) != 1:
        raise _UnforeseenError(_first_clock(syntax_tree.Call(left.offset, operator, (left, right))))
    if total.clock < 0:
        operator = _MIRRORED.get(operator, operator)
    # The comparison now has the form `now + length <op> others`. So both sides are equal when the time is `others - length`.
    offset = -total.length * total.clock
    at = _joined([(node, -sign * total.clock) for node, sign in total.others], left)
    for behind in _behind(operator):
        yield at, offset + behind


def _joined(terms: list[tuple[syntax_tree.Node, int]], comparison: syntax_tree.Node) -> str:
    """Return a sum as CEL text, such as `(traits.last_order - profile.x)`.

    `terms` are pairs of a node and its sign, 1 or -1. The first term with the sign 1 is written first, and all others follow in
    their order. If no term has the sign 1, the function raises _UnforeseenError for the node `comparison`, or for the use of the
    clock inside this node.
    """
    first = next((term for term in terms if term[1] > 0), None)
    if first is None:
        raise _UnforeseenError(_first_clock(comparison) if _clocked(comparison) else comparison)
    text = _written(first[0])
    for node, sign in (term for term in terms if term is not first):
        text = f"({text} {'+' if sign > 0 else '-'} {_written(node)})"
    return text


def _behind(operator: str) -> list[bool]:
    return [behind for behind, flips in zip((False, True), _FLIPS[operator], strict=True) if flips]


def _reached(days: float, *, after: bool) -> int:
    """Return how many milliseconds after a time X `days_since(X)` is at least `days`; if `after` is True, more than `days`.

    The milliseconds are divided in the same way as in the function `days_since`, so that both results are rounded in the same
    way. A number of days that is longer than 1000 years is shortened to 1000 years.
    """
    if abs(days) * _DAY > _LONGEST:
        days = _LONGEST // _DAY if days > 0 else -(_LONGEST // _DAY)
    milliseconds = int(days * _DAY) - 2
    while milliseconds / _DAY < days or (after and milliseconds / _DAY == days):
        milliseconds += 1
    return milliseconds


@dataclasses.dataclass(slots=True)
class _Sum:
    """A sum of times and durations, collected from both sides of a comparison.

    `clock` counts `now`: each `+ now` adds 1, and each `- now` subtracts 1. `length` is the sum of all constant durations in
    milliseconds. `others` are all other terms, as pairs of a node and its sign, 1 or -1.
    """

    clock: int = 0
    length: int = 0
    others: list[tuple[syntax_tree.Node, int]] = dataclasses.field(default_factory=list)

    def add(self, node: syntax_tree.Node, sign: int) -> None:
        match node:
            case syntax_tree.Name(name="now"):
                self.clock += sign
            case syntax_tree.Call(function="_+_", arguments=(left, right)):
                self.add(left, sign)
                self.add(right, sign)
            case syntax_tree.Call(function="_-_", arguments=(left, right)):
                self.add(left, sign)
                self.add(right, -sign)
            case syntax_tree.Call(function="duration", arguments=(syntax_tree.Literal(text=str(text)),)):
                self.length += sign * _milliseconds(text, node)
            case _ if _clocked(node):
                raise _UnforeseenError(_first_clock(node))
            case _:
                self.others.append((node, sign))


def _milliseconds(text: str, node: syntax_tree.Node) -> int:
    """Return the length of a CEL duration such as `1h30m` in milliseconds.

    Raises _UnforeseenError for `node` if the text is not a duration, or if its length is not a whole number of milliseconds.
    """
    bare = text.removeprefix("-")
    parts = _LENGTH.findall(bare)
    length = sum(fractions.Fraction(number) * _UNITS[unit] for number, unit in parts)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != bare or length != int(length):
        raise _UnforeseenError(node)
    return -int(length) if text != bare else int(length)


def _number(node: syntax_tree.Node) -> float:
    match node:
        case syntax_tree.Literal(number=(int() | float()) as number) if abs(number) < 1e15:
            return number
        case syntax_tree.Call(function="-_", arguments=(syntax_tree.Literal(number=(int() | float()) as number),)) if (
            abs(number) < 1e15
        ):
            return -number
    raise _UnforeseenError(node)


def _clocked(node: syntax_tree.Node) -> bool:
    return any(_is_clock(each) for each, _ in field_reads.nodes(node))


def _is_clock(node: syntax_tree.Node) -> bool:
    match node:
        case syntax_tree.Name(name=name):
            return name.lstrip(".") == "now"
        case syntax_tree.Call(function=function):
            return function in environment.CLOCKED
    return False


def _first_clock(node: syntax_tree.Node) -> syntax_tree.Node:
    return next(each for each, _ in field_reads.nodes(node) if _is_clock(each))


def _written(node: syntax_tree.Node) -> str:
    """Return the CEL text of a node.

    Raises _UnforeseenError for a node that uses the clock, and for a node of a kind that this function cannot write, such as a
    macro.
    """
    if _clocked(node):
        raise _UnforeseenError(_first_clock(node))
    match node:
        case syntax_tree.Name(name=name):
            return name
        case syntax_tree.Select(operand=operand, field=field, test=False):
            return f"{_written(operand)}.{field}"
        case syntax_tree.Literal(text=str(text)):
            return json.dumps(text, ensure_ascii=False)
        case syntax_tree.Literal(number=(int() | float()) as number):
            return repr(number)
        case syntax_tree.Call(function=syntax_tree.INDEX, arguments=(of_, index)):
            return f"{_written(of_)}[{_written(index)}]"
        case syntax_tree.Call(function=function, arguments=(left, right)) if function in _BINARY:
            return f"({_written(left)} {_BINARY[function]} {_written(right)})"
        case syntax_tree.Call(function="timestamp" | "duration" as function, arguments=(argument,)):
            return f"{function}({_written(argument)})"
    raise _UnforeseenError(node)
