"""The timer queue of one partition: for each second, the customers who have a timer that is due then.

The queue is filled when the states are loaded, and after each commit. The worker's clock takes the customers out whose timers are
due. Only the earliest timer of each customer is in the queue. An entry may be outdated, because the timer was cancelled or moved.
So the queue looks up the due time in the customer's state before it returns the customer, and drops outdated entries.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

CHUNK: Final = 500
"""The greatest number of customers in one event `timer.due`."""
AGAIN: Final = 5_000
"""Milliseconds after which a `timer.due` is sent again if the timer has not fired, because the first record may be lost."""


class TimerQueue:
    """A timer queue with one slot per second; a due time is rounded up to a full second, so that no timer fires too early."""

    def __init__(self) -> None:
        self._slots: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []
        self._sent: dict[bytes, int] = {}
        self._late: set[bytes] = set()

    def arm(self, due: int, key: bytes) -> None:
        """Add the customer with this key to the queue, whose earliest timer is due at `due` (ms since 1970)."""
        second = -(-due // 1000)
        slot = self._slots.get(second)
        if slot is None:
            self._slots[second] = [key]
            heapq.heappush(self._seconds, second)
        else:
            slot.append(key)

    def done(self, key: bytes) -> bool:
        """Note that a `timer.due` for this customer has arrived, or is not needed any more, because the state has changed.

        Returns True if a `timer.due` was on its way.
        """
        self._late.discard(key)
        return self._sent.pop(key, None) is not None

    @property
    def overdue(self) -> int:
        """The number of customers whose timer was not fired within `AGAIN` ms after its `timer.due` was sent."""
        return len(self._late)

    def due(
        self, time: int, wall: int, due_of: Callable[[bytes], int], *, strictly: bool, passed: int | None = None
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the customers whose earliest timer is due by `time`, in chunks: `(greatest due time in the chunk, customers)`.

        `time` and the due times are in ms since 1970. `wall` is the time (ms) of any clock that never jumps. `due_of` returns the
        due time in a customer's state. With `strictly`, only timers due before `time` are taken: under the stream clock, an event
        with exactly this time may still come, and the event wins the tie (docs/semantics.md#an-event-wins-a-tie).

        A customer who was yielded before is yielded again after `AGAIN` ms of `wall` if the timer is still due. If `passed` (a
        time of `wall`) is given, this is only done for customers who were yielded no later than `passed`. The `timer.due` of the
        others is still among the records that the worker has not handled yet, and a second one would only wait behind them.
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
        """Put customers into the queue again whose `timer.due` was sent at least `AGAIN` ms ago and has not arrived.

        `due` explains the arguments.
        """
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
