"""The time on the log: the broker's clock, as its answers tell it, carried on by this machine's monotonic clock.

Called by the worker, to see which timers are due. The clock of a machine can jump. The broker stamps what is on the log
(`message.timestamp.type=LogAppendTime`), and only the broker's time counts for a timer. The broker's answer to a write tells
its time, and a monotonic clock goes on from there. The result is a little behind the broker's time and never ahead, so nothing
is sent early.
"""

import time
from collections.abc import Callable

from aiokafka.structs import RecordMetadata

LOG_APPEND: int = 1
"""The `timestamp_type` of an answer whose timestamp is the broker's."""


class Wall:
    """The log's time in milliseconds; the machine's own time until a broker has told the log's."""

    def __init__(self, wall: Callable[[], float] | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._ahead: float | None = None

    def told(self, answer: RecordMetadata | None) -> None:
        """Take the time from a broker's answer to a write; the answer must have just come."""
        if answer is not None and answer.timestamp_type == LOG_APPEND:
            self._ahead = answer.timestamp - self._steady() * 1000

    def now(self) -> int:
        """Return the log's time in milliseconds since 1970."""
        if self._ahead is not None:
            return int(self._steady() * 1000 + self._ahead)
        # `time.time` is looked up at each call: a test may let the machine's clock jump.
        return int((self._wall or time.time)() * 1000)
