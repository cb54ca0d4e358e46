"""Measures: the values of events that a trait takes, and how they add up and compare.

Called by `evaluate.py`, `tallies.py` and `compaction.py`, so that all computes have the same idea of a number and of equality.
Nothing here knows windows or tallies.
"""

import datetime
from typing import Any, Final

NUMBER: Final = 2**53
"""The largest number that counts: JSON carries whole numbers exactly only up to here (RFC 8259, section 6)."""
TEXT_BYTES: Final = 256
"""The most bytes of a text that counts as a value."""

_INT64: Final = 2**63


def number(value: Any) -> bool:
    """Return True if the value counts as a number: no bool, no NaN, no infinity, and none beyond `NUMBER`."""
    return (type(value) is int or type(value) is float) and -NUMBER <= value <= NUMBER


def plain(value: Any) -> bool:
    """Return True if the value can be kept: a number, a bool, a text of at most `TEXT_BYTES`, or a timestamp with a zone.

    A whole number must fit in 64 bits, and a float must be finite.
    """
    kind = type(value)
    if kind is str:
        return len(value) <= TEXT_BYTES and (value.isascii() or len(value.encode(errors="replace")) <= TEXT_BYTES)
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is float:
        return bool(value - value == 0.0)  # neither NaN nor infinite
    return kind is bool or (kind is datetime.datetime and value.tzinfo is not None)


def same(a: Any, b: Any) -> bool:
    """Return True if two values are equal as in CEL: 1 equals 1.0, and a number never equals a bool."""
    return bool(a == b) and (type(a) is bool) == (type(b) is bool)


def size(value: Any) -> int:
    """Return an upper bound of the value's bytes in msgpack."""
    if type(value) is str:
        return 3 + (len(value) if value.isascii() else len(value.encode(errors="replace")))
    return 15 if type(value) is datetime.datetime else 9


def total(numbers: tuple[int | float, ...]) -> int | float:
    """Return the sum, added in this order.

    Python's own `sum` rounds floats in another way from 3.12 on, and two machines must agree.
    """
    result: int | float = 0
    for each in numbers:
        result += each
    return _bounded(result)


def plus(a: int | float, b: int | float) -> int | float:
    """Return the sum; a whole number beyond 64 bits, which neither CEL nor msgpack has, becomes a float."""
    return _bounded(a + b)


def least(a: int | float, b: int | float) -> int | float:
    """Return the lesser number, and 1 rather than 1.0: events that come in another order then give the same text."""
    return b if b < a or (b == a and type(b) is int) else a


def greatest(a: int | float, b: int | float) -> int | float:
    """Return the greater number, and 1 rather than 1.0: events that come in another order then give the same text."""
    return b if b > a or (b == a and type(b) is int) else a


def _bounded(total: int | float) -> int | float:
    return total if type(total) is float or -_INT64 <= total < _INT64 else float(total)
