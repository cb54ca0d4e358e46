"""How long a reading that gets nowhere is waited for.

Called by whoever reads a topic to its end. A transaction that somebody left open holds readers of committed records back
until its coordinator ends it (20 s, and up to 10 s more); a leader that moves does so for a moment. What stands still for
longer than that stands for good, and a client that is made anew gets further than one that goes on waiting.
"""

import time
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaTimeoutError

SECONDS: Final = 45.0


class Patience:
    """Ends when where a reading stands has not changed for so many seconds."""

    def __init__(self, seconds: float = SECONDS, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._steady = seconds, steady
        self._stands: object = None
        self._since = steady()

    def stands(self, at: object) -> None:
        """Where it stands now. `KafkaTimeoutError` if it has stood there for too long."""
        now = self._steady()
        if at != self._stands:
            self._stands, self._since = at, now
        elif now - self._since > self._seconds:
            raise KafkaTimeoutError(f"Nothing came for {self._seconds:.0f} s, and the end is not reached.")
