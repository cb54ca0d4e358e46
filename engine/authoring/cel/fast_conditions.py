"""Shortcuts: Python functions that evaluate parts of a condition without CEL, to save time.

Most conditions compare a field with a text (`event.data.path == "/pricing"`) or a number, and are false for most events.
`expressions.py` makes the shortcuts of a condition once, and calls them before CEL.

A shortcut returns the same value as CEL, or None. It returns a value in two cases only: both sides of a comparison exist and have
the same type (text, whole number or double), or the part is a single field that is true or false. `a && b` is false as soon as
`a` or `b` is false (CEL specification, logical operators: `false && error` is false). If the shortcuts do not know the value of
the condition, CEL evaluates the condition.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.authoring.cel import field_reads, syntax_tree

Value = Callable[[Any], Any]
"""A function that takes a scope or an event, and returns the value of one path in it."""
Part = Callable[[Any], bool | None]
"""A function that takes a scope or an event, and evaluates one part of a condition.

It returns True or False, or None if only CEL can evaluate the part.
"""

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
    """The shortcuts of one condition: `parts` has a function for each part that can be evaluated without CEL.

    The parts of the condition `a && b` are `a` and `b`. `whole` is True if every part of the condition has such a function.
    """

    parts: tuple[Part, ...]
    whole: bool

    def answer(self, names: Any) -> bool | None:
        """Return True or False if the condition can be evaluated without CEL; otherwise None.

        `names` is the scope or the event from which the functions in `parts` take their values.
        """
        known = self.whole
        for part in self.parts:
            found = part(names)
            if found is False:
                return False
            known = known and found is True
        return True if known else None


def of(root: syntax_tree.Node, value_of: Callable[[field_reads.Use], Value | None]) -> Shortcuts | None:
    """Return the shortcuts of the condition with the syntax tree `root`; None if the condition has no shortcut.

    `value_of` is called with a path, and returns the function that fetches the value of the path. It returns None for a path
    whose value cannot be fetched without CEL.
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
    """Return a function that compares the value of a path with a constant.

    The caller has checked with `_is_sure` that CEL accepts the constant.
    """
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
    """Return a function for a condition that is a single path, such as `event.data.first`.

    The function returns the value of the path if this value is True or False; otherwise it returns None.
    """

    def part(names: Any) -> bool | None:
        value = value_of(names)
        return value if value is True or value is False else None

    return part


def _is_sure(value: Any) -> bool:
    """Return True if CEL certainly accepts the value: ASCII text, a double, or a whole number that fits into 64 bits.

    Text with other characters is not certain, because it may contain half of a surrogate pair, which CEL refuses.
    """
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    return kind is float
