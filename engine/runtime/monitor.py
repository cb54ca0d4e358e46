"""The monitor of one worker: its metrics, its health, and the HTTP server for both.

The worker reports events here (`wrote`, `loaded`, `ticked`) and, once a second, the progress of its partitions. The monitor does
not decide, write to Kafka or end the process.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from engine.core.model import inputs
from engine.runtime import logs, settings
from engine.runtime.consumer_group import faust_batches
from engine.runtime.monitoring import health, metrics, probes, tracing
from engine.runtime.partition import partition

BEAT: Final = 1.0
"""Seconds between two observations of the worker."""

_log = logs.log()


class Watch:
    """The observations of one worker, with the server and the tracer that report them. `wall` is the broker's time in seconds."""

    def __init__(self, chosen: settings.Settings, wall: Callable[[], float] = time.time) -> None:
        self._settings, self._wall = chosen, wall
        self.metrics = metrics.Metrics(wall)
        self.health = health.Health(chosen.ready_lag, wall=wall)
        self._server: probes.Server | None = None
        self._tracer: tracing.Tracer | None = None
        self._rebalances = 0

    def open(self) -> None:
        """Start the server and the tracer if the settings ask for them; raise an `errors.RuntimeFailure` if one cannot start."""
        self._tracer = tracing.tracer(self._settings.tracing)
        if self._settings.metrics_port is not None:
            self._server = probes.Server(self._settings.metrics_host, self._settings.metrics_port, self.metrics, self.health)
            _log.info("metrics served", port=self._server.port)

    def close(self) -> None:
        """Stop the server and the tracer."""
        if self._tracer is not None:
            self._tracer.close()
            self._tracer = None
        if self._server is not None:
            self._server.close()
            self._server = None

    def over(self) -> tuple[metrics.Wrote, Callable[..., inputs.Record]]:
        """Return two functions for one partition: the first takes its written batches, the second decodes its records."""
        if (tracer := self._tracer) is None:
            return self.metrics.wrote, inputs.decode
        stopwatch = tracing.Stopwatch()

        def wrote(batch: metrics.Written) -> None:
            self.metrics.wrote(batch)
            tracer.wrote(batch, stopwatch.take())

        return wrote, stopwatch.decode

    async def beat(self, look: Callable[[], health.Seen]) -> None:
        """Observe the worker every `BEAT` seconds, without end; `/health` fails if this stops."""
        while True:
            self.health.turned()
            seen = self._looked(look)
            self.health.seen(seen)
            self.metrics.standings = seen.standings
            self.metrics.rebalanced(seen.rebalances - self._rebalances)
            self._rebalances = seen.rebalances
            await asyncio.sleep(BEAT)

    def _looked(self, look: Callable[[], health.Seen]) -> health.Seen:
        try:
            return look()
        except Exception as exc:  # noqa: BLE001 - it looks into the fetcher's thread, which may get other partitions just now
            _log.warning("worker not measured", error=type(exc).__name__)
            return health.Seen(joined=True, rebalancing=True, rebalances=self._rebalances)

    def standing(
        self, number: int, current: partition.Partition | None, fetched: faust_batches.Fetched | None, waiting: int | None
    ) -> metrics.Standing:
        """Return the progress of a partition.

        `current` is None until the partition is loaded. `waiting` is the timestamp (ms) of the first record that waits.
        """
        if current is None:
            return metrics.Standing(number=number)
        store = current.store
        handled = store.record.offset
        oldest = current.oldest if current.oldest is not None else waiting
        lag, silent = 0, 0.0
        if fetched is not None and (fetched.position < fetched.end or handled < fetched.last or oldest is not None):
            lag = max(1, fetched.end - handled - 1)
        elif fetched is not None:
            # Only transaction markers are left on the log, and markers are no records.
            silent = max(0.0, time.time() - fetched.answered)
        behind = None
        if lag:
            # A record that was not fetched yet has no timestamp here: it counts from the moment when it was first noticed.
            behind = self._wall() if oldest is None else oldest / 1000
            before = self._standing(number)
            if oldest is None and before is not None and before.behind is not None:
                behind = before.behind
        return metrics.Standing(
            number=number,
            loaded=True,
            lag=lag,
            behind=behind,
            customers=store.customers,
            bytes=store.bytes,
            waiting=store.waiting,
            overdue=store.timer_queue.overdue,
            silent=silent,
        )

    def _standing(self, number: int) -> metrics.Standing | None:
        return next((each for each in self.metrics.standings if each.number == number), None)
