"""The stall timeout: the longest time that a reader waits without progress.

Used by every reader that reads a topic to its end. An open transaction stops readers of committed records until its coordinator
ends the transaction (20 s, and up to 10 s more). A change of the leader stops them for a moment. After a longer time without
progress, this client will not recover, but a new client may.
"""

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaTimeoutError

SECONDS: Final = 45.0


class Patience:
    """A limit for waiting: a reader's position must change within `seconds`."""

    def __init__(self, seconds: float = SECONDS, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._steady = seconds, steady
        self._stands: object = None
        self._since = steady()

    def stands(self, at: object) -> None:
        """Note the reader's position; raise `KafkaTimeoutError` if it has not changed within the limit."""
        now = self._steady()
        if at != self._stands:
            self._stands, self._since = at, now
        elif now - self._since > self._seconds:
            raise KafkaTimeoutError(f"Nothing came for {self._seconds:.0f} s, and the end is not reached.")
