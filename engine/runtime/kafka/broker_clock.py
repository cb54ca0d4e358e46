"""The broker's time, taken from its answers and continued by this machine's monotonic clock.

The worker calls it to find the timers that are due. The clock of a machine can jump, and only the broker's time counts: the
broker stamps every record (`message.timestamp.type=LogAppendTime`). The broker's answer to a write contains its time, and a
monotonic clock continues from there. The result is a little behind the broker's time and never ahead of it, so no timer is sent
early.
"""

import time
from collections.abc import Callable

from aiokafka.structs import RecordMetadata

LOG_APPEND: int = 1
"""The `timestamp_type` of an answer whose timestamp is the broker's."""


class Wall:
    """The broker's time in milliseconds; until the first answer of a broker, the machine's time."""

    def __init__(self, wall: Callable[[], float] | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._ahead: float | None = None

    def told(self, answer: RecordMetadata | None) -> None:
        """Take the time from a broker's answer to a write. Call it as soon as the answer has come."""
        if answer is not None and answer.timestamp_type == LOG_APPEND:
            self._ahead = answer.timestamp - self._steady() * 1000

    def now(self) -> int:
        """Return the broker's time in milliseconds since 1970."""
        if self._ahead is not None:
            return int(self._steady() * 1000 + self._ahead)
        # `time.time` is looked up at each call: a test may let the machine's clock jump.
        return int((self._wall or time.time)() * 1000)
