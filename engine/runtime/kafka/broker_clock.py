"""The broker's time: read from the broker's answers to writes, and continued by this machine's monotonic clock in between.

Called by the worker to see which timers are due. Timers follow the broker's time, because a machine's own clock can jump. The
broker writes its time into every record of `customer.events` (`message.timestamp.type=LogAppendTime`). Its answer to a write has
the same time, and a monotonic clock continues from this time. An answer needs a moment to arrive, so the result is a little
behind the broker's time and never ahead. So no timer fires too early.
"""

import time
from collections.abc import Callable

from aiokafka.structs import RecordMetadata

LOG_APPEND: int = 1
"""The value of `timestamp_type` in an answer if its timestamp comes from the broker's clock and not from the producer."""


class Wall:
    """A clock that shows the broker's time; before the first answer of a broker, it shows this machine's time.

    `wall` and `steady` are the machine's clock and its monotonic clock (seconds); tests replace them.
    """

    def __init__(self, wall: Callable[[], float] | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._ahead: float | None = None

    def told(self, answer: RecordMetadata | None) -> None:
        """Set the clock by a broker's answer to a write.

        Call this as soon as the answer has come. An answer without the broker's time, or None, changes nothing.
        """
        if answer is not None and answer.timestamp_type == LOG_APPEND:
            self._ahead = answer.timestamp - self._steady() * 1000

    def now(self) -> int:
        """Return the broker's time in milliseconds since 1970."""
        if self._ahead is not None:
            return int(self._steady() * 1000 + self._ahead)
        # `time.time` is looked up at each call, so that a test can replace it and let the machine's clock jump.
        return int((self._wall or time.time)() * 1000)
