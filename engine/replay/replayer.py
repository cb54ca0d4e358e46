"""The replayer, which decides the events of a history again, and moves the clock unless a worker's clock is recorded in it.

Called by `dalang replay`, `dalang explain` and the demo. The replayer reads events, keeps one state per customer, and passes
each decision and action to an `Outlet`. No outlet may send an action: it may only write the action to a file.
"""

import datetime
import heapq
import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec

from engine.core import errors, fold_driver
from engine.core.context import catalog, trace
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs, state
from engine.replay import definitions, simulated_receipts, summary

Clock = Literal["virtual", "recorded"]


class Options(msgspec.Struct, frozen=True):
    """The options of a replay.

    Under the clock `virtual` each timer fires exactly at its due time. Under `recorded` timers fire at the history's
    `timer.due` events. With `drain`, the virtual clock runs on after the last event. With `until`, the replay takes inputs and
    timers up to and including that time, and there is no drain: docs/semantics.md#a-replay-until-a-time-includes-that-time

    With `receipts`, the replay simulates the receipts of the channels.
    """

    clock: Clock = "virtual"
    drain: bool = True
    until: datetime.datetime | None = None
    customers: frozenset[str] = frozenset()
    """The ids of the customers to replay; empty for all customers."""
    receipts: simulated_receipts.Model | None = None


class Share(msgspec.Struct, frozen=True):
    """The share of the customers that one process of a replay takes: process `index` (from 0) of `of` processes."""

    index: int = 0
    of: int = 1

    def owner(self, line: bytes) -> int | None:
        """Return the index of the process that takes a line, or None if every process takes it, because it has no subject.

        Process 0 takes the lines that cannot be read.
        """
        try:
            subject = _subject.decode(line).subject
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        return zlib.crc32(subject.encode()) % self.of if subject else None


class _Subject(msgspec.Struct):
    subject: str | None = None


_subject: Final = msgspec.json.Decoder(_Subject)
EVERYBODY: Final = Share()
DRAIN_AT_MOST: Final = datetime.timedelta(days=366)
"""The longest time that a drain lasts for a customer with a schedule, because a schedule can let her enter again for ever."""


class Outlet:
    """The receiver of a replay's results; this base class ignores the results, and subclasses write or collect them."""

    def decided(self, decision: decisions.Decision) -> None:
        """Receive one decision; the decisions of one customer come in the order in which they were made."""

    def acted(self, action: actions.Action) -> None:
        """Receive one action, which was derived from the last decision that `decided` received."""

    def took(self, at: datetime.datetime, customer: str, line: bytes) -> None:
        """Receive the JSON line of one input, for the history that a replay with simulated receipts writes.

        Called only if receipts are simulated. The inputs of one customer come in the order in which they were decided, and
        their `at` never goes back. `customer` is empty if the input has no subject.
        """


class Replayer:
    """One replay: it keeps the states of all customers and their timers, and decides the inputs of a history.

    `decided_by` is one catalog for the whole history, or definitions that return a catalog for each activation. `tracing`
    collects the evaluated conditions.
    """

    def __init__(
        self,
        decided_by: catalog.Catalog | definitions.Definitions,
        options: Options,
        outlet: Outlet,
        tracing: trace.Trace | None = None,
    ) -> None:
        held = definitions.Held(decided_by) if isinstance(decided_by, catalog.Catalog) else decided_by
        self.definitions, self.options, self.outlet = held, options, outlet
        self.tracing = tracing if tracing is not None else trace.Trace(detailed=False)
        self.summary = summary.Summary()
        self.customers: dict[str, state.Customer] = {}
        self._line, self._raw = 0, b""
        self._known: set[str] = set()
        self.due: dict[str, datetime.datetime] = {}
        self._weighs: dict[str, int] = {}
        self.partitions: dict[str, int | None] = {}
        self._drivers: dict[int | None, fold_driver.Driver[str]] = {}
        self._pending: dict[str, list[tuple[datetime.datetime, int, bytes]]] = {}
        self._sent = 0
        self._written: dict[str, datetime.datetime] = {}
        self._last: dict[str, datetime.datetime] = {}

    def run(self, lines: Iterable[bytes], share: Share = EVERYBODY) -> summary.Summary:
        """Decide the lines that belong to `share`, let the clock run on as the options say, and return the summary."""
        started = time.perf_counter()
        wanted, until = self.options.customers, self.options.until
        streaming = False  # True while the stream clock is in force in at least one partition
        for number, line in enumerate(lines, 1):
            self._line, self._raw = number, line
            owner = share.owner(line) if line and share.of > 1 else None
            foreign = owner not in (None, share.index)
            if not line or (foreign and not streaming):
                continue
            try:
                record = inputs.decode(line)
            except errors.Malformed as exc:
                if not foreign and (owner is not None or share.index == 0):
                    self._unreadable(exc.reason, exc.args[0])
                continue
            driver = self.driver(record.partition)
            event = driver.timed(record.event)
            if foreign or (until is not None and event.recorded > until):
                continue  # a line of another process was needed only to advance the stream's time, which `timed` has done
            if not event.subject:
                self._take_for_all(event, driver, line, count=share.index == 0)
                streaming = any(each.streaming for each in self._drivers.values())
            elif not wanted or event.subject in wanted:
                if record.partition is not None:
                    self.partitions[event.subject] = record.partition
                self._take(event, driver, line)
        self._line, self._raw = 0, b""
        self._finish()
        self.summary.customers, self.summary.found = len(self._known), self._known & wanted
        self.summary.seconds = time.perf_counter() - started
        for (journey, path), count in self.tracing.errors.items():
            self.summary.condition_errors[f"{journey} {path}"] += count
        return self.summary

    def _put_aside(self, reason: str, told: str) -> None:
        """Count the current record as skipped, because a worker would write it to the dead letters.

        `reason` is the reason of the dead letter, and `told` explains it in a sentence. The summary keeps the first record of
        each reason.
        """
        self.summary.put_aside(reason, told, self._line, self._raw)

    def _unreadable(self, reason: str, told: str) -> None:
        """Count the current line as skipped because it is not a valid event; the explainer overrides this method."""
        self._put_aside(reason, told)

    def driver(self, partition: int | None) -> fold_driver.Driver[str]:
        """Return the fold driver of a partition, created at the first call; None stands for lines without a partition."""
        found = self._drivers.get(partition)
        if found is None:
            found = self._drivers[partition] = _Customers(self, partition).driver
        return found

    def _driver_of(self, customer: str) -> fold_driver.Driver[str]:
        return self.driver(self.partitions.get(customer))

    def _take(self, event: inputs.Event, driver: fold_driver.Driver[str], line: bytes) -> None:
        """Handle an event of one customer: first let simulated receipts arrive before it, then decide the event.

        An event that cannot have an effect on the customer is not decided.
        """
        customer = event.subject
        self.summary.events += 1
        self._known.add(customer)
        if self.options.receipts is not None:
            self.advance(customer, event.recorded)
            self._write(customer, event.recorded, line)
        entering = driver.input_for(event, customer, known=customer in self.customers)
        if entering is not None:
            self.decide(customer, entering, driver)

    def _take_for_all(self, event: inputs.Event, driver: fold_driver.Driver[str], line: bytes, *, count: bool) -> None:
        """Handle an event without subject, for all customers of its partition or for the customers that the event names.

        Every process of the replay handles this event. Only the process with `count` counts it in the summary.
        """
        self.summary.events += count
        self.summary.activations += count and event.type == inputs.BUNDLE_ACTIVATED
        if not driver.take_for_all(event) and count:
            told = f"The bundle {str(event.field('bundle'))[:80]} is none of those that are known here."
            self._put_aside(fold_driver.UNKNOWN_BUNDLE, told)
        if count and self.options.receipts is not None:
            self.outlet.took(event.recorded, "", line)

    def decide(self, customer: str, event: inputs.Event, driver: fold_driver.Driver[str]) -> None:
        """Decide an input for one customer, store the new state, and pass the decisions and actions to the outlet.

        If the decider raises an error, the input is counted as skipped, and the state stays as it was.
        """
        before = self.customers.get(customer)
        done = driver.decided(before, event, customer, self._weighs.get(customer, 0))
        if type(done) is fold_driver.PutAside:  # faster than isinstance
            self._put_aside(done.reason, done.told)
            return
        if not done.facts:
            return
        if done.state is None:
            self.customers.pop(customer, None)
            self.due.pop(customer, None)
            self._weighs.pop(customer, None)
        else:
            self.customers[customer] = done.state
            self._weighs[customer] = done.weighs
            if before is None or done.state.timers is not before.timers:
                self._arm(customer, done.state)
        count, decided = self.summary.count, self.outlet.decided
        for decision in done.facts:
            if type(decision) is not decisions.Decision:
                continue
            count(decision)
            decided(decision)
            for action in decider.react(decision):
                self.outlet.acted(action)
                if self.options.receipts is not None:
                    self._expect(customer, action)

    def _arm(self, customer: str, known: state.Customer) -> None:
        """Store the due time of the customer's earliest timer in `due`; remove the customer from `due` if there is no timer."""
        if known.timers:
            self.due[customer] = known.next_due
        else:
            self.due.pop(customer, None)

    # Simulated receipts, and the virtual clock between inputs.

    def _expect(self, customer: str, action: actions.Action) -> None:
        assert self.options.receipts is not None
        for at, line in self.options.receipts.receipts(action):
            self._sent += 1
            heapq.heappush(self._pending.setdefault(customer, []), (at, self._sent, line))

    def advance(self, customer: str, until: datetime.datetime, *, through: bool = False) -> None:
        """Fire a customer's timers and let simulated receipts arrive, in order of time, as long as they are due before `until`.

        With `through`, timers and receipts at the time `until` are included. If a receipt and a timer have the same time, the
        receipt comes first.
        """
        while True:
            pending = self._pending.get(customer)
            due = self.due.get(customer, state.NEVER)
            arrives = pending[0][0] if pending else state.NEVER
            at = min(due, arrives)
            if at > until or at == state.NEVER or (at == until and not through):
                return
            if not pending and self._is_drained(customer, until):
                return
            if pending and arrives <= due:
                _, _, line = heapq.heappop(pending)
                record = inputs.decode(line)
                self.summary.events += 1
                self._write(customer, record.event.recorded, line)
                self.decide(customer, record.event, self._driver_of(customer))
            else:
                self._let_pass(customer, at)

    def _write(self, customer: str, recorded: datetime.datetime, line: bytes) -> None:
        """Pass the line of an input to the outlet, for the history that the replay writes.

        That history is sorted by time. So a line never gets an earlier time than the same customer's line before it. Otherwise
        the sort could change the order of the customer's lines.
        """
        at = max(self._written.get(customer, state.EPOCH), recorded)
        self._written[customer] = at
        self.outlet.took(at, customer, line)

    def _finish(self) -> None:
        """Let the clock of every customer run on after the last line: to `until` or, without `until`, to the end of the drain.

        Nothing happens under the recorded clock, or if the options have neither `until` nor a drain.
        """
        until = self.options.until
        if self.options.clock == "recorded" or (until is None and not self.options.drain):
            return
        for customer in sorted({*self.due, *self._pending}):
            if self.options.receipts is not None:
                self.advance(customer, until or state.NEVER, through=True)
            while self.due.get(customer, state.NEVER) <= (until or state.NEVER) and customer in self.due:
                if self._is_drained(customer, until or state.NEVER):
                    break
                if not self._let_pass(customer, self.due[customer]):
                    break

    def _is_drained(self, customer: str, until: datetime.datetime) -> bool:
        """Return True if the drain is over for a customer; in a drain the clock runs on after the last event of the history.

        The drain is over when only timers of schedules are left. For a customer with a schedule it is over after
        `DRAIN_AT_MOST` at the latest: docs/semantics.md#a-drain-ends-when-nothing-but-schedules-is-left

        If `until` is not `state.NEVER`, the clock runs to a fixed time. Then there is no drain, and the result is False.
        """
        if until != state.NEVER:
            return False
        known = self.customers[customer]
        last = self._last.setdefault(customer, known.now)
        scheduled = any(timer.kind == "schedule" for timer in known.timers.values())
        return known.drained or (scheduled and self.due[customer] - last > DRAIN_AT_MOST)

    def _let_pass(self, customer: str, at: datetime.datetime) -> bool:
        """Move a customer's clock to `at`, so that due timers fire; return False if the customer's state did not change.

        After False the caller must stop, because a second call would not change the state either.
        """
        before = self.customers.get(customer)
        self.decide(customer, inputs.tick(at), self._driver_of(customer))
        return self.customers.get(customer) is not before


class _Customers:
    """The customers of one partition of a history, in the form that the fold driver needs.

    If `partition` is None, the lines of the history name no partition, and these are all customers.
    """

    def __init__(self, replay: Replayer, partition: int | None) -> None:
        self._replay, self._partition, self._due = replay, partition, replay.due
        find, virtual = replay.definitions.activated, replay.options.clock == "virtual"
        self.driver = fold_driver.Driver(self, find, replay.definitions.first(), replay.tracing, virtual=virtual)

    def everybody(self) -> list[str]:
        """Return the ids of the partition's customers, as a list that stays the same while customers are decided."""
        return self._here(self._replay.customers)

    def is_due(self, customer: str, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        return self._due.get(customer, state.NEVER) <= until

    def due_by(self, until: datetime.datetime) -> Iterator[str]:
        """Yield the customers with a timer due at or before `until`.

        If receipts are simulated, the customer's receipts and timers up to `until` are handled first.
        """
        for customer in self.everybody():
            if self._replay.options.receipts is not None:
                self._replay.advance(customer, until, through=True)
            if self.is_due(customer, until):
                yield customer

    def concerned(self, timer_due: inputs.Event) -> Iterator[str]:
        """Yield the customers of a `timer.due` event whose earliest timer is due at or before the time of the event.

        If the event names no customers, it is for all customers of the partition.
        """
        named = timer_due.field("customers")
        for customer in self._here(self._due) if named is None else named:
            if self.is_due(customer, timer_due.recorded):
                yield customer

    def decide(self, customer: str, event: inputs.Event, *, before: bool = False) -> None:
        """Decide an input for one customer; `before` makes no difference in a replay."""
        self._replay.decide(customer, event, self.driver)

    def _here(self, customers: Iterable[str]) -> list[str]:
        known = self._replay.partitions
        return [each for each in customers if self._partition is None or known.get(each) == self._partition]
