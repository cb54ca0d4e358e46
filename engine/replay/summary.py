"""The summary of a replay or of a live run: counts of what was decided, by journey, channel and reason."""

from collections import Counter
from typing import Any, Final

from engine.core import decisions

_COUNTED: Final = {
    "journey.entered": "entered",
    "journey.refused": "refused",
    "journey.exited": "exited",
    "journey.completed": "completed",
    **dict.fromkeys(
        ("message.requested", "message.reported", "message.suppressed", "message.resolved", "step.failed"), "messages"
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
        self.resolved: Counter[str] = Counter()
        self.planned: dict[str, float] = {}
        self.reported: dict[str, float] = {}
        self.condition_errors: Counter[str] = Counter()
        self.failed_steps = 0

    def count(self, decision: decisions.Decision) -> None:
        """One decision."""
        self.decisions += 1
        # A look in a table first: most decisions (steps, timers) are not counted by anything else.
        kind = _COUNTED.get(decision.type)
        if kind is not None:
            self._count(kind, decision)

    def _count(self, kind: str, decision: decisions.Decision) -> None:
        match decision.data:
            case decisions.JourneyRefused(reason=reason) | decisions.JourneyExited(reason=reason):
                self._of(decision.journey, kind)[reason] += 1
            case decisions.MessageRequested(channel=channel, cost=cost):
                self.actions += 1
                self.messages[channel] += 1
                self.planned[channel] = self.planned.get(channel, 0.0) + cost
            case decisions.MessageReported(channel=channel, cost=cost):
                self.reported[channel] = self.reported.get(channel, 0.0) + cost
            case decisions.MessageSuppressed(reason=reason):
                self.suppressed[reason] += 1
            case decisions.MessageResolved(outcome=outcome):
                self.resolved[outcome] += 1
            case decisions.StepFailed():
                self.failed_steps += 1
            case _:
                self._of(decision.journey, kind)["all"] += 1

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
                }
                for name, kinds in sorted(self.journeys.items())
            },
            "messages": dict(sorted(self.messages.items())),
            "suppressed": dict(sorted(self.suppressed.items())),
            "resolved": dict(sorted(self.resolved.items())),
            "cost": {
                "planned": round(sum(self.planned.values()), 2),
                "reported": round(sum(self.reported.values()), 2),
            },
            "condition_errors": dict(sorted(self.condition_errors.items())),
            "failed_steps": self.failed_steps,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.events / self.seconds) if self.seconds else 0,
        }

    def _of(self, journey: str, kind: str) -> Counter[str]:
        return self.journeys.setdefault(journey, {}).setdefault(kind, Counter())
