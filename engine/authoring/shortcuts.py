"""Shortcuts: the part of a condition that needs no CEL, for speed alone.

Most conditions compare a field with a text (`event.data.path == "/pricing"`) or a number, and most events do not meet them.
Called by `expressions.py` for each condition once; CEL stays the judge: a shortcut answers only where both sides are there and of
one type (text, whole numbers, doubles), or where the field is true or false itself, and a conjunction is false as soon as one of
its parts is (CEL specification, logical operators: `false && error` is false). For everything else it has no answer.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.authoring import reading, syntax

Value = Callable[[Any], Any]
"""What a path leads to in a scope, or in an event."""
Part = Callable[[Any], bool | None]
"""True, false, or None: CEL is to say."""

_COMPARED: Final = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_LARGEST: Final = (1 << 63) - 1


class Shortcuts(msgspec.Struct, frozen=True):
    """The parts that have a shortcut; `whole` if there are no others."""

    parts: tuple[Part, ...]
    whole: bool

    def answer(self, names: Any) -> bool | None:
        """What the condition is, where that is known without CEL."""
        known = self.whole
        for part in self.parts:
            found = part(names)
            if found is False:
                return False
            known = known and found is True
        return True if known else None


def of(root: syntax.Node, value_of: Callable[[reading.Use], Value | None]) -> Shortcuts | None:
    """The shortcuts of a condition; None if it has none. `value_of` gives what fetches a path."""
    conjuncts = list(_conjuncts(root))
    parts = [_part(each, value_of) for each in conjuncts]
    found = tuple(part for part in parts if part is not None)
    return Shortcuts(found, len(found) == len(conjuncts)) if found else None


def _conjuncts(node: syntax.Node) -> "list[syntax.Node]":
    match node:
        case syntax.Call(function="_&&_", arguments=arguments):
            return [each for argument in arguments for each in _conjuncts(argument)]
        case _:
            return [node]


def _part(node: syntax.Node, value_of: Callable[[reading.Use], Value | None]) -> Part | None:
    match node:
        case syntax.Call(function=function, arguments=(left, right)) if function in _COMPARED:
            compare = _COMPARED[function]
            constant = _constant(right)
            if constant is not None:
                value = _value(left, value_of)
                return None if value is None or not _is_sure(constant) else _against(value, constant, compare)
            one, other = _side(left, value_of), _value(right, value_of)
            return None if one is None or other is None else _compared(one, other, compare)
        case _:
            value = _value(node, value_of)
            return None if value is None else _itself(value)


def _constant(node: syntax.Node) -> str | int | float | None:
    match node:
        case syntax.Literal(text=str(constant)) | syntax.Literal(number=int(constant) | float(constant)):
            return constant
    return None


def _side(node: syntax.Node, value_of: Callable[[reading.Use], Value | None]) -> Value | None:
    constant = _constant(node)
    return _value(node, value_of) if constant is None else lambda _: constant


def _value(node: syntax.Node, value_of: Callable[[reading.Use], Value | None]) -> Value | None:
    if isinstance(node, syntax.Literal) or (isinstance(node, syntax.Select) and node.test):
        return None
    use = reading.path_of(node)
    return None if use is None else value_of(use)


def _against(value_of: Value, constant: str | float, compare: Callable[[Any, Any], bool]) -> Part:
    """Compared with a constant, which is sure."""
    kind = type(constant)

    def part(names: Any) -> bool | None:
        value = value_of(names)
        return compare(value, constant) if type(value) is kind and _is_sure(value) else None

    return part


def _compared(one: Value, other: Value, compare: Callable[[Any, Any], bool]) -> Part:
    def part(names: Any) -> bool | None:
        left, right = one(names), other(names)
        return compare(left, right) if type(left) is type(right) and _is_sure(left) and _is_sure(right) else None

    return part


def _itself(value_of: Value) -> Part:
    """A field that is true or false by itself."""

    def part(names: Any) -> bool | None:
        value = value_of(names)
        return value if value is True or value is False else None

    return part


def _is_sure(value: Any) -> bool:
    """Whether CEL takes the value for sure: not a whole number of more than 64 bits, nor half of a surrogate pair."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    return kind is float
