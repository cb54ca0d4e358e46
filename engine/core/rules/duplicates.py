"""Duplicates: an event that a customer's state has seen already is dropped.

The decider asks `has_seen` before it handles an event; `evolution.py` adds each event that had an effect by `remembered`.
The state holds a digest of eight bytes for each of the last 64 such events.
"""

import hashlib
from typing import Final

from engine.core.model import state

_DIGEST_BYTES: Final = 8
_REMEMBERED: Final = 64


def digest(event_id: str) -> bytes:
    """Return the eight bytes by which an event id is remembered."""
    return hashlib.blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()


def has_seen(customer: state.Customer, wanted: bytes) -> bool:
    """Return True if the event of that digest is among the last 64 that had an effect on this customer."""
    seen = customer.seen
    at = seen.find(wanted)
    while at >= 0 and at % _DIGEST_BYTES:  # the bytes were found across two digests
        at = seen.find(wanted, at + 1)
    return at >= 0


def remembered(customer: state.Customer, short: bytes) -> bytes:
    """Return the digests of the customer's last 64 events with an effect, the event with the digest `short` included."""
    return (customer.seen + short)[-_DIGEST_BYTES * _REMEMBERED :]
