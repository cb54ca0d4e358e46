"""The ways through a journey and their time: what comes before a step, how long ago at least, how long at most.

Called by the rules for waits, caps and goals with the compiled steps. Steps only lead forward, so one walk in the order of the
file is enough. Knows no rule. Times are milliseconds.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from engine.authoring import language, places, walk
from engine.core import definition

DAY: Final = 86_400_000
_WEEK: Final = 7 * DAY
_MONTH: Final = 31 * DAY

Way = tuple[str, float, float]
"""Where a step leads to, and how long it takes at least and at most from the moment at which it is entered."""


class Routes:
    """The steps of one journey that can be come to, in the order of the file, each with those that lead to it."""

    def __init__(self, model: language.Journey, steps: Mapping[str, definition.Step]) -> None:
        self.steps = steps
        self.paths: dict[str, places.Path] = {step.id: path for path, step in walk.every(model.steps)}
        self.first = model.steps[0].id
        self.before: dict[str, list[Way]] = {self.first: []}
        for id_ in (each for each in steps if each in self.before or each == self.first):
            for goto, least, most in _ways(steps[id_]):
                self.before.setdefault(goto, []).append((id_, least, most))

    def earliest(self) -> dict[str, float]:
        """Step -> how long after the entry it comes at the earliest."""
        return self._least({self.first: 0.0}, lambda _: False)

    def since(self, starts: Callable[[definition.Step], bool]) -> dict[str, float]:
        """Step -> the least time since the latest of the steps that `starts` names; infinite where none comes before."""
        return self._least({}, starts)

    def _least(self, known: dict[str, float], starts: Callable[[definition.Step], bool]) -> dict[str, float]:
        for id_ in self._ordered():
            ways = ((0.0 if starts(self.steps[was]) else known[was]) + least for was, least, _ in self.before[id_])
            known.setdefault(id_, min(ways, default=math.inf))
        return known

    def met(self, named: Callable[[definition.Step], Iterable[str]]) -> dict[str, frozenset[str]]:
        """Step -> all the names that `named` gives of steps that may have come before it."""
        known: dict[str, frozenset[str]] = {}
        for id_ in self._ordered():
            found = frozenset[str]()
            for was, _, _ in self.before[id_]:
                found |= known[was] | frozenset(named(self.steps[was]))
            known[id_] = found
        return known

    def spans(self, counts: Callable[[definition.Step], bool], slack: float, depth: int) -> dict[str, list[float]]:
        """Step -> for the last, the second last, … (`depth` at most) of the steps that `counts` names: the longest that it can be
        ago, on that one of all ways on which this is least. `slack` is how much later a message may go than it is asked for.
        """
        known: dict[str, list[float]] = {}
        for id_ in self._ordered():
            best: list[float] = []
            for was, _, most in self.before[id_]:
                ago, later = known[was], most
                if counts(self.steps[was]):
                    ago, later = [0.0, *ago], most + slack
                best = _least_of(best, [each + later for each in ago[:depth]])
            known[id_] = best
        return known

    def _ordered(self) -> Iterator[str]:
        return (id_ for id_ in self.steps if id_ in self.before)


def _least_of(one: list[float], other: list[float]) -> list[float]:
    """The lesser of each pair; where one list ends, the other's."""
    return [min(pair) for pair in itertools.zip_longest(one, other, fillvalue=math.inf)]


def _ways(step: definition.Step) -> Iterator[Way]:
    """Every step that this one leads to, with its time."""
    match step:
        case definition.WaitEvents():
            for awaited in step.awaited:
                yield from _way(awaited.goto, 0, step.timeout)
            yield from _way(step.on_timeout, step.timeout, step.timeout)
        case definition.WaitDuration():
            # What starts it again may come again and again.
            yield from _way(step.next, step.duration, step.duration if step.restart_on is None else math.inf)
        case definition.WaitUntil():
            yield from _way(step.next, 0, _longest(step))
        case definition.Send():
            yield from _way(step.next, 0, sum(place.fallback_after or 0 for place in step.places))
        case definition.Handoff():
            yield from _way(step.next, 0, step.reply_within or 0)
        case definition.Branch(arms=arms) if any(arm.condition is None for arm in arms):
            for arm in arms:
                yield from _way(arm.goto, 0, 0)
        case _:
            for goto in definition.goes_to(step):
                yield from _way(goto, 0, 0)


def _way(goto: str | None, least: float, most: float) -> Iterator[Way]:
    if goto is not None:
        yield goto, least, most


def _longest(step: definition.WaitUntil) -> float:
    """The longest that a wait for a moment of the calendar takes, an hour more for clocks that change."""
    if step.date is not None:
        return math.inf
    if step.payday:
        return _MONTH + _WEEK  # it moves over weekends and holidays
    gap = max(((later - day) % 7 or 7 for day, later in zip(step.days, (*step.days[1:], *step.days[:1]), strict=True)), default=1)
    return gap * DAY + DAY / 24
