"""What `/health` and `/ready` answer: whether the worker turns, and whether it does its work now.

The worker's loop tells it (`turned`, `ticked`, `seen`), the thread of `probes.py` asks. Health needs no broker: a restart does
not mend one. Nothing here waits or locks, so a loop that stands still is still reported.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from engine.runtime import metrics

LOOP_WITHIN: Final = 30.0
"""Seconds after which a loop that has not turned is dead. A batch of everybody's timers may take some."""
CLOCK_WITHIN: Final = 120.0
"""Seconds after which the clock is dead. It waits for the broker up to 40 s at a time, which is no death."""
SILENT_WITHIN: Final = 10.0
"""Seconds without any answer to a fetch after which the broker is away: it answers idle ones every 1.5 s."""


class Seen(msgspec.Struct, kw_only=True, frozen=True):
    """The worker as it looked at one moment."""

    joined: bool = False
    """It is in the group and knows its partitions, which may be none."""
    rebalancing: bool = False
    rebalances: int = 0
    """How often that happened."""
    stopping: bool = False
    standings: tuple[metrics.Standing, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """What a probe is told; `reasons` is empty where all is well."""

    reasons: tuple[str, ...]
    partitions: int

    @property
    def good(self) -> bool:
        """Whether there is nothing against it."""
        return not self.reasons

    def text(self) -> bytes:
        """As JSON."""
        told = {"ok": self.good, "reasons": self.reasons, "partitions": self.partitions}
        return msgspec.json.encode(told) + b"\n"


class Health:
    """What is known of one worker. `monotonic` and `wall` are clocks in seconds, given by tests."""

    def __init__(
        self,
        ready_lag: float,
        *,
        loop_within: float = LOOP_WITHIN,
        clock_within: float = CLOCK_WITHIN,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._ready_lag, self._loop_within, self._clock_within = ready_lag, loop_within, clock_within
        self._monotonic, self._wall = monotonic, wall
        self._turned = self._ticked = monotonic()
        self._seen = Seen()

    def turned(self) -> None:
        """The event loop turns."""
        self._turned = self._monotonic()

    def ticked(self) -> None:
        """The clock that writes `timer.due` goes on."""
        self._ticked = self._monotonic()

    def seen(self, seen: Seen) -> None:
        """The worker as it looks now."""
        self._seen = seen

    def health(self) -> Answer:
        """Whether the process is alive: else it is to be killed and started again."""
        now, seen = self._monotonic(), self._seen
        reasons = []
        if now - self._turned > self._loop_within:
            reasons.append(f"the event loop has not turned for {now - self._turned:.0f} s")
        # While a state is loaded the clock waits for it, however large it is; before joining there is none.
        waits = not seen.joined or seen.rebalancing or any(not each.loaded for each in seen.standings)
        if now - self._ticked > self._clock_within and not waits:
            reasons.append(f"the clock has not ticked for {now - self._ticked:.0f} s")
        return Answer(tuple(reasons), len(seen.standings))

    def ready(self) -> Answer:
        """Whether the worker handles what comes, as it comes."""
        seen, reasons = self._seen, [*self.health().reasons]
        if seen.stopping:
            reasons.append("stopping")
        if not seen.joined:
            reasons.append("not in the group yet")
        if seen.rebalancing:
            reasons.append("rebalancing")
        loading = [str(each.number) for each in seen.standings if not each.loaded]
        if loading:
            reasons.append(f"loading partitions {', '.join(loading)}")
        silent = max((each.silent for each in seen.standings), default=0.0)
        if silent > SILENT_WITHIN:
            reasons.append(f"the broker has not answered for {silent:.0f} s")
        for each in seen.standings:
            behind = each.lag_seconds(self._wall())
            if behind > self._ready_lag:
                reasons.append(f"partition {each.number} is {behind:.0f} s behind, {self._ready_lag:g} s are allowed")
        return Answer(tuple(reasons), len(seen.standings))
