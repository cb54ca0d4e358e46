"""Assignment: which arm of a split a customer or an instance takes, and which customers are in the holdout.

Called by `steps/split.py`, and by `decide/entry_rules.py` when a customer enters. The method is weighted rendezvous hashing. It
needs no random numbers: a hash of the salt, the arm's id and the unit (a customer or an instance) is the arm's draw. The arm with
the greatest `draw ** (1 / weight)` wins. If the weight of an arm grows, units move only from other arms to this arm. Decision 014
says why ranges of hashes are not used.

The calculation uses only whole numbers, because powers of floats may differ between machines. The calculation of a draw must
never change: otherwise customers would change their arms, and a replay would make other decisions than the worker made.
"""

import hashlib
from typing import Final

import msgspec

from engine.core.model import definition

BITS: Final = 64
"""The number of bits of a draw: a draw is a whole number from 1 to 2 ** 64."""
_PRECISION: Final = 128

_pack: Final = msgspec.msgpack.Encoder().encode


def arm(salt: str, unit: str, arms: tuple[definition.SplitArm, ...]) -> definition.SplitArm:
    """Return the arm for `unit`; over many units, each arm gets a share in proportion to its weight.

    `unit` is the id of a customer or of an instance. An arm with weight 0 is never chosen, unless all weights are 0; then the
    first arm is chosen.
    """
    best, highest = arms[0], 0
    for each in arms:
        if each.weight > 0:
            drawn = _draw(salt, each.id, unit)
            if not highest or _beats(drawn, each.weight, highest, best.weight):
                best, highest = each, drawn
    return best


def held_out(salt: str, unit: str, hundredths: int) -> bool:
    """Return True if `unit` (the id of a customer) is in the holdout.

    `hundredths` is the size of the holdout in hundredths of a percent (500 is 5 percent). If the size grows, every unit that was
    in the holdout stays in it.
    """
    return (_draw(salt, unit) - 1) * 10_000 < hundredths << BITS


def _draw(*parts: str) -> int:
    # The parts are packed as one msgpack array, so that ("a", "bc") and ("ab", "c") have different hashes.
    return int.from_bytes(hashlib.blake2b(_pack(parts), digest_size=BITS // 8).digest(), "big") + 1


def _beats(one: int, weight: int, other: int, others: int) -> bool:
    """Return True if the draw `one` of an arm with weight `weight` beats the draw `other` of an arm with weight `others`.

    That is so if (one / 2^64) ^ (1 / weight) > (other / 2^64) ^ (1 / others). The comparison is exact, in whole numbers.
    """
    if weight == others:
        return one > other
    divisor, rest = weight, others
    while rest:
        divisor, rest = rest, divisor % rest
    weight, others = weight // divisor, others // divisor
    # Both sides are raised to the power weight * others: one ^ others * 2 ^ (64 weight) > other ^ weight * 2 ^ (64 others).
    left, shift = _power(one, others)
    right, shifted = _power(other, weight)
    apart = (shift + BITS * weight) - (shifted + BITS * others)
    if abs(apart) > _PRECISION:
        return apart > 0
    difference = (left << max(apart, 0)) - (right << max(-apart, 0))
    # `_power` cuts bits off, so `left` and `right` are too small, each by less than four times its exponent (in units of the last
    # bit). If the difference may come from this error, the exact powers are compared.
    if abs(difference) > 8 * max(weight, others) << abs(apart):
        return difference > 0
    return bool(one**others << BITS * weight > other**weight << BITS * others)


def _power(base: int, exponent: int) -> tuple[int, int]:
    """Return `base ** exponent` cut to its first 128 bits, and the number of bits that were cut off.

    With a large exponent, this is far less work than the exact power.
    """
    digits, behind = 1, 0
    for bit in bin(exponent)[2:]:
        digits, behind = digits * digits, behind * 2
        if bit == "1":
            digits *= base
        excess = digits.bit_length() - _PRECISION
        digits, behind = (digits >> excess if excess > 0 else digits << -excess), behind + excess
    return digits, behind
