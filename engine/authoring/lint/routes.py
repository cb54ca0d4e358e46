"""Routes through a journey: the steps that come before a step, with the least and the greatest time between them.

Used by `waits.py`, `frequency_caps.py` and others with the compiled steps. Steps only lead forward, so one pass in the order of
the file is enough. Times are in milliseconds.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from engine.authoring.files import positions, walk
from engine.authoring.language import journey_file
from engine.core.model import definition

DAY: Final = 86_400_000
_WEEK: Final = 7 * DAY
_MONTH: Final = 31 * DAY

Way = tuple[str, float, float]
"""A step next to another, with the least and the greatest time between entering the two."""


class Routes:
    """The reachable steps of one journey, in the order of the file, each with the steps that lead to it."""

    def __init__(self, model: journey_file.Journey, steps: Mapping[str, definition.Step]) -> None:
        self.steps = steps
        self.paths: dict[str, positions.Path] = {step.id: path for path, step in walk.every(model.steps)}
        self.first = model.steps[0].id
        self.before: dict[str, list[Way]] = {self.first: []}
        for id_ in (each for each in steps if each in self.before or each == self.first):
            for goto, least, most in _ways(steps[id_]):
                self.before.setdefault(goto, []).append((id_, least, most))

    def earliest(self) -> dict[str, float]:
        """Return the least time from the entry to each step, as `{step: milliseconds}`."""
        return self._least({self.first: 0.0}, lambda _: False)

    def since(self, starts: Callable[[definition.Step], bool]) -> dict[str, float]:
        """Return `{step: least time in milliseconds since the last step before it for which starts(step) is true}`.

        The time is infinite if no such step comes before.
        """
        return self._least({}, starts)

    def _least(self, known: dict[str, float], starts: Callable[[definition.Step], bool]) -> dict[str, float]:
        for id_ in self._ordered():
            ways = ((0.0 if starts(self.steps[was]) else known[was]) + least for was, least, _ in self.before[id_])
            known.setdefault(id_, min(ways, default=math.inf))
        return known

    def met(self, named: Callable[[definition.Step], Iterable[str]]) -> dict[str, frozenset[str]]:
        """Return `{step: all names that named(…) returns for the steps that may come before it}`."""
        known: dict[str, frozenset[str]] = {}
        for id_ in self._ordered():
            found = frozenset[str]()
            for was, _, _ in self.before[id_]:
                found |= known[was] | frozenset(named(self.steps[was]))
            known[id_] = found
        return known

    def spans(self, counts: Callable[[definition.Step], bool], slack: float, depth: int) -> dict[str, list[float]]:
        """Return `{step: [milliseconds since the last counted step before it, since the second last, …]}`.

        A step is counted if `counts` returns True for it; the list has at most `depth` times. On one route, each wait takes its
        longest time. Of all routes, the one with the least time is used. `slack` is the time by which a message may go later
        than requested.
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
    """Return the lesser number at each index; past the end of the shorter list, the number of the longer one."""
    return [min(pair) for pair in itertools.zip_longest(one, other, fillvalue=math.inf)]


def _ways(step: definition.Step) -> Iterator[Way]:
    """Yield every step that this step leads to, with the time to get there."""
    match step:
        case definition.WaitEvents():
            for awaited in step.awaited:
                yield from _way(awaited.goto, 0, step.timeout)
            yield from _way(step.on_timeout, step.timeout, step.timeout)
        case definition.WaitDuration():
            # The event that restarts the wait may come again and again.
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
    """Return the longest time of a wait for a moment of the calendar, with one hour more for a change of the clocks."""
    if step.date is not None:
        return math.inf
    if step.payday:
        return _MONTH + _WEEK  # payday moves over weekends and holidays
    gap = max(((later - day) % 7 or 7 for day, later in zip(step.days, (*step.days[1:], *step.days[:1]), strict=True)), default=1)
    return gap * DAY + DAY / 24
