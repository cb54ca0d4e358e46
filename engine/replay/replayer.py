"""The replayer: it folds a history, and fires timers itself if the history has no `timer.due` from a worker.

Called by `dalang replay`, `dalang explain` and the demo. The replayer reads events, keeps one state per customer, and passes
each decision and action to an outlet. It must never send an action; an outlet may only write it to a file.
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

    With `until`, the replay takes inputs and timers up to and including that time, and does not drain:
    docs/semantics.md#a-replay-until-a-time-includes-that-time
    """

    clock: Clock = "virtual"
    drain: bool = True
    until: datetime.datetime | None = None
    customers: frozenset[str] = frozenset()
    """The ids of the customers to replay; empty for all customers."""
    receipts: simulated_receipts.Model | None = None


class Share(msgspec.Struct, frozen=True):
    """The share of the customers that one of `of` worker processes handles: the one with the number `index`, from 0."""

    index: int = 0
    of: int = 1

    def owner(self, line: bytes) -> int | None:
        """Return the index of the process that handles a line; None for a line without a customer, which all processes handle.

        Process 0 handles the lines that cannot be read.
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
"""The longest drain for a customer with a schedule, who would otherwise enter again and again without end."""


class Outlet:
    """The receiver of a replay's results: this class ignores them; subclasses spool lines or collect a story."""

    def decided(self, decision: decisions.Decision) -> None:
        """Take one decision; the decisions of a customer come in their order."""

    def acted(self, action: actions.Action) -> None:
        """Take one action, which was derived from the decision before it."""

    def took(self, at: datetime.datetime, customer: str, line: bytes) -> None:
        """Take one input as its line, in the order of its customer; called only if receipts are simulated.

        `at` never goes back for a customer. `customer` is empty if the input has no subject.
        """


class Replayer:
    """The state of one replay: the states of all customers, and their clocks."""

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
        """Fold the lines of the share, then fire the remaining timers as the options say, and return the summary."""
        started = time.perf_counter()
        wanted, until = self.options.customers, self.options.until
        streaming = False  # whether the stream clock is in force in a partition
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
                continue  # the lines of other workers advance the stream's time here too, and do nothing else
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
        """Count the current record as one that a worker would write to the dead letters; keep the first of each reason."""
        self.summary.put_aside(reason, told, self._line, self._raw)

    def _unreadable(self, reason: str, told: str) -> None:
        """Count the current line as one that is not a valid event."""
        self._put_aside(reason, told)

    def driver(self, partition: int | None) -> fold_driver.Driver[str]:
        """Return the driver of a partition; lines without a partition are in partition None."""
        found = self._drivers.get(partition)
        if found is None:
            found = self._drivers[partition] = _Customers(self, partition).driver
        return found

    def _driver_of(self, customer: str) -> fold_driver.Driver[str]:
        return self.driver(self.partitions.get(customer))

    def _take(self, event: inputs.Event, driver: fold_driver.Driver[str], line: bytes) -> None:
        """Take an event about one customer."""
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
        """Handle an event without a subject, for the customers of its partition or for those that it lists.

        Every process handles the event, and the one with `count` adds it to the summary.
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

        If the decider raises an error, the input counts as a dead letter, and the state stays as it was.
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
        """Note the due time of the customer's earliest timer, or that the customer has no timer."""
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
        """Let a customer's timers fire and simulated receipts arrive, in order of time; a receipt wins a tie with a timer.

        Stop before `until`; with `through`, also take what is due at `until` itself.
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

        That history is sorted by time. A line never gets an earlier time than the customer's line before it, so that the lines
        of each customer stay in the order of the fold.
        """
        at = max(self._written.get(customer, state.EPOCH), recorded)
        self._written[customer] = at
        self.outlet.took(at, customer, line)

    def _finish(self) -> None:
        """End the history: let the clock of every customer run on to `until` or, without `until`, to the end of the drain.

        The clock does not run on if it is the recorded clock, or if the options have neither `until` nor a drain.
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
        """Return True if the drain is over for a customer; always False with an `until`, because then there is no drain.

        The drain is over when only timers of schedules are left. For a customer with a schedule it also ends after
        `DRAIN_AT_MOST`: docs/semantics.md#a-drain-ends-when-nothing-but-schedules-is-left
        """
        if until != state.NEVER:
            return False
        known = self.customers[customer]
        last = self._last.setdefault(customer, known.now)
        scheduled = any(timer.kind == "schedule" for timer in known.timers.values())
        return known.drained or (scheduled and self.due[customer] - last > DRAIN_AT_MOST)

    def _let_pass(self, customer: str, at: datetime.datetime) -> bool:
        """Fire a customer's timers that are due by `at`; return False if that changed nothing.

        Then another call would change nothing either, so the caller stops.
        """
        before = self.customers.get(customer)
        self.decide(customer, inputs.tick(at), self._driver_of(customer))
        return self.customers.get(customer) is not before


class _Customers:
    """The customers of one partition of a history, for the fold driver; all customers if the lines name no partition."""

    def __init__(self, replay: Replayer, partition: int | None) -> None:
        self._replay, self._partition, self._due = replay, partition, replay.due
        find, virtual = replay.definitions.activated, replay.options.clock == "virtual"
        self.driver = fold_driver.Driver(self, find, replay.definitions.first(), replay.tracing, virtual=virtual)

    def everybody(self) -> list[str]:
        """Return the customers of the partition as they are now."""
        return self._here(self._replay.customers)

    def is_due(self, customer: str, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        return self._due.get(customer, state.NEVER) <= until

    def due_by(self, until: datetime.datetime) -> Iterator[str]:
        """Yield the customers with a timer due by `until`; simulated receipts arrive before that."""
        for customer in self.everybody():
            if self._replay.options.receipts is not None:
                self._replay.advance(customer, until, through=True)
            if self.is_due(customer, until):
                yield customer

    def concerned(self, timer_due: inputs.Event) -> Iterator[str]:
        """Yield the customers of a `timer.due` who have a timer due at its time."""
        named = timer_due.field("customers")
        for customer in self._here(self._due) if named is None else named:
            if self.is_due(customer, timer_due.recorded):
                yield customer

    def decide(self, customer: str, event: inputs.Event, *, before: bool = False) -> None:
        """Decide an input for one customer."""
        self._replay.decide(customer, event, self.driver)

    def _here(self, customers: Iterable[str]) -> list[str]:
        known = self._replay.partitions
        return [each for each in customers if self._partition is None or known.get(each) == self._partition]
