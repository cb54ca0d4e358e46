"""The monitoring of one worker: it observes the worker, and serves the worker's metrics and health over HTTP.

The worker reports its batches, loads and ticks. Once a second, this module also asks the worker for the progress of its
partitions. Nothing here changes what the worker does: this module makes no decisions, writes nothing to Kafka, and never ends
the process.
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
    """The monitoring of one worker: its metrics, its health, the HTTP server and the tracer.

    `wall` returns the current time of the Kafka broker's clock, in seconds since 1970.
    """

    def __init__(self, chosen: settings.Settings, wall: Callable[[], float] = time.time) -> None:
        self._settings, self._wall = chosen, wall
        self.metrics = metrics.Metrics(wall)
        self.health = health.Health(chosen.ready_lag, wall=wall)
        self._server: probes.Server | None = None
        self._tracer: tracing.Tracer | None = None
        self._rebalances = 0

    def open(self) -> None:
        """Start the HTTP server and the tracer if the settings ask for them; raise `errors.RuntimeFailure` on a failure."""
        self._tracer = tracing.tracer(self._settings.tracing)
        if self._settings.metrics_port is not None:
            self._server = probes.Server(self._settings.metrics_host, self._settings.metrics_port, self.metrics, self.health)
            _log.info("metrics served", port=self._server.port)

    def close(self) -> None:
        """Stop the HTTP server and the tracer."""
        if self._tracer is not None:
            self._tracer.close()
            self._tracer = None
        if self._server is not None:
            self._server.close()
            self._server = None

    def over(self) -> tuple[metrics.Wrote, Callable[..., inputs.Record]]:
        """Return two functions for one partition: the first reports a written batch, and the second decodes a record.

        With tracing, the second function also measures how long decoding takes.
        """
        if (tracer := self._tracer) is None:
            return self.metrics.wrote, inputs.decode
        stopwatch = tracing.Stopwatch()

        def wrote(batch: metrics.Written) -> None:
            self.metrics.wrote(batch)
            tracer.wrote(batch, stopwatch.take())

        return wrote, stopwatch.decode

    async def beat(self, look: Callable[[], health.Seen]) -> None:
        """Observe the worker by `look`, every `BEAT` seconds, until the task is cancelled.

        If this task stops, `/health` fails after `health.LOOP_WITHIN` seconds.
        """
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
        """Return the progress of one partition, for the metrics and for `/ready`.

        `current` is None until the partition is loaded. `fetched` is the progress of fetching, None if it is not known.
        `waiting` is the timestamp (ms since 1970) of the first fetched record that waits for the next batch, None if no record
        waits.
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
            # At most transaction markers are left in the partition. Markers are not records, so no record waits.
            silent = max(0.0, time.time() - fetched.answered)
        behind = None
        if lag:
            # The timestamp of a record that is not fetched yet is unknown, so its wait counts from when it was first noticed.
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
