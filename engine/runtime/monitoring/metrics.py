"""The metrics of a worker, under their Prometheus names.

Each partition calls `Metrics.wrote` once for each batch, after the broker has confirmed the batch, so no metric needs work for
each single event. The values of labels come only from journey definitions and from short fixed lists. A customer, an address or
a text must never be a label.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec
import prometheus_client as prometheus
from prometheus_client import core, registry

from engine import __version__
from engine.core.model import decisions

_DURATIONS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_LOADS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_RECORDS: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
_REASONED: Final = frozenset(
    (
        decisions.JourneyRefused.type,
        decisions.MessageSuppressed.type,
        decisions.MessageDeferred.type,
        decisions.MessageReported.type,
    )
)


class Written(msgspec.Struct, kw_only=True):
    """One batch of a partition, after the broker has confirmed it.

    `oldest` is the timestamp of the batch's first record (ms since 1970). `took` and `write_took` are durations in seconds.
    """

    partition: int
    records: int
    oldest: int
    decided: list[decisions.Decision] = []
    acted: Mapping[str, int] = {}
    """`{channel: number of actions}`."""
    buried: Mapping[str, int] = {}
    """`{reason: number of dead letters}`."""
    errors: Mapping[tuple[str, str], int] = {}
    """Number of conditions that could not be evaluated, by journey and path in the YAML."""
    activations: int = 0
    misplaced: int = 0
    """Number of customers who are new in this partition, although their key belongs to another partition."""
    took: float = 0.0
    """Seconds from the start of the batch until the broker has confirmed it."""
    write_took: float = 0.0


Wrote = Callable[[Written], None]


class Standing(msgspec.Struct, kw_only=True, frozen=True):
    """The progress of one assigned partition at one moment.

    `behind` is the time (seconds since 1970) since which the oldest unhandled record has been waiting, None if no record waits.
    `customers` is the number of customers with a state, and `bytes` is the size of their encoded states.
    """

    number: int
    loaded: bool = False
    lag: int = 0
    """Number of records in the partition that are not handled yet."""
    behind: float | None = None
    customers: int = 0
    bytes: int = 0
    waiting: int = 0
    """Number of customers with a timer that has not fired yet."""
    overdue: int = 0
    """Number of customers whose timer did not fire within five seconds after its `timer.due` was sent."""
    silent: float = 0.0
    """Seconds since the broker last answered a fetch of this partition; 0 while a record waits to be handled."""

    def lag_seconds(self, now: float) -> float:
        """Return for how many seconds the oldest unhandled record has waited at `now` (seconds since 1970), 0 if none waits."""
        return 0.0 if self.behind is None else max(0.0, now - self.behind)


class Metrics:
    """The Prometheus metrics of one worker; `wall` returns the current time in seconds since 1970.

    The metrics are in a registry of their own, not in Prometheus's global one, so two workers in one process do not share
    counters.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._wall = wall
        self._count()
        self._measure()
        self.standings: tuple[Standing, ...] = ()
        self.ready = False
        self.registry.register(_Now(self))
        prometheus.ProcessCollector(registry=self.registry)

    def _count(self) -> None:
        self._events = self._counter("events", "Records of customer.events handled, bad ones included.", "partition")
        self._decisions = self._counter("decisions", "Decisions recorded, by journey and type.", "journey", "type")
        self._actions = self._counter("actions", "Actions requested, by channel.", "channel")
        self._refusals = self._counter("refusals", "Entries refused, by journey and reason.", "journey", "reason")
        self._suppressions = self._counter("suppressions", "Messages suppressed, by journey and reason.", "journey", "reason")
        self._deferrals = self._counter(
            "deferrals", "Messages put off to a later time, by journey and reason.", "journey", "reason"
        )
        self._reports = self._counter("reports", "Receipts that said something new, by channel and status.", "channel", "status")
        self._failures = self._counter("failures", "Attempts that failed, by channel and failure class.", "channel", "failure")
        self._errors = self._counter(
            "condition_errors", "Conditions that gave no value (they count as false), by their place.", "journey", "path"
        )
        self._dead = self._counter("dead_letters", "Records put on dead.letters, by reason.", "reason")
        self._activations = self._counter(
            "activations", "Activations of a bundle that were read; a deploy has one for each partition."
        )
        self._misplaced = self._counter(
            "misplaced_customers",
            "Customers who came up in a wrong partition: not the one that murmur2 of the key gives.",
            "partition",
        )
        self._rebalances = self._counter(
            "rebalances", "Rebalances: times that the partitions were assigned to the workers again."
        )
        self._repaired = self._counter(
            "repaired_batches", "Batches that Kafka had committed by half and a worker made whole, by partition.", "partition"
        )
        self._unrepaired = self._counter(
            "unrepaired_batches",
            "Batches that Kafka had committed by half and no worker could make whole, by partition.",
            "partition",
        )
        info = prometheus.Info("dalang_worker", "The version of the worker.", registry=self.registry)
        info.info({"version": __version__})

    def _measure(self) -> None:
        self._batch = self._histogram("batch_duration_seconds", "Seconds from the start of a batch until it is on the broker.")
        self._write = self._histogram(
            "transaction_duration_seconds", "Seconds to write a batch, as one transaction if the broker has transactions."
        )
        self._size = self._histogram("batch_records", "Records in a batch.", _RECORDS)
        self._delay = self._histogram(
            "delay_seconds", "Seconds from the oldest record of a batch until its decisions are on the broker.", _AGES
        )
        self._load = self._histogram("load_duration_seconds", "Seconds to load the states of one partition.", _LOADS)

    def _counter(self, name: str, told: str, *labels: str) -> prometheus.Counter:
        return prometheus.Counter(f"dalang_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, buckets: Iterable[float] = _DURATIONS) -> prometheus.Histogram:
        return prometheus.Histogram(f"dalang_{name}", told, buckets=tuple(buckets), registry=self.registry)

    def wrote(self, batch: Written) -> None:
        """Add one batch, which the broker has confirmed, to the counters and histograms."""
        self._events.labels(str(batch.partition)).inc(batch.records)
        for channel, count in batch.acted.items():
            self._actions.labels(channel).inc(count)
        for reason, count in batch.buried.items():
            self._dead.labels(reason).inc(count)
        for place, count in batch.errors.items():
            self._errors.labels(*place).inc(count)
        if batch.activations:
            self._activations.inc(batch.activations)
        if batch.misplaced:
            self._misplaced.labels(str(batch.partition)).inc(batch.misplaced)
        self._decided(batch.decided)
        self._batch.observe(batch.took)
        self._write.observe(batch.write_took)
        self._size.observe(batch.records)
        self._delay.observe(max(0.0, self._wall() - batch.oldest / 1000))

    def _decided(self, decided: Iterable[decisions.Decision]) -> None:
        """Count decisions by type, and some of them also by reason, status or failure class."""
        for (journey, type_), count in Counter((each.journey, each.type) for each in decided).items():
            self._decisions.labels(journey, type_).inc(count)
        for each in decided:
            if each.type not in _REASONED:
                continue
            match each.data:
                case decisions.JourneyRefused(reason=reason):
                    self._refusals.labels(each.journey, reason).inc()
                case decisions.MessageSuppressed(reason=reason):
                    self._suppressions.labels(each.journey, reason).inc()
                case decisions.MessageDeferred(reason=reason):
                    self._deferrals.labels(each.journey, reason).inc()
                case decisions.MessageReported(channel=channel, status=status, failure=failure):
                    self._reports.labels(channel, status).inc()
                    if failure:
                        self._failures.labels(channel, failure).inc()

    def loaded(self, seconds: float) -> None:
        """Record how many seconds it took to load the states of one partition."""
        self._load.observe(seconds)

    def repaired(self, partition: int) -> None:
        """Count a batch of this partition that Kafka had committed by half and that a worker has made whole."""
        self._repaired.labels(partition).inc()

    def unrepaired(self, partition: int) -> None:
        """Count a batch of this partition that Kafka had committed by half and that no worker could make whole."""
        self._unrepaired.labels(partition).inc()

    def rebalanced(self, times: int = 1) -> None:
        """Add `times` to the number of rebalances of the consumer group."""
        self._rebalances.inc(times)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return prometheus.generate_latest(self.registry)

    def now(self) -> float:
        """Return the current time in seconds since 1970."""
        return self._wall()


class _Now(registry.Collector):
    """The gauges of a worker, made from the latest standings at each scrape.

    They are not stored between two scrapes, so a partition that the worker has lost disappears from the metrics.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[core.Metric]:
        standings, now = self._metrics.standings, self._metrics.now()
        loaded = [each for each in standings if each.loaded]
        yield core.GaugeMetricFamily("dalang_ready", "1 when /ready says yes, else 0.", float(self._metrics.ready))
        yield core.GaugeMetricFamily("dalang_partitions", "Partitions that this worker has.", len(standings))
        yield core.GaugeMetricFamily(
            "dalang_partitions_loading", "Partitions that this worker has and has not loaded yet.", len(standings) - len(loaded)
        )
        told: tuple[tuple[str, str, Callable[[Standing], float]], ...] = (
            ("lag_records", "Records on the log that are not handled.", lambda each: each.lag),
            ("lag_seconds", "Age in seconds of the oldest record that is not handled.", lambda each: each.lag_seconds(now)),
            ("customers", "Customers with a state.", lambda each: each.customers),
            ("state_bytes", "Bytes of the encoded states of customers.", lambda each: each.bytes),
            ("timers_waiting", "Customers with a timer that has not fired yet.", lambda each: each.waiting),
            ("timers_overdue", "Customers whose timer was due more than 5 s ago and has not fired.", lambda each: each.overdue),
        )
        for name, help_, value in told:
            family = core.GaugeMetricFamily(f"dalang_{name}", help_, labels=["partition"])
            for each in loaded:
                family.add_metric([str(each.number)], value(each))
            yield family


def uncounted(batch: Written) -> None:
    """Ignore a batch: the default for a partition without monitoring, such as one that `dalang state check` decides again."""
