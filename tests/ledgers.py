"""Counting what stands under a cap, by asking the cap."""

import datetime
import itertools

import msgspec

from engine.core.model import definition
from engine.core.rules import frequency_caps


def count(cap: definition.Cap, ledger: frequency_caps.Ledger, now: datetime.datetime, zone: datetime.tzinfo) -> int:
    """How many places are taken: one fewer than the least that must be allowed for one more to go now."""
    allowed = (msgspec.structs.replace(cap, at_most=most) for most in itertools.count(1))
    return next(each for each in allowed if frequency_caps.free_at(each, ledger, now, zone) == now).at_most - 1
