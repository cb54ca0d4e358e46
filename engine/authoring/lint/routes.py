"""The ways through a journey: which steps come before a step, and the least and greatest time since them.

The checks of waits, caps and goals use this file with the compiled steps. Steps only lead forward, so one pass over the steps
in the order of the file is enough. This file contains no check itself. All times are in milliseconds.
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
"""A link between two steps that may follow each other: `(id of one of the steps, least time, greatest time)`.

The times, in milliseconds, are those that an instance may need from its arrival at the first step to its arrival at the
second. In `Routes.before`, the id is the first step's; `_ways` yields links with the id of the second step.
"""


class Routes:
    """The steps of one journey that customers can reach, in the order of the file, and the links between them.

    `before` holds for each of these steps the links from the steps directly before it.
    """

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
        """Return the least time since the last step that `starts` accepts, as `{step: milliseconds}`.

        For each step of the journey, the time is measured from the last accepted step before it; for example, `starts` accepts
        every send. The time is infinite if no accepted step comes before.
        """
        return self._least({}, starts)

    def _least(self, known: dict[str, float], starts: Callable[[definition.Step], bool]) -> dict[str, float]:
        for id_ in self._ordered():
            ways = ((0.0 if starts(self.steps[was]) else known[was]) + least for was, least, _ in self.before[id_])
            known.setdefault(id_, min(ways, default=math.inf))
        return known

    def met(self, named: Callable[[definition.Step], Iterable[str]]) -> dict[str, frozenset[str]]:
        """Collect for each step what `named` returns for the steps that may come before it, as `{step: names}`.

        For example, `named` returns the channels of a send, and no names for other steps.
        """
        known: dict[str, frozenset[str]] = {}
        for id_ in self._ordered():
            found = frozenset[str]()
            for was, _, _ in self.before[id_]:
                found |= known[was] | frozenset(named(self.steps[was]))
            known[id_] = found
        return known

    def spans(self, counts: Callable[[definition.Step], bool], slack: float, depth: int) -> dict[str, list[float]]:
        """Return for each step how long ago the last counted steps before it can be, as `{step: [milliseconds]}`.

        `counts` returns True for a step that counts, for example a send under a cap. In each list, the first number belongs to
        the last counted step, the second number to the counted step before that, and so on, up to `depth` numbers. Each number
        is the longest possible time on a way to the step, with every wait at its longest; of several ways, the smallest number
        is taken. `slack` is the greatest delay between the request of a message and its sending, in milliseconds.
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
    """Return the smaller number of the two lists at each index; after one list has ended, the numbers of the longer list."""
    return [min(pair) for pair in itertools.zip_longest(one, other, fillvalue=math.inf)]


def _ways(step: definition.Step) -> Iterator[Way]:
    """Yield a link to every step that may directly follow `step`, with the least and the greatest time to get there."""
    match step:
        case definition.WaitEvents():
            for awaited in step.awaited:
                yield from _way(awaited.goto, 0, step.timeout)
            yield from _way(step.on_timeout, step.timeout, step.timeout)
        case definition.WaitDuration():
            # The event that restarts the wait may come again and again, so such a wait has no greatest time.
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
    """Return the longest possible time of a wait until a calendar moment, in milliseconds.

    The time is infinite for a wait until a date, because the date may be far ahead. A wait until a time of day gets one hour
    more, because the clocks may change.
    """
    if step.date is not None:
        return math.inf
    if step.payday:
        return _MONTH + _WEEK  # a payday on a weekend or holiday moves to another day
    gap = max(((later - day) % 7 or 7 for day, later in zip(step.days, (*step.days[1:], *step.days[:1]), strict=True)), default=1)
    return gap * DAY + DAY / 24
