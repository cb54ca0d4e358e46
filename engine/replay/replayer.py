"""The replayer, which folds a history and moves the clock itself if no worker kept the time of the history.

Called by `dalang replay`, `dalang explain` and the demo. The replayer reads events, keeps one state per customer, and hands each
decision and action to an outlet. It must never send an action: an outlet may at most write the actions as lines.
"""

import datetime
import heapq
import time
import zlib
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from engine.core import errors
from engine.core.context import catalog, pauses, trace
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs, state
from engine.replay import definitions, simulated_receipts, summary

Clock = Literal["virtual", "recorded"]
UNKNOWN_BUNDLE: Final = "unknown_bundle"
"""The reason to put aside a `bundle.activated` that names an unknown bundle; the bundle before it stays live."""
FAILED: Final = "failed"
"""The reason to put aside a valid input that made the decider itself raise an error, which is a bug in Dalang."""


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
    """The part of the customers that one worker process takes: number `index`, from 0, of `of` workers."""

    index: int = 0
    of: int = 1

    def owner(self, line: bytes) -> int | None:
        """Return the index of the worker that takes a line, or None if every worker takes it because it names no customer.

        Worker 0 takes the lines that cannot be read.
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
"""The longest time that a drain lasts for a customer with a schedule, who could enter again and again without end."""


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
        self.catalogs, self.options, self.outlet = definitions.InForce(held), options, outlet
        self.tracing = tracing if tracing is not None else trace.Trace(detailed=False)
        self.summary = summary.Summary()
        self.customers: dict[str, state.Customer] = {}
        self._line, self._raw = 0, b""
        self._known: set[str] = set()
        self._due: dict[str, datetime.datetime] = {}
        self._weighs: dict[str, int] = {}
        self._partitions: dict[str, int | None] = {}
        self._clocks: dict[int | None, str] = {}
        self._pending: dict[str, list[tuple[datetime.datetime, int, bytes]]] = {}
        self._sent = 0
        self._written: dict[str, datetime.datetime] = {}
        self._last: dict[str, datetime.datetime] = {}
        self._held: dict[int | None, frozenset[str]] = {}
        self._stream: dict[int | None, datetime.datetime] = {}

    def run(self, lines: Iterable[bytes], share: Share = EVERYBODY) -> summary.Summary:
        """Fold the lines of the share, let the clock run on as the options say, and return the summary."""
        started = time.perf_counter()
        wanted = self.options.customers
        for number, line in enumerate(lines, 1):
            self._line, self._raw = number, line
            owner = share.owner(line) if line and share.of > 1 else None
            if not line or owner not in (None, share.index):
                continue
            try:
                record = inputs.decode(line)
            except errors.Malformed as exc:
                if owner is not None or share.index == 0:
                    self._unreadable(exc.reason, exc.args[0])
                continue
            if self._clocks or record.event.type in inputs.TIMELESS:
                record = self._timed(record)
            event = record.event
            if not event.subject:
                self._take_for_all(record, line, count=share.index == 0)
            elif not wanted or event.subject in wanted:
                self._take(record, line)
        self._line, self._raw = 0, b""
        self._finish()
        self.summary.customers, self.summary.found = len(self._known), self._known & wanted
        self.summary.seconds = time.perf_counter() - started
        for (journey, path), count in self.tracing.errors.items():
            self.summary.condition_errors[f"{journey} {path}"] += count
        return self.summary

    def _put_aside(self, reason: str, told: str) -> None:
        """Count the current record, which a worker would send to the dead letters, and keep the first of each reason."""
        self.summary.put_aside(reason, told, self._line, self._raw)

    def _unreadable(self, reason: str, told: str) -> None:
        """Put aside the current line because it is not a valid event."""
        self._put_aside(reason, told)

    def _timed(self, record: inputs.Record) -> inputs.Record:
        """Return the record; under the stream clock, an operator's record gets the stream's time as its recorded time.

        This includes the activation that starts the stream clock. All other records advance the stream's time:
        docs/semantics.md#the-stream-clock-goes-by-recorded-times
        """
        event, partition = record.event, record.partition
        if event.type not in inputs.TIMELESS:
            if self._clocks.get(partition) == "stream":
                self._stream[partition] = max(self._stream.get(partition, state.EPOCH), event.recorded)
            return record
        if "stream" not in (self._clocks.get(partition), event.field("clock")):
            return record
        at = self._stream.get(partition, state.EPOCH)
        return msgspec.structs.replace(record, event=msgspec.structs.replace(event, recorded=at))

    def _take(self, record: inputs.Record, line: bytes) -> None:
        """Take an event about one customer."""
        event, customer = record.event, record.event.subject
        if self.options.until is not None and event.recorded > self.options.until:
            return
        self.summary.events += 1
        self._known.add(customer)
        if record.partition is not None:
            self._partitions[customer] = record.partition
        if self.options.receipts is not None:
            self._advance(customer, event.recorded)
            self._write(customer, event.recorded, line)
        if self.catalogs[record.partition].takes(event.type, known=customer in self.customers):
            self._transition(customer, event, record.partition)
        elif customer in self._due and self._due[customer] <= event.recorded:
            self._transition(customer, inputs.tick(event.recorded), record.partition)

    def _take_for_all(self, record: inputs.Record, line: bytes, *, count: bool) -> None:
        """Take an event without subject, which concerns the customers of its partition or those that it names.

        Every worker takes the event, and one of them adds it to the summary: the one with `count`.
        """
        event = record.event
        if self.options.until is not None and event.recorded > self.options.until:
            return
        self.summary.events += count
        if event.type == inputs.BUNDLE_ACTIVATED:
            self._activate(record, count=count)
        elif event.type == inputs.JOURNEY_COMMAND:
            self._obey(record)
        if count and self.options.receipts is not None:
            self.outlet.took(event.recorded, "", line)
        if event.type == inputs.TIMER_DUE:
            for customer in self._concerned(record):
                if self._due.get(customer, state.NEVER) <= event.recorded:
                    self._transition(customer, event, record.partition)

    def _activate(self, record: inputs.Record, *, count: bool) -> None:
        """Make the bundle of the record live, and its clock the one in force, in the partition of the record.

        An unknown bundle changes nothing: docs/semantics.md#an-unknown-bundle-changes-nothing
        """
        self.summary.activations += count
        self._pass_time(record)
        before = self.catalogs[record.partition]
        if self.catalogs.activate(record.partition, record.event.field("bundle")):
            self._clocks[record.partition] = str(record.event.field("clock") or "wall")
            if self.catalogs[record.partition].concerns_all(before):
                self._decide_all(record)
        elif count:
            told = f"The bundle {str(record.event.field('bundle'))[:80]} is none of those that are known here."
            self._put_aside(UNKNOWN_BUNDLE, told)

    def _obey(self, record: inputs.Record) -> None:
        """Apply an operator's command to everybody in the partition."""
        event, partition = record.event, record.partition
        self._pass_time(record)
        self._held[partition] = pauses.held_after(self._held.get(partition, frozenset()), event)
        if event.field("command") != "pause":
            self._decide_all(record)

    def _pass_time(self, record: inputs.Record) -> None:
        """Fire the timers that are due before an input for everybody, under the bundle and the pauses before that input.

        docs/semantics.md#timers-fire-before-inputs-for-everybody
        """
        just_before = record.event.recorded - inputs.MILLISECOND
        for customer in self._all(record.partition):
            if self.options.receipts is not None:
                self._advance(customer, just_before, through=True)
            if self._due.get(customer, state.NEVER) <= just_before:
                self._transition(customer, inputs.tick(just_before), record.partition)

    def _all(self, partition: int | None) -> list[str]:
        """Return the customers of a partition, or all customers if the lines name no partition."""
        return [each for each in self.customers if partition is None or self._partitions.get(each) == partition]

    def _decide_all(self, record: inputs.Record) -> None:
        """Decide an input for every customer of the partition."""
        for customer in self._all(record.partition):
            self._transition(customer, record.event, record.partition)

    def _concerned(self, record: inputs.Record) -> list[str]:
        named = record.event.field("customers")
        if named is not None:
            return [customer for customer in named if customer in self.customers]
        if record.partition is None:
            return list(self._due)
        return [customer for customer in self._due if self._partitions.get(customer) == record.partition]

    def _transition(self, customer: str, event: inputs.Event, partition: int | None) -> None:
        """Decide an input for one customer, keep the new state, and hand the decisions and actions to the outlet.

        An input for which the decider raises an error is put aside, and the state stays as it was.
        """
        punctual = self.options.clock == "virtual" or self._clocks.get(partition) == "stream"
        before = self.customers.get(customer)
        try:
            done = decider.transition(
                self.catalogs[partition],
                before,
                event,
                customer_id=customer,
                punctual=punctual,
                trace=self.tracing,
                held=self._held.get(partition, decider.NOBODY),
                weighs=self._weighs.get(customer, 0),
            )
        except errors.Malformed as exc:
            self._put_aside(exc.reason, exc.args[0])
            return
        except Exception as exc:  # noqa: BLE001 - as in the worker, one customer must not stop the others
            self._put_aside(FAILED, f"The decider raised {type(exc).__name__}.")
            return
        if not done.facts:
            return
        if done.state is None:
            self.customers.pop(customer, None)
            self._due.pop(customer, None)
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
            self._due[customer] = known.next_due
        else:
            self._due.pop(customer, None)

    # Simulated receipts, and the virtual clock between inputs.

    def _expect(self, customer: str, action: actions.Action) -> None:
        assert self.options.receipts is not None
        for at, line in self.options.receipts.receipts(action):
            self._sent += 1
            heapq.heappush(self._pending.setdefault(customer, []), (at, self._sent, line))

    def _advance(self, customer: str, until: datetime.datetime, *, through: bool = False) -> None:
        """Let a customer's timers fire and simulated receipts arrive, in order of time; a receipt wins a tie with a timer.

        Stop before `until`; with `through`, also take what is due at `until` itself.
        """
        while True:
            pending = self._pending.get(customer)
            due = self._due.get(customer, state.NEVER)
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
                self._transition(customer, record.event, self._partitions.get(customer))
            else:
                self._transition(customer, inputs.tick(at), self._partitions.get(customer))

    def _write(self, customer: str, recorded: datetime.datetime, line: bytes) -> None:
        """Hand the line of an input to the outlet, for the history that the replay writes.

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
        for customer in sorted({*self._due, *self._pending}):
            if self.options.receipts is not None:
                self._advance(customer, until or state.NEVER, through=True)
            while self._due.get(customer, state.NEVER) <= (until or state.NEVER) and customer in self._due:
                if self._is_drained(customer, until or state.NEVER):
                    break
                if not self._let_pass(customer, self._due[customer], self._partitions.get(customer)):
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
        return known.drained or (scheduled and self._due[customer] - last > DRAIN_AT_MOST)

    def _let_pass(self, customer: str, at: datetime.datetime, partition: int | None) -> bool:
        """Let time pass for a customer up to `at`; return False if that changed nothing.

        Then a second try would change nothing either, so the caller stops.
        """
        before = self.customers.get(customer)
        self._transition(customer, inputs.tick(at), partition)
        return self.customers.get(customer) is not before
