"""Assignment: the arm of a split that a customer takes, and the customers who are held out.

Called by `steps/split.py` and at entries. Nothing is random: a hash of the salt, the arm and the unit (a customer or an instance)
gives a draw. Each arm has its own draw, and the arm with the greatest `draw ** (1 / weight)` wins (weighted rendezvous hashing).
So if an arm's weight grows, some units move from other arms to it and no others move. Decision 014 says why ranges are not used.
The calculation uses whole numbers only, because powers of floats may differ between machines. The draws must never change: they
decide the arm of every customer again at each deploy.
"""

import hashlib
from typing import Final

import msgspec

from engine.core.model import definition

BITS: Final = 64
"""The bits of a draw, which is a whole number from 1 to 2 ** 64."""
_PRECISION: Final = 128

_pack: Final = msgspec.msgpack.Encoder().encode


def arm(salt: str, unit: str, arms: tuple[definition.SplitArm, ...]) -> definition.SplitArm:
    """Return the arm of `unit`; each arm gets the share of units that its weight gives.

    An arm with weight 0 is never chosen, unless all weights are 0; then the first arm is.
    """
    best, highest = arms[0], 0
    for each in arms:
        if each.weight > 0:
            drawn = _draw(salt, each.id, unit)
            if not highest or _beats(drawn, each.weight, highest, best.weight):
                best, highest = each, drawn
    return best


def held_out(salt: str, unit: str, hundredths: int) -> bool:
    """Return True if `unit` belongs to the share of `hundredths` hundredths of a percent.

    A larger share contains every unit of a smaller one.
    """
    return (_draw(salt, unit) - 1) * 10_000 < hundredths << BITS


def _draw(*parts: str) -> int:
    # One msgpack array, so that the parts cannot run together: ("a", "bc") is not ("ab", "c").
    return int.from_bytes(hashlib.blake2b(_pack(parts), digest_size=BITS // 8).digest(), "big") + 1


def _beats(one: int, weight: int, other: int, others: int) -> bool:
    """Return True if (one / 2^64) ^ (1 / weight) > (other / 2^64) ^ (1 / others), compared in whole numbers, without rounding."""
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
    # Each step of `_power` loses less than its last bit, in all less than four times the exponent.
    # Sides that are nearer to each other than that are compared exactly.
    if abs(difference) > 8 * max(weight, others) << abs(apart):
        return difference > 0
    return bool(one**others << BITS * weight > other**weight << BITS * others)


def _power(base: int, exponent: int) -> tuple[int, int]:
    """Return `base ** exponent` cut to its first 128 bits, and the number of bits that were cut off.

    For large weights this is far less work than the whole power.
    """
    digits, behind = 1, 0
    for bit in bin(exponent)[2:]:
        digits, behind = digits * digits, behind * 2
        if bit == "1":
            digits *= base
        excess = digits.bit_length() - _PRECISION
        digits, behind = (digits >> excess if excess > 0 else digits << -excess), behind + excess
    return digits, behind
