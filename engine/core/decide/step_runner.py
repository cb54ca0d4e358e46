"""The mover: it carries out the moves with which steps answer.

The decider calls it when a step has answered an event, a receipt or a timer. Only this file, `enrolment.py` and `decider.py` move
instances. It does no I/O, reads no clock and uses nothing random.
"""

import datetime
from typing import Final

import msgspec

from engine.core import errors, steps
from engine.core.decide import recorder
from engine.core.model import decisions, definition, inputs, state
from engine.core.model.inputs import MILLISECOND
from engine.core.steps import results, send

MOST_STEPS: Final = 100
"""The most steps that an instance may enter in one input; past it the instance leaves.

docs/semantics.md#a-hundred-steps-in-one-input-are-a-loop
"""


class Asking(msgspec.Struct, frozen=True):
    """A message that waits for its turn.

    At the end of an instant all messages that were asked for compete for the places under caps.
    """

    journey: definition.Journey
    instance: str
    visit: int
    step: definition.Send
    expires_at: datetime.datetime
    resumed: bool
    cause: str
    taking: inputs.Event | None
    late: bool


class Mover(recorder.Recorder):
    """The part of the decider that moves instances, and asks for their messages in turn."""

    def __init__(self, given: recorder.Given) -> None:
        super().__init__(given)
        self.entered: dict[str, int] = {}
        self.asking: list[Asking] = []

    def guarded(self, journey: definition.Journey, instance: str, ask: results.Ask) -> None:
        """Carry out what a step answers; if the step raises an error, end its instance.

        docs/semantics.md#a-failing-step-ends-its-own-instance-only
        """
        try:
            move = ask()
            if move is not None:
                self._move(journey, instance, move)
        except Exception as exc:  # noqa: BLE001 - whatever a step raises, the stream goes on
            told = exc.args[0] if isinstance(exc, errors.DalangError) else type(exc).__name__
            at = self.known.instances[instance]
            self.record(journey.name, journey.version, instance, at.step, decisions.StepFailed(str(told)))
            self.leave(at, "failed")

    def _move(self, journey: definition.Journey, instance: str, move: results.Move) -> None:
        """Carry out one move, then those of the steps that it leads to, until the instance stays or leaves."""
        while True:
            here = self.known.instances[instance]
            if isinstance(move, results.Leave):
                return self.leave(here, move.reason)
            self.record_all(journey, instance, move.facts)
            if isinstance(move, results.Stay):
                return
            completed = decisions.StepCompleted(move.outcome, move.event or self.taking)
            self.record(journey.name, journey.version, instance, here.step, completed)
            if move.step is None:
                return self.record(journey.name, journey.version, instance, "", decisions.JourneyCompleted())
            if self.entered.get(instance, 0) >= MOST_STEPS:
                return self.leave(self.known.instances[instance], "loop")
            move = self._come_to(journey, instance, move.step)

    def go(self, journey: definition.Journey, instance: str, step: str) -> None:
        """Bring the instance to a step, and go on from there."""
        self.guarded(journey, instance, lambda: self._come_to(journey, instance, step))

    def _come_to(self, journey: definition.Journey, instance: str, id_: str) -> results.Move:
        self.entered[instance] = self.entered.get(instance, 0) + 1
        visit = self.known.instances[instance].visit
        self.record(journey.name, journey.version, instance, id_, decisions.StepEntered(visit))
        step = journey.steps[id_]
        if isinstance(step, definition.Send) and self.catalog.policy.caps:
            self.ask(journey, instance, step)
            return results.Stay()
        return steps.BEGIN[type(step)](step, self.instance_context(journey, instance))

    def leave(self, instance: state.Instance, reason: str) -> None:
        """Cancel the instance's timers and record its exit, by which its open message is abandoned."""
        for id_, timer in tuple(self.known.timers.items()):
            if timer.instance == instance.id and id_ != self.cause:
                cancelled = decisions.TimerCancelled(id_)
                self.record(instance.journey, instance.version, instance.id, instance.step, cancelled)
        exited = decisions.JourneyExited(reason)
        self.record(instance.journey, instance.version, instance.id, instance.step, exited)

    def journey_of(self, instance: state.Instance) -> definition.Journey | None:
        """Return the version that the instance entered with; if it is missing, park the instance and return None.

        No other version ever moves the instance: docs/semantics.md#a-missing-version-parks-the-instance
        """
        try:
            return self.catalog.journey(instance.version)
        except errors.BundleError as exc:
            now = self.known.instances.get(instance.id, instance)  # the same input may have parked it already
            if not now.parked or self.cause in self.known.timers:
                parked = decisions.InstanceParked(exc.args[0])
                self.record(instance.journey, instance.version, instance.id, instance.step, parked)
            return None

    # Messages that compete for a place under a cap.

    def ask(self, journey: definition.Journey, instance: str, step: definition.Send, *, resumed: bool = False) -> None:
        """Ask for the message of a step, for the first time or (`resumed`) after it was deferred."""
        here = self.known.instances[instance]
        known = self.instance_context(journey, instance).message() if resumed else None
        expires = None if step.expires_after is None else self.now + step.expires_after * MILLISECOND
        expires_at = (known.expires_at if known is not None else expires) or state.NEVER
        asked = Asking(journey, instance, here.visit, step, expires_at, resumed, self.cause, self.taking, self.late)
        self.asking.append(asked)

    def request_all(self) -> None:
        """Request every message that was asked for; the first in order takes the last place under a cap."""
        while self.asking:
            self._request(min(self.asking, key=_precedence))

    def _request(self, asking: Asking) -> None:
        self.asking.remove(asking)
        instance = self.known.instances.get(asking.instance)
        if instance is None or instance.step != asking.step.id or instance.visit != asking.visit:
            return
        self.cause, self.taking, self.late = asking.cause, asking.taking, asking.late
        begin = send.resume if asking.resumed else send.begin
        self.guarded(asking.journey, instance.id, lambda: begin(asking.step, self.instance_context(asking.journey, instance.id)))


def _precedence(asking: Asking) -> tuple[int, datetime.datetime, str, str]:
    """Return the sort key: priority, then earliest expiry, then name.

    docs/semantics.md#the-last-place-goes-by-priority-then-expiry-then-name
    """
    return -asking.journey.priority, asking.expires_at, asking.journey.name, asking.instance
