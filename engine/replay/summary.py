"""The summary of a replay or of a live run: counts of decisions by journey, channel and reason.

Called by the replayer, by `outputs.py` and by `engine/runtime/recorded.py`; `engine/cli/report.py` turns the summary into text.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from engine.core.model import decisions
from engine.replay import skipped_records


class Summary:
    """The counts of a replay, or of the share of a replay that one process takes; `add` adds up the shares."""

    def __init__(self) -> None:
        self.events = 0
        self.bad: Counter[str] = Counter()
        self.first_bad: dict[str, skipped_records.Aside] = {}
        """`{reason: the first record that was skipped for this reason}`."""
        self.found: set[str] = set()
        """The ids of the replay's option `customers` that occur in the history."""
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
        """The versions of tzdata, other than the one installed here, with which bundles were made."""

    def count(self, decision: decisions.Decision) -> None:
        """Add one decision to the counts."""
        self.decisions += 1
        counts = _COUNTS.get(type(decision.data))  # most decisions (steps, timers) have no count of their own
        if counts is not None:
            counts(self, decision, decision.data)

    def _count(self, kind: str, decision: decisions.Decision, what: str) -> None:
        self._of(decision.journey, kind)[what] += 1

    def _suppressed(self, _: decisions.Decision, data: decisions.MessageSuppressed) -> None:
        self.suppressed[data.reason] += 1

    def _deferred(self, _: decisions.Decision, data: decisions.MessageDeferred) -> None:
        self.deferred[data.reason] += 1

    def _resolved(self, _: decisions.Decision, data: decisions.MessageResolved) -> None:
        self.resolved[data.outcome] += 1

    def _emitted(self, _: decisions.Decision, data: decisions.EventEmitted) -> None:
        self.emitted[data.event.type] += 1

    def _requested(self, _: decisions.Decision, data: decisions.MessageRequested) -> None:
        self.actions += 1
        self.messages[data.channel] += 1
        self.planned[data.channel] = self.planned.get(data.channel, 0.0) + data.cost

    def _reported(self, _: decisions.Decision, data: decisions.MessageReported) -> None:
        self.reported[data.channel] = self.reported.get(data.channel, 0.0) + data.cost

    def _failed(self, _: decisions.Decision, __: decisions.StepFailed) -> None:
        self.failed_steps += 1

    def _in_segment(self, decision: decisions.Decision, data: decisions.SegmentEntered | decisions.SegmentLeft) -> None:
        self.segments.setdefault(data.segment, Counter())[decision.type.removeprefix("segment.")] += 1

    def put_aside(self, reason: str, why: str, number: int, line: bytes) -> None:
        """Count one skipped record by its reason, and keep the record if it is the first one with this reason.

        `why` explains the reason in a sentence. `number` and `line` are the number and the bytes of the record's line.
        """
        self.bad[reason] += 1
        if reason not in self.first_bad:
            self.first_bad[reason] = skipped_records.read(number, line, why)

    def placed(self, place: Callable[[int], tuple[str, int]]) -> None:
        """Replace the line numbers in `first_bad`, which count through the whole history, with a file and its line number.

        `place` returns (file, line number in the file) for a line number of the whole history.
        """
        for reason, each in self.first_bad.items():
            if each.line:
                file, line = place(each.line)
                self.first_bad[reason] = msgspec.structs.replace(each, file=file, line=line)

    def add(self, other: "Summary") -> None:
        """Add the counts of another process's share of the same replay."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if isinstance(mine, (Counter, set)):
                mine.update(value)
            elif name == "first_bad":
                for reason, what in value.items():
                    mine[reason] = min(mine.get(reason, what), what, key=lambda each: each.line or math.inf)
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
        """Return the summary as a dictionary for JSON.

        In `cost`, `planned` is the sum of the prices of all attempts, and `reported` is the sum of the costs in receipts. Both
        are in the policy's currency.
        """
        return {
            "events": self.events,
            "bad_lines": dict(sorted(self.bad.items())),
            "first_bad": {reason: what.told() for reason, what in sorted(self.first_bad.items())},
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
        kinds = self.journeys.get(journey)
        if kinds is None:
            kinds = self.journeys[journey] = {}
        found = kinds.get(kind)
        if found is None:
            found = kinds[kind] = Counter()
        return found


_COUNTS: Final[Mapping[type[decisions.Payload], Callable[[Summary, decisions.Decision, Any], None]]] = {
    decisions.JourneyEntered: lambda of, each, data: of._count("entered", each, "held_out" if data.held_out else "all"),
    decisions.JourneyRefused: lambda of, each, data: of._count("refused", each, data.reason),
    decisions.JourneyExited: lambda of, each, data: of._count("exited", each, data.reason),
    decisions.JourneyCompleted: lambda of, each, _: of._count("completed", each, "all"),
    decisions.GoalReached: lambda of, each, data: of._count("goals", each, "held_out" if data.held_out else "all"),
    decisions.SplitAssigned: lambda of, each, data: of._count("choices", each, f"{each.step}: {data.arm or 'none'}"),
    decisions.OfferChosen: lambda of, each, data: of._count("choices", each, f"{each.step}: {data.offer or 'none'}"),
    decisions.SegmentEntered: Summary._in_segment,
    decisions.SegmentLeft: Summary._in_segment,
    decisions.MessageRequested: Summary._requested,
    decisions.MessageReported: Summary._reported,
    decisions.MessageSuppressed: Summary._suppressed,
    decisions.MessageDeferred: Summary._deferred,
    decisions.MessageResolved: Summary._resolved,
    decisions.EventEmitted: Summary._emitted,
    decisions.StepFailed: Summary._failed,
}
"""`{type of a decision's data: the function that counts the decision}`."""
