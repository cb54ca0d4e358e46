"""Duplicates: an event that a customer's state has seen already is dropped.

The decider calls `has_seen` before it handles an event. `evolution.py` calls `remembered` after an event that had an effect.
The state holds a digest of eight bytes for each of the last 64 such events.
"""

import hashlib
from typing import Final

from engine.core.model import state

_DIGEST_BYTES: Final = 8
_REMEMBERED: Final = 64


def digest(event_id: str) -> bytes:
    """Return the eight bytes that a state keeps of an event id."""
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()


def has_seen(customer: state.Customer, wanted: bytes) -> bool:
    """Return True if `wanted` is the digest of one of the last 64 events that had an effect on this customer."""
    seen = customer.seen
    at = seen.find(wanted)
    while at >= 0 and at % _DIGEST_BYTES:  # the bytes were found across two digests
        at = seen.find(wanted, at + 1)
    return at >= 0


def remembered(customer: state.Customer, short: bytes) -> bytes:
    """Return the digests that the state keeps, with the digest `short` added and the oldest dropped after 64."""
    return (customer.seen + short)[-_DIGEST_BYTES * _REMEMBERED :]
