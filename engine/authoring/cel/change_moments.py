"""The moments at which a segment can change without an event.

Called by the linter and by `compile.py` with the text of a segment. A segment is examined at inputs and at these moments
(docs/semantics.md#segments-are-examined-when-they-can-change). So an expression may use the clock in two forms only:
`days_since(X)` compared with a number, or `now` once in a comparison such as `profile.birthday + duration("24h") < now`.
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

# `{operator: (does its result change at the moment when both sides are equal, does it change right after that)}`.
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
    """The moments of this node cannot be computed. This error is caught in this module."""

    def __init__(self, node: syntax_tree.Node) -> None:
        super().__init__(node)
        self.node = node


def check(text: str) -> Iterator[findings.Problem]:
    """Yield a problem for each use of the clock whose moments cannot be computed in advance."""
    for found in _foreseen(text):
        if isinstance(found, syntax_tree.Node):
            yield findings.Problem(_start(found, text), findings.UnforeseenTime, {})


def _start(node: syntax_tree.Node, text: str) -> int:
    """Return the offset at which the node's name starts; for a call, CEL gives the offset of its bracket instead."""
    if isinstance(node, syntax_tree.Call) and node.function in environment.CLOCKED:
        return max(text.rfind(node.function, 0, node.offset + 1), 0)
    return node.offset


def of(text: str, path: str) -> tuple[definition.Moment, ...]:
    """Return the moments of a valid segment, without repeats."""
    found = (each for each in _foreseen(text) if not isinstance(each, syntax_tree.Node))
    return tuple(
        definition.Moment(definition.Expression(at, path, expressions.roots(at)), offset) for at, offset in dict.fromkeys(found)
    )


@functools.lru_cache(maxsize=1_000)
def _foreseen(text: str) -> tuple[tuple[str, int] | syntax_tree.Node, ...]:
    return tuple(_found(expressions.tree(text)))


def _found(node: syntax_tree.Node) -> Iterator[tuple[str, int] | syntax_tree.Node]:
    """Yield each moment as (CEL text, offset in milliseconds), and each node that uses the clock in a form without moments."""
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
    # The comparison is `now + length <op> others`, so both sides are equal at `others - length`.
    offset = -total.length * total.clock
    at = _joined([(node, -sign * total.clock) for node, sign in total.others], left)
    for behind in _behind(operator):
        yield at, offset + behind


def _joined(terms: list[tuple[syntax_tree.Node, int]], comparison: syntax_tree.Node) -> str:
    """Return a sum as CEL text: first a term with a plus sign, then the other terms in their order.

    Raises _UnforeseenError if no term has a plus sign.
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
    """Return the first millisecond at which `days_since` is at least `days`, or with `after` more than `days`.

    The division is the same as in the function `days_since`, so that both round alike.
    """
    if abs(days) * _DAY > _LONGEST:
        days = _LONGEST // _DAY if days > 0 else -(_LONGEST // _DAY)
    milliseconds = int(days * _DAY) - 2
    while milliseconds / _DAY < days or (after and milliseconds / _DAY == days):
        milliseconds += 1
    return milliseconds


@dataclasses.dataclass(slots=True)
class _Sum:
    """A sum of times and lengths.

    `clock` is the number of times that `now` is in it, negative after a minus sign. `length` is the sum of the durations in
    milliseconds. `others` are the other terms with their signs.
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
    """Return the whole milliseconds of a CEL duration such as `1h30m`."""
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
    """Return a node as CEL text.

    Raises _UnforeseenError for a node that reads the clock, and for a kind of node that this function does not write.
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
