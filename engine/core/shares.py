"""Shares: which arm of a split a customer takes, and who is held out.

Called by `steps/split.py` and at entries. No chance: a hash of salt, arm and unit (a customer or an instance) is the dice.
Each arm draws a number of its own, and the greatest `draw ** (1 / weight)` wins (weighted rendezvous hashing), so that an
arm that grows takes people in and moves nobody else; docs/decisions/014 says why not ranges. Whole numbers only: every
machine has the same powers, which nobody promises of floats. The draws are a storage format.
"""

import hashlib
from typing import Final

import msgspec

from engine.core import definition

BITS: Final = 64
"""A draw is a whole number from 1 to 2 ** 64."""
_PRECISION: Final = 128

_pack: Final = msgspec.msgpack.Encoder().encode


def arm(salt: str, unit: str, arms: tuple[definition.SplitArm, ...]) -> definition.SplitArm:
    """The arm of `unit`, each with its weight's share of all; an arm of weight 0 never, but for the first of nothing else."""
    best, highest = arms[0], 0
    for each in arms:
        if each.weight > 0:
            drawn = _draw(salt, each.id, unit)
            if not highest or _beats(drawn, each.weight, highest, best.weight):
                best, highest = each, drawn
    return best


def held_out(salt: str, unit: str, hundredths: int) -> bool:
    """Whether `unit` belongs to the share of so many hundredths of a percent; a larger share holds everybody of a smaller one."""
    return (_draw(salt, unit) - 1) * 10_000 < hundredths << BITS


def _draw(*parts: str) -> int:
    # One msgpack array, in which the parts cannot run together.
    return int.from_bytes(hashlib.blake2b(_pack(parts), digest_size=BITS // 8).digest(), "big") + 1


def _beats(one: int, weight: int, other: int, others: int) -> bool:
    """Whether (one / 2^64) ^ (1 / weight) > (other / 2^64) ^ (1 / others), exactly."""
    if weight == others:
        return one > other
    divisor, rest = weight, others
    while rest:
        divisor, rest = rest, divisor % rest
    weight, others = weight // divisor, others // divisor
    # Both sides to the power weight * others: one ^ others * 2 ^ (64 weight) > other ^ weight * 2 ^ (64 others).
    left, shift = _power(one, others)
    right, shifted = _power(other, weight)
    apart = (shift + BITS * weight) - (shifted + BITS * others)
    if abs(apart) > _PRECISION:
        return apart > 0
    difference = (left << max(apart, 0)) - (right << max(-apart, 0))
    # Each step of a power loses less than its last bit, in all less than four times the exponent; nearer is counted exactly.
    if abs(difference) > 8 * max(weight, others) << abs(apart):
        return difference > 0
    return bool(one**others << BITS * weight > other**weight << BITS * others)


def _power(base: int, exponent: int) -> tuple[int, int]:
    """`base ** exponent` cut to its first 128 bits, and how many bits were cut off: for large weights far less work than all."""
    digits, behind = 1, 0
    for bit in bin(exponent)[2:]:
        digits, behind = digits * digits, behind * 2
        if bit == "1":
            digits *= base
        excess = digits.bit_length() - _PRECISION
        digits, behind = (digits >> excess if excess > 0 else digits << -excess), behind + excess
    return digits, behind
