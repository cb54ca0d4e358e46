"""The answers to `/health` (is the worker alive?) and to `/ready` (does the worker keep up with its records?).

The worker's event loop reports to this module by `turned`, `ticked` and `seen`. The HTTP thread of probes.py calls `health` and
`ready`. A dead broker does not make `/health` fail, because a restart of the worker would not mend the broker. No function here
waits or takes a lock, so the HTTP thread answers even while the event loop is stuck.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from engine.runtime.monitoring import metrics

LOOP_WITHIN: Final = 30.0
"""Seconds without a turn of the event loop after which `/health` fails. One large batch may block the loop for some seconds."""
CLOCK_WITHIN: Final = 120.0
"""Seconds without a tick of the worker's clock after which `/health` fails. One tick may wait for the broker for up to 40 s."""
SILENT_WITHIN: Final = 10.0
"""Seconds without an answer to a fetch after which `/ready` fails. A broker answers every 1.5 s, even if it has no records."""


class Seen(msgspec.Struct, kw_only=True, frozen=True):
    """The status of the worker at one moment.

    `stopping` is True after SIGTERM or SIGINT. `standings` is the progress of each assigned partition.
    """

    joined: bool = False
    """True if the worker has joined the consumer group and knows its partitions (possibly none)."""
    rebalancing: bool = False
    rebalances: int = 0
    """The number of rebalances since the start of the worker."""
    stopping: bool = False
    standings: tuple[metrics.Standing, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The answer to a probe: the reasons why the probe fails (none if it succeeds), and the number of assigned partitions."""

    reasons: tuple[str, ...]
    partitions: int

    @property
    def good(self) -> bool:
        """True if the probe succeeds, which means that `reasons` is empty."""
        return not self.reasons

    def text(self) -> bytes:
        """Encode the answer as one line of JSON."""
        told = {"ok": self.good, "reasons": self.reasons, "partitions": self.partitions}
        return msgspec.json.encode(told) + b"\n"


class Health:
    """The health of one worker: it stores the worker's latest reports, and answers `/health` and `/ready` from them.

    The limits `ready_lag`, `loop_within` and `clock_within` are in seconds. `monotonic` and `wall` return a time in seconds;
    tests replace these two clocks.
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
        """Record that the event loop runs; the monitoring calls this function once a second."""
        self._turned = self._monotonic()

    def ticked(self) -> None:
        """Record that the worker's clock runs; the worker calls this function at each tick."""
        self._ticked = self._monotonic()

    def seen(self, seen: Seen) -> None:
        """Store the newest status of the worker."""
        self._seen = seen

    def health(self) -> Answer:
        """Return the answer to `/health`, which fails if the process is stuck and must be killed and started again."""
        now, seen = self._monotonic(), self._seen
        reasons = []
        if now - self._turned > self._loop_within:
            reasons.append(f"the event loop has not turned for {now - self._turned:.0f} s")
        # The clock waits while states are loaded, which may take long. Before the worker joins the group there is no clock.
        waits = not seen.joined or seen.rebalancing or any(not each.loaded for each in seen.standings)
        if now - self._ticked > self._clock_within and not waits:
            reasons.append(f"the clock has not ticked for {now - self._ticked:.0f} s")
        return Answer(tuple(reasons), len(seen.standings))

    def ready(self) -> Answer:
        """Return the answer to `/ready`, which fails while the worker cannot handle records or is too far behind."""
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
