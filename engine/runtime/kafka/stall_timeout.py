"""The limit for how long a reader waits that makes no progress.

Called by whoever reads a topic to its end. An open transaction holds back readers of committed records until its coordinator
ends the transaction (20 s, and up to 10 s more). A leader that moves holds them back for a moment. A reader that makes no
progress for longer will never make any, while a new client gets further.
"""

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaTimeoutError

SECONDS: Final = 45.0


class Patience:
    """A limit that ends the waiting if the place where a reader stands has not changed for `seconds`."""

    def __init__(self, seconds: float = SECONDS, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._steady = seconds, steady
        self._stands: object = None
        self._since = steady()

    def stands(self, at: object) -> None:
        """Note the place where the reader stands; raise `KafkaTimeoutError` if that has not changed for too long."""
        now = self._steady()
        if at != self._stands:
            self._stands, self._since = at, now
        elif now - self._since > self._seconds:
            raise KafkaTimeoutError(f"Nothing came for {self._seconds:.0f} s, and the end is not reached.")
