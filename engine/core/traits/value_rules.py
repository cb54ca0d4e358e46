"""Value rules: the values that a trait can count, and how values are added and compared.

`evaluate.py`, `tallies.py` and `compaction.py` call this file, so that all traits have the same rules for numbers and equality.
"""

import datetime
from collections.abc import Callable
from typing import Any, Final

NUMBER: Final = 2**53
"""The largest number that counts: JSON carries whole numbers exactly only up to here (RFC 8259, section 6)."""
TEXT_BYTES: Final = 256
"""The most bytes of a text that counts as a value."""

_INT64: Final = 2**63


def is_number(value: Any) -> bool:
    """Return True if a trait counts the value as a number: not a bool, not NaN or infinite, and at most `NUMBER` in size."""
    return (type(value) is int or type(value) is float) and -NUMBER <= value <= NUMBER


def is_storable(value: Any) -> bool:
    """Return True if a tally can keep the value: a number, a bool, a text of at most `TEXT_BYTES`, or a timestamp with a zone.

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
    """Return the sum, with the numbers added one by one in their order.

    Python's own `sum` is not used: since 3.12 it rounds floats in another way, and two machines must get the same sum.
    """
    result: int | float = 0
    for each in numbers:
        result += each
    return _bounded(result)


def plus(a: int | float, b: int | float) -> int | float:
    """Return the sum; a whole number beyond 64 bits, which neither CEL nor msgpack has, becomes a float."""
    return _bounded(a + b)


def least(a: int | float, b: int | float) -> int | float:
    """Return the lesser number; of 1 and 1.0 return 1, so that the order of the events does not change the text of a message."""
    return b if b < a or (b == a and type(b) is int) else a


def greatest(a: int | float, b: int | float) -> int | float:
    """Return the greater number; of 1 and 1.0 return 1, so that the order of the events does not change the text of a message."""
    return b if b > a or (b == a and type(b) is int) else a


def joined(join: Callable[[int | float, int | float], int | float], numbers: tuple[int | float, ...]) -> int | float:
    """Return one number from several, joined in their order; there must be at least one."""
    result = numbers[0]
    for each in numbers[1:]:
        result = join(result, each)
    return result


def _bounded(total: int | float) -> int | float:
    return total if type(total) is float or -_INT64 <= total < _INT64 else float(total)
