"""The summary of a replay or of a live run: counts of what was decided, by journey, channel and reason."""

from collections import Counter
from typing import Any, Final

from engine.core import decisions

_COUNTED: Final = {
    "journey.entered": "entered",
    "journey.refused": "refused",
    "journey.exited": "exited",
    "journey.completed": "completed",
    "goal.reached": "goals",
    **dict.fromkeys(("split.assigned", "offer.chosen"), "choices"),
    **dict.fromkeys(("segment.entered", "segment.left"), "segments"),
    **dict.fromkeys(
        (
            "message.requested",
            "message.reported",
            "message.deferred",
            "message.suppressed",
            "message.resolved",
            "step.failed",
            "event.emitted",
        ),
        "messages",
    ),
}


class Summary:
    """Counts decisions; parts made by several workers add up."""

    def __init__(self) -> None:
        self.events = 0
        self.bad: Counter[str] = Counter()
        self.customers = 0
        self.activations = 0
        self.decisions = 0
        self.actions = 0
        self.seconds = 0.0
        self.journeys: dict[str, dict[str, Counter[str]]] = {}
        self.messages: Counter[str] = Counter()
        self.suppressed: Counter[str] = Counter()
        self.deferred: Counter[str] = Counter()
        self.emitted: Counter[str] = Counter()
        self.segments: dict[str, Counter[str]] = {}
        self.resolved: Counter[str] = Counter()
        self.planned: dict[str, float] = {}
        self.reported: dict[str, float] = {}
        self.condition_errors: Counter[str] = Counter()
        self.failed_steps = 0
        self.tzdata: tuple[str, ...] = ()
        """Versions under which definitions were made, where they are not the one here."""

    def count(self, decision: decisions.Decision) -> None:
        """One decision."""
        self.decisions += 1
        # A look in a table first: most decisions (steps, timers) are not counted by anything else.
        kind = _COUNTED.get(decision.type)
        if kind is not None:
            self._count(kind, decision)

    def _count(self, kind: str, decision: decisions.Decision) -> None:
        match decision.data:
            case decisions.JourneyRefused(reason=told) | decisions.JourneyExited(reason=told):
                self._of(decision.journey, kind)[told] += 1
            case decisions.SplitAssigned(arm=choice) | decisions.OfferChosen(offer=choice):
                self._of(decision.journey, kind)[f"{decision.step}: {choice or 'none'}"] += 1
            case decisions.JourneyEntered(held_out=held_out) | decisions.GoalReached(held_out=held_out):
                self._of(decision.journey, kind)["held_out" if held_out else "all"] += 1
            case decisions.SegmentEntered(segment=segment) | decisions.SegmentLeft(segment=segment):
                self.segments.setdefault(segment, Counter())[decision.type.removeprefix("segment.")] += 1
            case decisions.JourneyCompleted():
                self._of(decision.journey, kind)["all"] += 1
            case _:
                self._count_message(decision.data)

    def _count_message(self, data: decisions.Payload) -> None:
        match data:
            case decisions.MessageRequested(channel=channel, cost=cost):
                self.actions += 1
                self.messages[channel] += 1
                self.planned[channel] = self.planned.get(channel, 0.0) + cost
            case decisions.MessageReported(channel=channel, cost=cost):
                self.reported[channel] = self.reported.get(channel, 0.0) + cost
            case decisions.MessageSuppressed(reason=reason):
                self.suppressed[reason] += 1
            case decisions.MessageDeferred(reason=reason):
                self.deferred[reason] += 1
            case decisions.MessageResolved(outcome=outcome):
                self.resolved[outcome] += 1
            case decisions.EventEmitted(event=event):
                self.emitted[event.type] += 1
            case decisions.StepFailed():
                self.failed_steps += 1

    def add(self, other: "Summary") -> None:
        """The counts of another part of the same replay."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, Counter):
                mine.update(value)
            elif name == "journeys":
                for journey, kinds in value.items():
                    for kind, counts in kinds.items():
                        self._of(journey, kind).update(counts)
            elif name == "segments":
                for segment, counts in value.items():
                    self.segments.setdefault(segment, Counter()).update(counts)
            elif name in ("planned", "reported"):
                mine.update({channel: mine.get(channel, 0.0) + cost for channel, cost in value.items()})
            elif name != "seconds":
                setattr(self, name, mine + value)

    def as_dict(self) -> dict[str, Any]:
        """The summary as JSON. `cost` is in the policy's currency: planned by each attempt's price, reported by receipts."""
        return {
            "events": self.events,
            "bad_lines": dict(sorted(self.bad.items())),
            "customers": self.customers,
            "activations": self.activations,
            "decisions": self.decisions,
            "actions": self.actions,
            "journeys": {
                name: {
                    "entered": kinds.get("entered", Counter()).total(),
                    "refused": dict(sorted(kinds.get("refused", Counter()).items())),
                    "exited": dict(sorted(kinds.get("exited", Counter()).items())),
                    "completed": kinds.get("completed", Counter()).total(),
                    "held_out": kinds.get("entered", Counter())["held_out"],
                    "goals": kinds.get("goals", Counter()).total(),
                    "choices": dict(sorted(kinds.get("choices", Counter()).items())),
                }
                for name, kinds in sorted(self.journeys.items())
            },
            "messages": dict(sorted(self.messages.items())),
            "suppressed": dict(sorted(self.suppressed.items())),
            "deferred": dict(sorted(self.deferred.items())),
            "emitted": dict(sorted(self.emitted.items())),
            "segments": {name: dict(sorted(counts.items())) for name, counts in sorted(self.segments.items())},
            "resolved": dict(sorted(self.resolved.items())),
            "cost": {
                "planned": round(sum(self.planned.values()), 2),
                "reported": round(sum(self.reported.values()), 2),
            },
            "condition_errors": dict(sorted(self.condition_errors.items())),
            "failed_steps": self.failed_steps,
            "other_tzdata": list(self.tzdata),
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events / self.seconds) if self.seconds else 0,
        }

    def _of(self, journey: str, kind: str) -> Counter[str]:
        return self.journeys.setdefault(journey, {}).setdefault(kind, Counter())
