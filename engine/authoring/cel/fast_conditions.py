"""Shortcuts: parts of a condition that are evaluated without CEL, for speed alone.

Most conditions compare a field with a text (`event.data.path == "/pricing"`) or a number, and most events do not meet them.
`expressions.py` looks for the shortcuts of each condition once.

A shortcut always gives the same value as CEL. It gives a value only if both sides exist and are of one type (text, whole numbers,
doubles), or if the field itself is true or false. A conjunction is false as soon as one of its parts is false (CEL specification,
logical operators: `false && error` is false). In all other cases a shortcut gives None, and CEL evaluates the condition.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.authoring.cel import field_reads, syntax_tree

Value = Callable[[Any], Any]
"""A function that fetches the value of a path from a scope or an event."""
Part = Callable[[Any], bool | None]
"""A function that evaluates one part of a condition: True, False, or None if CEL has to evaluate it."""

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
    """The shortcuts of a condition; `whole` is true if every part of the condition has a shortcut."""

    parts: tuple[Part, ...]
    whole: bool

    def answer(self, names: Any) -> bool | None:
        """Return the value of the condition, or None if CEL has to evaluate it."""
        known = self.whole
        for part in self.parts:
            found = part(names)
            if found is False:
                return False
            known = known and found is True
        return True if known else None


def of(root: syntax_tree.Node, value_of: Callable[[field_reads.Use], Value | None]) -> Shortcuts | None:
    """Return the shortcuts of a condition; None if it has none.

    `value_of` returns the function that fetches the value of a path, or None.
    """
    conjuncts = list(_conjuncts(root))
    parts = [_part(each, value_of) for each in conjuncts]
    found = tuple(part for part in parts if part is not None)
    return Shortcuts(found, len(found) == len(conjuncts)) if found else None


def _conjuncts(node: syntax_tree.Node) -> "list[syntax_tree.Node]":
    match node:
        case syntax_tree.Call(function="_&&_", arguments=arguments):
            return [each for argument in arguments for each in _conjuncts(argument)]
        case _:
            return [node]


def _part(node: syntax_tree.Node, value_of: Callable[[field_reads.Use], Value | None]) -> Part | None:
    match node:
        case syntax_tree.Call(function=function, arguments=(left, right)) if function in _COMPARED:
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


def _constant(node: syntax_tree.Node) -> str | int | float | None:
    match node:
        case syntax_tree.Literal(text=str(constant)) | syntax_tree.Literal(number=int(constant) | float(constant)):
            return constant
    return None


def _side(node: syntax_tree.Node, value_of: Callable[[field_reads.Use], Value | None]) -> Value | None:
    constant = _constant(node)
    return _value(node, value_of) if constant is None else lambda _: constant


def _value(node: syntax_tree.Node, value_of: Callable[[field_reads.Use], Value | None]) -> Value | None:
    if isinstance(node, syntax_tree.Literal) or (isinstance(node, syntax_tree.Select) and node.test):
        return None
    use = field_reads.path_of(node)
    return None if use is None else value_of(use)


def _against(value_of: Value, constant: str | float, compare: Callable[[Any, Any], bool]) -> Part:
    """Return a part that compares a field with a constant; `_is_sure` must be true for the constant."""
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
    """Return a part for a field that is itself the condition, with a value if the field is true or false."""

    def part(names: Any) -> bool | None:
        value = value_of(names)
        return value if value is True or value is False else None

    return part


def _is_sure(value: Any) -> bool:
    """Return True if CEL certainly accepts the value: ASCII text, a double, or a whole number of at most 64 bits.

    Other text may contain half of a surrogate pair, which CEL refuses.
    """
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    return kind is float
