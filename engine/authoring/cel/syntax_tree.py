"""The syntax tree of a CEL expression, decoded from the bytes of the protobuf message `cel.expr.ParsedExpr`.

`expressions.py` calls `decode`. The other files of this folder search the tree for the names and fields that an expression reads,
and for their positions in the text. CEL's Python binding returns the tree only as a serialized message. So this module decodes
the few fields of the message that are needed; their numbers are from cel/expr/syntax.proto.
"""

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
_CONST_INT, _CONST_UINT, _CONST_DOUBLE, _CONST_STRING = 3, 4, 5, 6
_SIGN: Final = 1 << 63

INDEX: Final = "_[_]"


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A node of the syntax tree.

    `offset` is a position in the text of the expression, in characters: of the dot for `a.b`, of the bracket for `a[0]`.
    """

    offset: int


@dataclasses.dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant: `text` is the value of a string, `number` the value of a number; both are None for any other constant."""

    text: str | None
    number: int | float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Name(Node):
    """The name of a variable, such as `now` or the `event` of `event.data`."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Select(Node):
    """The selection of a field: `operand.field`; `test` is True if the text is `has(operand.field)`."""

    operand: Node
    field: str
    test: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a function or an operator, with its arguments.

    An operator has CEL's name for it, such as `_+_`. In a method call `a.f(b)`, the first argument is `a`.
    """

    function: str
    arguments: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Group(Node):
    """A list literal with its items, or a map literal with its keys and values in turn: key, value, key, value."""

    is_list: bool
    parts: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """A macro such as `all`, `exists`, `map` or `filter`, in the form to which CEL expands the macro.

    `own` are the variable names that the macro defines, and `range` is the value that the macro loops over. `start` is the first
    value of the result. `inner` are the expressions that are evaluated during the loop and after the loop.
    """

    own: frozenset[str]
    range: Node
    start: Node
    inner: tuple[Node, ...]


def decode(serialized: bytes) -> Node:
    """Return the syntax tree in `serialized`: a message `cel.expr.ParsedExpr`, wrapped in `google.protobuf.Any`."""
    message = _only(_only(serialized, 2), 0)
    offsets = {}
    for entry in _all(_first(message, 3) or b"", 4):
        pair = dict(_fields(entry))
        offsets[pair[1]] = pair.get(2, 0)
    return _node(_first(message, 2) or b"", offsets)  # type: ignore[arg-type]


def _node(message: bytes, offsets: Mapping[object, object]) -> Node:
    fields = dict(_fields(message))
    at = offsets.get(fields.get(2, 0), 0)
    assert isinstance(at, int)
    for kind, body in fields.items():
        if kind == 2 or not isinstance(body, bytes):
            continue
        return _KINDS[kind](at, body, offsets)
    return Literal(at, None)


def _literal(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    for kind, value in _fields(body):
        if kind == _CONST_STRING and isinstance(value, bytes):
            return Literal(at, value.decode())
        if kind == _CONST_DOUBLE and isinstance(value, bytes):
            return Literal(at, None, struct.unpack("<d", value)[0])
        if kind in (_CONST_INT, _CONST_UINT) and isinstance(value, int):
            return Literal(at, None, value - 2 * _SIGN if kind == _CONST_INT and value >= _SIGN else value)
    return Literal(at, None)


def _name(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    return Name(at, _text(body, 1))


def _select(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    fields = dict(_fields(body))
    return Select(at, _node(_first(body, 1) or b"", offsets), _text(body, 2), bool(fields.get(3)))


def _call(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    arguments = tuple(_node(each, offsets) for number in (1, 3) for each in _all(body, number))
    return Call(at, _text(body, 2), arguments)


def _list(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    return Group(at, True, tuple(_node(each, offsets) for each in _all(body, 1)))


def _struct(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    parts = (part for entry in _all(body, 2) for number in (3, 4) for part in _all(entry, number))
    return Group(at, False, tuple(_node(each, offsets) for each in parts))


def _comprehension(at: int, body: bytes, offsets: Mapping[object, object]) -> Node:
    own = frozenset(_text(body, number) for number in (1, 3, 8)) - {""}
    inner = tuple(_node(_first(body, number) or b"", offsets) for number in (5, 6, 7))
    return Comprehension(at, own, _node(_first(body, 2) or b"", offsets), _node(_first(body, 4) or b"", offsets), inner)


_KINDS: Final = {
    _CONST: _literal,
    _IDENT: _name,
    _SELECT: _select,
    _CALL: _call,
    _LIST: _list,
    _STRUCT: _struct,
    _COMPREHENSION: _comprehension,
}


# Functions that decode the wire format of protocol buffers (protobuf.dev/programming-guides/encoding).


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case wire if wire == _VARINT:
                value, at = _varint(message, at)
                yield tag >> 3, value
            case wire if wire == _BYTES:
                size, at = _varint(message, at)
                yield tag >> 3, message[at : at + size]
                at += size
            case wire if wire in (_FIXED64, _FIXED32):
                size = 8 if wire == _FIXED64 else 4
                yield tag >> 3, message[at : at + size]
                at += size
            case wire:
                raise ValueError(f"Wire type {wire} is not in CEL's messages.")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _all(message: bytes, number: int) -> Iterator[bytes]:
    return (value for field, value in _fields(message) if field == number and isinstance(value, bytes))


def _first(message: bytes, number: int) -> bytes | None:
    return next(_all(message, number), None)


def _only(message: bytes, number: int) -> bytes:
    return message if number == 0 else _first(message, number) or b""


def _text(message: bytes, number: int) -> str:
    return (_first(message, number) or b"").decode()
