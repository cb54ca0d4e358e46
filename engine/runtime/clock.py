"""The calendar of one partition: which customers have a timer due, second by second.

Rebuilt while the state is loaded, fed after each commit, emptied by the worker's clock. It holds only each customer's
earliest timer; the state is the truth, so an entry that is not true any more costs a look and nothing else.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

CHUNK: Final = 500
"""Customers in one `timer.due` at most."""
AGAIN: Final = 5_000
"""Milliseconds of the wall after which a timer that is still there is sent again: the record may be lost."""


class Calendar:
    """Slots of one second; a due time is rounded up to its second, never down: nothing may fire early."""

    def __init__(self) -> None:
        self._slots: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []
        self._sent: dict[bytes, int] = {}
        self._late: set[bytes] = set()

    def arm(self, due: int, key: bytes) -> None:
        """The customer `key` has a timer due at `due` (ms)."""
        second = -(-due // 1000)
        slot = self._slots.get(second)
        if slot is None:
            self._slots[second] = [key]
            heapq.heappush(self._seconds, second)
        else:
            slot.append(key)

    def done(self, key: bytes) -> bool:
        """What was sent for this customer has arrived; whether anything was on its way."""
        self._late.discard(key)
        return self._sent.pop(key, None) is not None

    @property
    def overdue(self) -> int:
        """How many customers have been due for more than `AGAIN` ms and not fired: they had to be sent again."""
        return len(self._late)

    def due(
        self, time: int, wall: int, due_of: Callable[[bytes], int], *, strictly: bool, passed: int | None = None
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Chunks of customers whose earliest timer is due by `time` (ms), each with the greatest due time in it.

        `wall` is any clock in ms that does not jump. `due_of` looks into the state. `strictly`: only timers due before `time`
        (the stream clock: an event at that very time may still come, and wins the tie). What is sent is sent again after
        `AGAIN` ms of the `wall`, if it is still due; with `passed` only what was sent before that time of the `wall`: the rest
        waits on a log that is behind, and would wait there twice.
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
        """Arm again what was sent long ago and never arrived."""
        lost = []
        # Insertion order is the order of sending, so the first young one ends the search.
        for key, sent in self._sent.items():
            if wall - sent < AGAIN or sent > passed:
                break
            lost.append(key)
        for key in lost:
            del self._sent[key]
            self._late.add(key)
            self.arm(due_of(key), key)
