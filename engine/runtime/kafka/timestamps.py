"""Timestamps of Kafka records, in whole milliseconds since 1970-01-01T00:00:00Z, converted to and from datetimes."""

import datetime

from engine.core.model import state
from engine.core.model.inputs import MILLISECOND


def milliseconds(at: datetime.datetime) -> int:
    """Convert a time to whole milliseconds since 1970."""
    return (at - state.EPOCH) // MILLISECOND


def instant(ms: int) -> datetime.datetime:
    """Convert milliseconds since 1970 to a time."""
    return state.EPOCH + ms * MILLISECOND
