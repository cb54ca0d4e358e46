"""The fold driver: for each input of a partition, it finds the customers that the input concerns and handles it for each of them.

The worker and the replay use the same driver, so a replay makes the same decisions as the worker made. The caller (the worker or
the replay) stores the customers' states and writes the decisions; it implements the protocol `Customers`. The driver does no I/O
and reads no clock.

1. `timed` sets the time of an input. Under the stream clock, an operator's input gets the stream's current time.
2. `input_for` is for an event of one customer. If no definition uses the event's type, the event itself has no effect; then only
   the customer's timers that are due by the event's time fire.
3. `take_for_all` is for `timer.due`. It handles the input for each customer that the input lists (without a list: all customers
   of the partition), if the customer has a timer due.
4. `take_for_all` is also for an activation, and for a command to all customers. First the timers that are due before the input
   fire for all customers. Then the new bundle or the pause takes effect. Then the input is handled for every customer, unless
   it can have no effect on anybody.
"""

import datetime
from collections.abc import Callable, Iterable
from typing import Final, Generic, Protocol, TypeVar, final

import msgspec

from engine.core import errors
from engine.core.context import catalog, pauses, trace
from engine.core.decide import decider
from engine.core.model import inputs, state

UNKNOWN_BUNDLE: Final = "unknown_bundle"
"""The dead letter's reason for a `bundle.activated` event whose bundle is not known; the previous bundle stays live."""
FAILED: Final = "failed"
"""The dead letter's reason for a valid input on which the decider raised an unexpected error, which is a bug in Dalang."""

Key = TypeVar("Key")
"""The type of a customer's id as the caller stores it: `str` in a replay, `bytes` in a worker."""


class Customers(Protocol[Key]):
    """The customers of one partition; the worker and the replay implement this protocol for the fold driver."""

    def everybody(self) -> Iterable[Key]:
        """Return the ids of all customers of the partition; the driver calls `decide` while it iterates over them."""
        ...

    def is_due(self, key: Key, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        ...

    def due_by(self, until: datetime.datetime) -> Iterable[Key]:
        """Return the ids of all customers of the partition whose earliest timer is due at or before `until`."""
        ...

    def concerned(self, timer_due: inputs.Event) -> Iterable[Key]:
        """Return the ids of the customers for whom a `timer.due` event must be handled.

        They are the customers in the event's list `data.customers` (without a list: all customers of the partition) who have a
        timer due at or before the event's time.
        """
        ...

    def decide(self, key: Key, event: inputs.Event, *, before: bool = False) -> None:
        """Compute one customer's decisions for an input with `Driver.decided`, and store the decisions and the new state.

        `before` is True if `event` is a tick that only fires the timers due before the partition's current input. The current
        input may follow for the same customer, so the caller must not mark it as processed yet.
        """
        ...


@final
class PutAside(msgspec.Struct, frozen=True):
    """An input that the decider refused, or failed on, for one customer; the customer's state does not change.

    A worker writes the input to the dead letters with `reason`; a replay counts it. `error` is what the decider raised.
    """

    reason: str
    error: Exception

    @property
    def told(self) -> str:
        """One sentence about the error, for the summary of a replay."""
        return f"The decider raised {type(self.error).__name__}." if self.reason == FAILED else str(self.error.args[0])


class Driver(Generic[Key]):
    """The fold driver of one partition, with the partition's live bundle, clock and pauses for all customers.

    - `customers`: the customers of the partition.
    - `find`: a function that takes a bundle's id and returns its catalog, or None if the bundle is not known.
    - `catalog`: the catalog of the live bundle.
    - `tracing`: the trace to which the evaluated conditions are added.
    - `virtual`: True under a replay's virtual clock, by which each timer fires exactly at its due time.
    - `streaming`: True under the stream clock.
    - `stream_time`: the greatest recorded time that the stream clock has seen.
    - `held`: the names of the journeys that are paused for all customers (`*`: every journey).
    """

    def __init__(
        self,
        customers: Customers[Key],
        find: Callable[[str], catalog.Catalog | None],
        catalog: catalog.Catalog,
        tracing: trace.Trace,
        *,
        virtual: bool = False,
        streaming: bool = False,
        stream_time: datetime.datetime = state.EPOCH,
        held: frozenset[str] = decider.NOBODY,
    ) -> None:
        self.catalog, self.virtual, self.streaming, self.stream_time, self.held = catalog, virtual, streaming, stream_time, held
        self._customers, self._find, self._tracing = customers, find, tracing

    def timed(self, event: inputs.Event) -> inputs.Event:
        """Return the event with the recorded time that is valid in this partition.

        The caller must call this method first for every event. Under the stream clock, an operator's input (`inputs.TIMELESS`)
        gets the stream's current time. So does the activation that starts the stream clock. Every other event keeps its recorded
        time, and moves the stream's time forward if it is later: docs/semantics.md#the-stream-clock-goes-by-recorded-times
        """
        if event.type in inputs.TIMELESS:
            if self.streaming or (_activates(event) and _streams(event)):
                return msgspec.structs.replace(event, recorded=self.stream_time)
        elif self.streaming and event.recorded > self.stream_time:
            self.stream_time = event.recorded
        return event

    def input_for(self, event: inputs.Event, key: Key, *, known: bool) -> inputs.Event | None:
        """Return the input to handle for the customer `key`: the event, a tick at the event's time, or None.

        An event whose type no definition uses has no effect itself. For such an event the result is a tick if the customer has a
        timer due by then, and None if not. `known` is True if the customer has a state.
        """
        if self.catalog.takes(event.type, known=known):
            return event
        return inputs.tick(event.recorded) if self._customers.is_due(key, event.recorded) else None

    def take_for_all(self, event: inputs.Event) -> bool:
        """Handle an event without a subject (`timer.due`, an activation, a command) for all customers that it concerns.

        Return False if the event activates an unknown bundle. Such an event changes nothing:
        docs/semantics.md#an-unknown-bundle-changes-nothing
        """
        if event.type == inputs.TIMER_DUE:
            for key in self._customers.concerned(event):
                self._customers.decide(key, event)
        elif event.type == inputs.BUNDLE_ACTIVATED:
            return self._activate(event)
        elif event.type == inputs.JOURNEY_COMMAND:
            self._let_pass(event)
            self.held = pauses.held_after(self.held, event)
            if event.field("command") != "pause":  # a pause leads to no decision by itself
                self._decide_all(event)
        return True

    def decided(
        self, customer: state.Customer | None, event: inputs.Event, customer_id: str, weighs: int
    ) -> decider.Transition | PutAside:
        """Compute the decisions for one customer's input, with the live bundle, the clock and the pauses of the partition.

        `decider.transition` explains the arguments. An error of the decider is returned as a `PutAside` and not raised, because
        an error with one customer must not stop the other customers.
        """
        try:
            return decider.transition(
                self.catalog,
                customer,
                event,
                customer_id=customer_id,
                punctual=self.virtual or self.streaming,
                trace=self._tracing,
                held=self.held,
                weighs=weighs,
            )
        except errors.Malformed as exc:
            return PutAside(exc.reason, exc)
        except Exception as exc:  # noqa: BLE001 - see above
            return PutAside(FAILED, exc)

    def _activate(self, event: inputs.Event) -> bool:
        """Make the bundle of an activation live, and switch to the clock in its `data.clock`; return False for an unknown bundle.

        Before that, the timers that are due fire under the bundle that was live until now.
        """
        bundle = event.field("bundle")
        live = self._find(bundle) if isinstance(bundle, str) else None
        if live is None:
            return False
        self._let_pass(event)
        before, self.catalog, self.streaming = self.catalog, live, _streams(event)
        if live.concerns_all(before):
            self._decide_all(event)
        return True

    def _let_pass(self, event: inputs.Event) -> None:
        """Fire the timers of all customers that are due before `event`, which is an input for all customers.

        The bundle and the pauses from before the event still apply: docs/semantics.md#timers-fire-before-inputs-for-everybody
        """
        tick = inputs.tick(event.recorded - inputs.MILLISECOND)
        for key in self._customers.due_by(tick.recorded):
            self._customers.decide(key, tick, before=True)

    def _decide_all(self, event: inputs.Event) -> None:
        for key in self._customers.everybody():
            self._customers.decide(key, event)


def _activates(event: inputs.Event) -> bool:
    """Return True if the event activates a bundle.

    A `bundle.activated` event with a subject is an ordinary event of one customer and activates nothing.
    """
    return event.type == inputs.BUNDLE_ACTIVATED and not event.subject


def _streams(activation: inputs.Event) -> bool:
    return bool(activation.field("clock") == "stream")
