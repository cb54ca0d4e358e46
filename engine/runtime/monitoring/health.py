"""The answers of `/health` and `/ready`: whether the worker is alive, and whether it keeps up with its work.

The worker's event loop reports to this file (`turned`, `ticked`, `seen`), and the thread of probes.py reads the answers. The
worker's health does not depend on the broker, because restarting a worker does not repair a broker. No function here waits or
takes a lock, so a blocked event loop is reported too.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from engine.runtime.monitoring import metrics

LOOP_WITHIN: Final = 30.0
"""Seconds without a turn after which the event loop counts as dead. A large batch may block it for some seconds."""
CLOCK_WITHIN: Final = 120.0
"""Seconds without a tick after which the clock counts as dead. A tick may wait for the broker for up to 40 s."""
SILENT_WITHIN: Final = 10.0
"""Seconds without an answer to a fetch after which the broker counts as away. It answers idle fetches every 1.5 s."""


class Seen(msgspec.Struct, kw_only=True, frozen=True):
    """An observation of the worker at one moment."""

    joined: bool = False
    """True if the worker is in the group and has got its assignment, which may be empty."""
    rebalancing: bool = False
    rebalances: int = 0
    """The number of rebalances so far."""
    stopping: bool = False
    standings: tuple[metrics.Standing, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The answer to a probe; `reasons` is empty if all is well."""

    reasons: tuple[str, ...]
    partitions: int

    @property
    def good(self) -> bool:
        """True if there are no reasons: the worker is healthy, or ready."""
        return not self.reasons

    def text(self) -> bytes:
        """Encode the answer as JSON."""
        told = {"ok": self.good, "reasons": self.reasons, "partitions": self.partitions}
        return msgspec.json.encode(told) + b"\n"


class Health:
    """The observations of one worker and the answers made from them.

    `monotonic` and `wall` are functions that return seconds; tests pass their own.
    """

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
        """Note that the event loop has made a turn."""
        self._turned = self._monotonic()

    def ticked(self) -> None:
        """Note that the clock, which writes `timer.due`, has made a tick."""
        self._ticked = self._monotonic()

    def seen(self, seen: Seen) -> None:
        """Store the newest observation of the worker."""
        self._seen = seen

    def health(self) -> Answer:
        """Return the answer of `/health`: good, or the reasons why the process must be restarted."""
        now, seen = self._monotonic(), self._seen
        reasons = []
        if now - self._turned > self._loop_within:
            reasons.append(f"the event loop has not turned for {now - self._turned:.0f} s")
        # The clock waits while states are loaded, however large they are; before the worker joins there is no clock.
        waits = not seen.joined or seen.rebalancing or any(not each.loaded for each in seen.standings)
        if now - self._ticked > self._clock_within and not waits:
            reasons.append(f"the clock has not ticked for {now - self._ticked:.0f} s")
        return Answer(tuple(reasons), len(seen.standings))

    def ready(self) -> Answer:
        """Return the answer of `/ready`: good, or the reasons why the worker does not keep up."""
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
