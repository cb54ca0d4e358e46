"""A time limit after which the reader of a topic gives up, if the reader makes no progress.

Called by the functions that read a topic to its end. Two delays are normal for a reader of committed records. While a transaction
is open, the reader must wait until the coordinator ends this transaction (20 s, and up to 10 s more). While a partition gets a
new leader, the reader must wait for a moment. A reader without progress for longer than `SECONDS` never makes progress again, but
a new client does.
"""

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaTimeoutError

SECONDS: Final = 45.0


class Patience:
    """A time limit for one reader: an error is raised if the reader's position has not changed for more than `seconds`.

    `steady` is a clock in seconds that never jumps.
    """

    def __init__(self, seconds: float = SECONDS, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._steady = seconds, steady
        self._stands: object = None
        self._since = steady()

    def stands(self, at: object) -> None:
        """Note the reader's position `at`; raise `KafkaTimeoutError` if the position has not changed for too long.

        `at` may have any type that can be compared, such as an offset or `{partition: offset}`.
        """
        now = self._steady()
        if at != self._stands:
            self._stands, self._since = at, now
        elif now - self._since > self._seconds:
            raise KafkaTimeoutError(f"Nothing came for {self._seconds:.0f} s, and the end is not reached.")
