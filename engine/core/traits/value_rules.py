"""Value rules: which values of events a trait can use, and how values are added and compared.

Called by `evaluate.py`, `tallies.py` and `compaction.py`, so that all traits have the same rules for numbers and for equality.
"""

import datetime
from collections.abc import Callable
from typing import Any, Final

NUMBER: Final = 2**53
"""The greatest number that a trait counts; in JSON, greater whole numbers may not be exact (RFC 8259, section 6)."""
TEXT_BYTES: Final = 256
"""The greatest length, in bytes of UTF-8, of a text that a trait counts as a value."""

_INT64: Final = 2**63


def is_number(value: Any) -> bool:
    """Return True if a trait counts the value as a number.

    Such a number is an int or a float from `-NUMBER` to `NUMBER`. A bool, NaN and infinity do not count.
    """
    return (type(value) is int or type(value) is float) and -NUMBER <= value <= NUMBER


def is_storable(value: Any) -> bool:
    """Return True if a tally can store the value: a number, a bool, a text of at most `TEXT_BYTES`, or a timestamp with a zone.

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
    """Return an upper bound of the number of bytes that the value takes in msgpack."""
    if type(value) is str:
        return 3 + (len(value) if value.isascii() else len(value.encode(errors="replace")))
    return 15 if type(value) is datetime.datetime else 9


def total(numbers: tuple[int | float, ...]) -> int | float:
    """Return the sum of the numbers, added one by one in their order.

    Python's own `sum` is not used: it rounds floats in another way since Python 3.12, and the sum must not depend on the version
    of Python. A whole number beyond 64 bits becomes a float.
    """
    result: int | float = 0
    for each in numbers:
        result += each
    return _bounded(result)


def plus(a: int | float, b: int | float) -> int | float:
    """Return `a + b`. A whole number beyond 64 bits becomes a float, because CEL and msgpack have no such whole numbers."""
    return _bounded(a + b)


def least(a: int | float, b: int | float) -> int | float:
    """Return the lesser number; of two equal numbers, such as 1 and 1.0, return the int.

    A message shows 1 and 1.0 differently, and its text must not depend on the order in which the events came.
    """
    return b if b < a or (b == a and type(b) is int) else a


def greatest(a: int | float, b: int | float) -> int | float:
    """Return the greater number; of two equal numbers, such as 1 and 1.0, return the int.

    A message shows 1 and 1.0 differently, and its text must not depend on the order in which the events came.
    """
    return b if b > a or (b == a and type(b) is int) else a


def joined(join: Callable[[int | float, int | float], int | float], numbers: tuple[int | float, ...]) -> int | float:
    """Return one number computed from `numbers`: `join` is called with the result so far and the next number, in their order.

    `join` is `least` or `greatest`, for example. `numbers` must not be empty.
    """
    result = numbers[0]
    for each in numbers[1:]:
        result = join(result, each)
    return result


def _bounded(total: int | float) -> int | float:
    return total if type(total) is float or -_INT64 <= total < _INT64 else float(total)
