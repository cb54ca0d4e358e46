"""What time it is on the log: the broker's clock as its answers tell it, carried on by this machine's steady one.

Called by the worker for the question which timers are due. The wall clock of a machine can jump; the broker stamps what
is on the log (`message.timestamp.type=LogAppendTime`), and only its time counts for a timer. A broker's answer to a write
says its time; from there a monotonic clock goes on. It is a little behind, never ahead, so nothing is sent early.
"""

import time
from collections.abc import Callable

from aiokafka.structs import RecordMetadata

LOG_APPEND: int = 1
"""The `timestamp_type` of an answer whose time is the broker's."""


class Wall:
    """The log's time in milliseconds; the machine's own until a broker has told its."""

    def __init__(self, wall: Callable[[], float] | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._ahead: float | None = None

    def told(self, answer: RecordMetadata | None) -> None:
        """A broker's answer to a write that has just come."""
        if answer is not None and answer.timestamp_type == LOG_APPEND:
            self._ahead = answer.timestamp - self._steady() * 1000

    def now(self) -> int:
        """Milliseconds since 1970, at the log."""
        if self._ahead is not None:
            return int(self._steady() * 1000 + self._ahead)
        # Looked up at each call: a test may let the machine's clock jump.
        return int((self._wall or time.time)() * 1000)
