"""The timer queue of one partition: the customers who have a timer due, second by second.

The queue is built while the states are loaded, and updated after each commit. The worker takes due customers from it. It holds
only the earliest timer of each customer. The state is the truth: an outdated entry of the queue costs one look-up and has no
effect.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

CHUNK: Final = 500
"""Greatest number of customers in one `timer.due`."""
AGAIN: Final = 5_000
"""Milliseconds after which a timer that was sent and is still due is sent again, because its record may be lost."""


class TimerQueue:
    """The timer queue, with one slot a second. A due time is rounded up to a full second, so that no timer fires early."""

    def __init__(self) -> None:
        self._slots: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []
        self._sent: dict[bytes, int] = {}
        self._late: set[bytes] = set()

    def arm(self, due: int, key: bytes) -> None:
        """Add the customer `key`, who has a timer due at `due` (ms since 1970)."""
        second = -(-due // 1000)
        slot = self._slots.get(second)
        if slot is None:
            self._slots[second] = [key]
            heapq.heappush(self._seconds, second)
        else:
            slot.append(key)

    def done(self, key: bytes) -> bool:
        """Note that a `timer.due` of this customer has arrived; return True if one was on its way."""
        self._late.discard(key)
        return self._sent.pop(key, None) is not None

    @property
    def overdue(self) -> int:
        """The number of customers whose timer was sent again, because it had not fired within `AGAIN` ms."""
        return len(self._late)

    def due(
        self, time: int, wall: int, due_of: Callable[[bytes], int], *, strictly: bool, passed: int | None = None
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Yield chunks of customers whose earliest timer is due by `time` (ms), each with the greatest due time in the chunk.

        `wall` is any clock in ms that does not jump. `due_of` gives the due time in a customer's state. With `strictly`, only
        timers due before `time` are taken: under the stream clock an event at that very time may still come, and it wins the
        tie (docs/semantics.md#an-event-wins-a-tie).

        A timer that was sent is sent again after `AGAIN` ms of `wall` if it is still due. With `passed`, only timers that were
        sent before that time of `wall` are sent again. The records of later ones are still unread in the topic, so a repeat would
        not help.
        """
        self._lost(wall, wall if passed is None else passed, due_of)
        again: list[tuple[int, bytes]] = []
        while self._seconds and self._seconds[0] * 1000 <= time:
            second = heapq.heappop(self._seconds)
            ready: dict[bytes, int] = {}
            for key in self._slots.pop(second):
                due = due_of(key)
                if -(-due // 1000) != second or key in self._sent:
                    continue  # cancelled, moved to another second, or on its way
                if due < time or (due == time and not strictly):
                    ready[key] = due
                else:
                    again.append((due, key))
            self._sent.update(dict.fromkeys(ready, wall))
            keys = sorted(ready, key=lambda each: (ready[each], each))
            for start in range(0, len(keys), CHUNK):
                chunk = keys[start : start + CHUNK]
                yield ready[chunk[-1]], chunk
        for due, key in again:
            self.arm(due, key)

    def _lost(self, wall: int, passed: int, due_of: Callable[[bytes], int]) -> None:
        """Queue the timers again that were sent long ago and have not arrived."""
        lost = []
        # Insertion order is the order of sending, so the first timer that was sent recently ends the search.
        for key, sent in self._sent.items():
            if wall - sent < AGAIN or sent > passed:
                break
            lost.append(key)
        for key in lost:
            del self._sent[key]
            self._late.add(key)
            self.arm(due_of(key), key)
