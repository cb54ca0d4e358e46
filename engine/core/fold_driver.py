"""The fold driver: it takes the inputs of one partition in their order, and finds the customers that each input concerns.

The replayer and the worker both call it, so a replay makes the same decisions as the worker. The caller keeps the customers
(`Customers`) and writes the decisions. The driver does no I/O and reads no clock.

1. An input gets its time: `timed`. Under the stream clock, an operator's input gets the stream's time.
2. An event of one customer is decided for that customer, unless no definition names its type. Then only timers may fire
   until its time: `input_for`.
3. A `timer.due` lists customers. It is decided for each of them who has a timer due: `take_for_all`.
4. An activation or a command for everybody has three parts: `take_for_all`. First the timers that are due before it fire for
   every customer. Then the bundle or the pause takes effect. Then the input is decided for every customer, if it can have an
   effect.
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
"""The reason of a dead letter: `bundle.activated` names an unknown bundle. The bundle before it stays live."""
FAILED: Final = "failed"
"""The reason of a dead letter: the decider raised an error for a valid input, which is a bug in Dalang."""

Key = TypeVar("Key")
"""The name of a customer, as the caller keeps it: text or bytes."""


class Customers(Protocol[Key]):
    """The customers of one partition, as the replayer and the worker keep them."""

    def everybody(self) -> Iterable[Key]:
        """Return all customers of the partition. The driver may decide inputs for them while it iterates."""
        ...

    def is_due(self, key: Key, until: datetime.datetime) -> bool:
        """Return True if the customer's earliest timer is due at or before `until`."""
        ...

    def due_by(self, until: datetime.datetime) -> Iterable[Key]:
        """Return all customers of the partition whose earliest timer is due at or before `until`."""
        ...

    def concerned(self, timer_due: inputs.Event) -> Iterable[Key]:
        """Return the customers that a `timer.due` lists and whose earliest timer is due at or before its time.

        Without a list, it stands for all customers of the partition.
        """
        ...

    def decide(self, key: Key, event: inputs.Event, *, before: bool = False) -> None:
        """Decide an input for one customer by `Driver.decided`, and keep the result.

        With `before`, the input only lets timers fire that are due before the input that the driver has just taken.
        """
        ...


@final
class PutAside(msgspec.Struct, frozen=True):
    """An input that could not be decided for a customer, whose state stays as it was. A worker makes it a dead letter."""

    reason: str
    error: Exception

    @property
    def told(self) -> str:
        """One sentence about the error."""
        return f"The decider raised {type(self.error).__name__}." if self.reason == FAILED else str(self.error.args[0])


class Driver(Generic[Key]):
    """The driver of one partition, with its live bundle, its clock and the pauses that hold for all its customers.

    - `find`: a function that returns the catalog of a bundle, or None if the bundle is not known.
    - `catalog`: the catalog of the live bundle.
    - `virtual`: True if the caller's virtual clock lets each timer fire exactly at its due time.
    - `streaming`: True under the stream clock.
    - `stream_time`: the greatest recorded time under the stream clock.
    - `held`: the journeys that are paused for everybody.
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
        """Return the event with the time at which it happens in this partition. Call it first for every event.

        Under the stream clock an operator's input takes the stream's time, and so does the activation that starts the stream
        clock. All other inputs advance the stream's time: docs/semantics.md#the-stream-clock-goes-by-recorded-times
        """
        if event.type in inputs.TIMELESS:
            if self.streaming or (_activates(event) and _streams(event)):
                return msgspec.structs.replace(event, recorded=self.stream_time)
        elif self.streaming and event.recorded > self.stream_time:
            self.stream_time = event.recorded
        return event

    def input_for(self, event: inputs.Event, key: Key, *, known: bool) -> inputs.Event | None:
        """Return the input to decide for an event of one customer: the event, a tick (see `inputs.tick`), or None for no input.

        If no definition names the event's type, the event can only make timers fire: then the input is a tick, or None if no
        timer is due. `known` is True if the customer has a state.
        """
        if self.catalog.takes(event.type, known=known):
            return event
        return inputs.tick(event.recorded) if self._customers.is_due(key, event.recorded) else None

    def take_for_all(self, event: inputs.Event) -> bool:
        """Take an event without a subject; return False, and change nothing, if it activates an unknown bundle.

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
            if event.field("command") != "pause":  # a pause decides nothing by itself
                self._decide_all(event)
        return True

    def decided(
        self, customer: state.Customer | None, event: inputs.Event, customer_id: str, weighs: int
    ) -> decider.Transition | PutAside:
        """Decide an input for one customer by the live bundle, clock and pauses; `decider.transition` explains the arguments.

        An error of the decider is returned and not raised: one customer must not stop the others.
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
        """Make the bundle of an activation live, and switch to its clock; return False if the bundle is unknown."""
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
        """Fire all timers that are due before an input for everybody, under the bundle and the pauses from before the input.

        docs/semantics.md#timers-fire-before-inputs-for-everybody
        """
        tick = inputs.tick(event.recorded - inputs.MILLISECOND)
        for key in self._customers.due_by(tick.recorded):
            self._customers.decide(key, tick, before=True)

    def _decide_all(self, event: inputs.Event) -> None:
        for key in self._customers.everybody():
            self._customers.decide(key, event)


def _activates(event: inputs.Event) -> bool:
    """Return True for an activation; with a subject, `bundle.activated` is an event of one customer and activates nothing."""
    return event.type == inputs.BUNDLE_ACTIVATED and not event.subject


def _streams(activation: inputs.Event) -> bool:
    return bool(activation.field("clock") == "stream")
