"""The step runner: it moves instances from step to step, to a newer version, and out of their journeys.

`decider.py` and `enrolment.py` call it; no other file moves an instance. The functions in `steps/` return moves, and the
step runner records the move and follows it from step to step. It also queues the messages of send steps, and requests them at the
end of the instant. It does not choose which instances an input concerns, or which journeys a customer enters.
"""

import datetime
from typing import Final

import msgspec

from engine.core import errors, steps
from engine.core.decide import migrations, recorder
from engine.core.model import decisions, definition, inputs, state
from engine.core.steps import results, send

MOST_STEPS: Final = 100
"""The most steps that an instance may enter in one input; after these steps the instance leaves with the reason `loop`.

docs/semantics.md#a-hundred-steps-in-one-input-are-a-loop
"""


class PendingSend(msgspec.Struct, frozen=True):
    """An attempt of a message, queued until the end of the instant, with the instance and the event that led to it."""

    journey: definition.Journey
    instance: str
    visit: int
    step: str
    attempt: results.PlannedAttempt
    cause: str
    current_event: inputs.Event | None
    late: bool


class StepRunner:
    """The moves of all instances in one input, and the messages that are queued until the end of the instant."""

    def __init__(self, recorder: recorder.Recorder) -> None:
        self._recorder = recorder
        self._steps_entered: dict[str, int] = {}  # {instance id: steps entered in this input}
        self.pending_sends: list[PendingSend] = []

    # Steps.

    def run(self, journey: definition.Journey, instance: str, ask: results.Ask) -> None:
        """Call a step by `ask`, and carry out the move that it returns; if the step raises an error, end its instance only.

        docs/semantics.md#a-failing-step-ends-its-own-instance-only
        """
        try:
            move = ask()
            if move is not None:
                self._carry_out(journey, instance, move)
        except Exception as exc:  # noqa: BLE001 - whatever a step raises, the stream goes on
            told = exc.args[0] if isinstance(exc, errors.DalangError) else type(exc).__name__
            at = self._recorder.known.instances[instance]
            self._recorder.record(journey.name, journey.version, instance, at.step, decisions.StepFailed(str(told)))
            self.leave(at, "failed")

    def _carry_out(self, journey: definition.Journey, instance: str, move: results.Move) -> None:
        """Carry out a move, then the moves of the steps that follow, until the instance stays at a step or leaves."""
        recorder = self._recorder
        while True:
            here = recorder.known.instances[instance]
            if isinstance(move, results.Leave):
                return self.leave(here, move.reason)
            recorder.record_all(journey, instance, move.facts)
            if isinstance(move, results.Stay):
                return
            if isinstance(move, results.Queue):
                return self._queue(journey, here, move.attempt)
            completed = decisions.StepCompleted(move.outcome, move.event or recorder.current_event)
            recorder.record(journey.name, journey.version, instance, here.step, completed)
            if move.step is None:
                return recorder.record(journey.name, journey.version, instance, "", decisions.JourneyCompleted())
            if self._steps_entered.get(instance, 0) >= MOST_STEPS:
                return self.leave(recorder.known.instances[instance], "loop")
            move = self._enter_step(journey, instance, move.step)

    def go_to(self, journey: definition.Journey, instance: str, step: str) -> None:
        """Bring the instance to a step, run the step, and carry out its move."""
        self.run(journey, instance, lambda: self._enter_step(journey, instance, step))

    def _enter_step(self, journey: definition.Journey, instance: str, id_: str) -> results.Move:
        recorder = self._recorder
        self._steps_entered[instance] = self._steps_entered.get(instance, 0) + 1
        visit = recorder.known.instances[instance].visit
        recorder.record(journey.name, journey.version, instance, id_, decisions.StepEntered(visit))
        step = journey.steps[id_]
        return steps.BEGIN[type(step)](step, recorder.instance_context(journey, instance))

    # Moves that are not the result of a step.

    def leave(self, instance: state.Instance, reason: str) -> None:
        """Cancel the instance's timers and record that the instance leaves; this also closes its open message as abandoned."""
        recorder = self._recorder
        for id_, timer in tuple(recorder.known.timers.items()):
            if timer.instance == instance.id and id_ != recorder.cause:
                cancelled = decisions.TimerCancelled(id_)
                recorder.record(instance.journey, instance.version, instance.id, instance.step, cancelled)
        exited = decisions.JourneyExited(reason)
        recorder.record(instance.journey, instance.version, instance.id, instance.step, exited)

    def restart(self, journey: definition.Journey, instance: state.Instance, entry: inputs.Event) -> None:
        """Cancel the instance's timers and bring the instance to its first step again, with a new entry event."""
        recorder = self._recorder
        recorder.record_all(journey, instance.id, recorder.instance_context(journey, instance.id).disarmed())
        restarted = decisions.JourneyRestarted(entry, instance.visit + 1)
        recorder.record(journey.name, journey.version, instance.id, "", restarted)
        self.go_to(journey, instance.id, journey.first)

    def migrate(self, instance: state.Instance) -> None:
        """Move the instance to the live version of its journey, if that version has `on_update: migrate`.

        `migrations.py` says at which step the instance continues.
        """
        recorder = self._recorder
        live = recorder.catalog.live.get(instance.journey)
        target = migrations.target(instance, live)
        if target is None or live is None:
            return
        if target == migrations.EXIT:
            return self.leave(instance, "migrated")
        before = recorder.catalog.versions.get(instance.version)
        goes_on = migrations.carries_on(instance, before, live.steps[target], recorder.known)
        migrated = decisions.InstanceMigrated(instance.version, instance.step)
        recorder.record(live.name, live.version, instance.id, target, migrated)
        if goes_on == "anew":
            recorder.record_all(live, instance.id, recorder.instance_context(live, instance.id).disarmed())
            for message in recorder.known.messages.values():
                if message.instance == instance.id and not message.outcome:
                    unreached = decisions.MessageResolved(message.id, "unreached", "migrated")
                    recorder.record(live.name, live.version, instance.id, target, unreached)
            self.go_to(live, instance.id, target)

    def journey_of(self, instance: state.Instance) -> definition.Journey | None:
        """Return the instance's version of its journey; if the version is missing, park the instance and return None.

        Another version is never used instead: docs/semantics.md#a-missing-version-parks-the-instance
        """
        recorder = self._recorder
        try:
            return recorder.catalog.journey(instance.version)
        except errors.BundleError as exc:
            now = recorder.known.instances.get(instance.id, instance)  # this input may have parked the instance already
            if not now.parked or recorder.cause in recorder.known.timers:
                parked = decisions.InstanceParked(exc.args[0])
                recorder.record(instance.journey, instance.version, instance.id, instance.step, parked)
            return None

    # Messages are requested at the end of the instant, because they compete for the last message that a cap allows.

    def _queue(self, journey: definition.Journey, here: state.Instance, attempt: results.PlannedAttempt) -> None:
        recorder = self._recorder
        self.pending_sends.append(
            PendingSend(journey, here.id, here.visit, here.step, attempt, recorder.cause, recorder.current_event, recorder.late)
        )

    def resume_held_messages(self) -> None:
        """Queue the messages that waited for the end of a pause, if the pause has ended."""
        recorder = self._recorder
        for message in tuple(recorder.known.messages.values()):
            instance = recorder.known.instances.get(message.instance)
            if message.held != "paused" or message.outcome or instance is None:
                continue
            journey = self.journey_of(instance)
            if journey is None or recorder.context(journey).paused(instance.journey, instance.key):
                continue
            self._resume(journey, instance.id)

    def _resume(self, journey: definition.Journey, instance: str) -> None:
        self.run(journey, instance, lambda: send.resume(self._recorder.instance_context(journey, instance)))

    def request_pending_sends(self) -> None:
        """Request all queued messages in their order, also those that are queued meanwhile."""
        while self.pending_sends:
            self._request(min(self.pending_sends, key=_precedence))

    def _request(self, pending: PendingSend) -> None:
        self.pending_sends.remove(pending)
        recorder, journey = self._recorder, pending.journey
        instance = recorder.known.instances.get(pending.instance)
        if instance is None or instance.step != pending.step or instance.visit != pending.visit:
            return
        recorder.cause, recorder.current_event, recorder.late = pending.cause, pending.current_event, pending.late
        step = journey.steps[pending.step]
        assert isinstance(step, definition.Send)
        self.run(
            journey, instance.id, lambda: send.request(step, recorder.instance_context(journey, instance.id), pending.attempt)
        )


def _precedence(pending: PendingSend) -> tuple[int, datetime.datetime, str, str]:
    """Return the sort key: highest priority, then earliest expiry, then journey name and instance.

    docs/semantics.md#the-last-place-goes-by-priority-then-expiry-then-name
    """
    return -pending.journey.priority, pending.attempt.expires_at or state.NEVER, pending.journey.name, pending.instance
