"""Conversion of Kafka timestamps (whole milliseconds since 1970-01-01T00:00:00Z) to `datetime` and back."""

import datetime

from engine.core.model import state
from engine.core.model.inputs import MILLISECOND


def milliseconds(at: datetime.datetime) -> int:
    """Convert a time to whole milliseconds since 1970-01-01T00:00:00Z, rounded down."""
    return (at - state.EPOCH) // MILLISECOND


def instant(ms: int) -> datetime.datetime:
    """Convert milliseconds since 1970-01-01T00:00:00Z to a time in UTC."""
    return state.EPOCH + ms * MILLISECOND
