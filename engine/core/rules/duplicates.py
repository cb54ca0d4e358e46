"""Duplicates: how the engine recognises an event that it has already handled for a customer.

The decider calls `has_seen` before it handles an event, and drops the event if it is a duplicate. `evolution.py` calls
`remembered` after an event that had an effect. A customer's state contains a digest of eight bytes for each of the last 64 events
that had an effect.
"""

import hashlib
from typing import Final

from engine.core.model import state

_DIGEST_BYTES: Final = 8
_REMEMBERED: Final = 64


def digest(event_id: str) -> bytes:
    """Return the digest of an event's id: the eight bytes by which the customer's state remembers the event."""
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()


def has_seen(customer: state.Customer, wanted: bytes) -> bool:
    """Return True if `wanted` is the digest of one of the last 64 events that had an effect on the customer."""
    seen = customer.seen
    at = seen.find(wanted)
    while at >= 0 and at % _DIGEST_BYTES:  # a match across two neighbouring digests does not count
        at = seen.find(wanted, at + 1)
    return at >= 0


def remembered(customer: state.Customer, short: bytes) -> bytes:
    """Return the digests of the customer's state with the digest `short` added at the end; only the last 64 are kept."""
    return (customer.seen + short)[-_DIGEST_BYTES * _REMEMBERED :]
