"""The explainer: it makes the story of one customer, with every input, its evaluated conditions and its decisions.

Called by `dalang explain` and the demo; `story_text.py` turns the story into text. The story also has the customer's records that
a worker would write to the dead letters. The conditions come from the trace, with their values and their paths in the YAML. The
explainer decides nothing: it arranges the conditions and decisions of a replay.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from engine.core import errors, fold_driver
from engine.core.context import catalog, trace
from engine.core.model import decisions, inputs, state
from engine.core.model.decisions import Decision
from engine.core.rules import duplicates
from engine.replay import definitions, replayer, skipped_records

PASSED: Final = "time passed"
"""The text in place of an event type for a chapter about timers."""
UNNAMED: Final = "no journey and no trait names it"
SEEN: Final = "seen before"
EMITTED: Final = "taken already, when its step emitted it"
FORGOTTEN: Final = "the customer is forgotten"
NOTHING: Final = "nothing came of it"


class Chapter(msgspec.Struct):
    """One input, or one time at which timers fired, with the conditions evaluated and the decisions.

    `event` is the type of the input, or `PASSED` for timers.
    """

    at: datetime.datetime
    event: str
    id: str
    data: Any = None
    conditions: list[trace.Condition] = []
    decisions: list[Decision] = []
    put_aside: str = ""
    """The reason and a sentence if a worker would write the input to the dead letters; else empty."""
    outcome: str = ""
    """The reason why an input led to no decision, or the changes of the state that it made; empty in the story of one journey."""


class _Storyteller(replayer.Outlet):
    def __init__(self) -> None:
        self.decided_now: list[decisions.Decision] = []

    def decided(self, decision: decisions.Decision) -> None:
        self.decided_now.append(decision)


class _Telling(replayer.Replayer):
    """A replay of one customer that keeps the conditions and decisions of each transition as chapters."""

    def __init__(
        self, decided_by: catalog.Catalog | definitions.Definitions, options: replayer.Options, journey: str | None
    ) -> None:
        self._journey = journey
        self._told, self._aside = _Storyteller(), ""
        self._let_by: inputs.Event | None = None
        self.chapters: list[Chapter] = []
        super().__init__(decided_by, options, self._told, trace.Trace())

    def _take(self, event: inputs.Event, driver: fold_driver.Driver[str], line: bytes) -> None:
        """Handle an event. Add a chapter for it also if the replay skips it because no journey and no trait names its type."""
        customer, in_force = event.subject, driver.catalog
        self._let_by = None if in_force.takes(event.type, known=customer in self.customers) else event
        super()._take(event, driver, line)
        if self._let_by is not None:
            self._start()
            self._tell(self._let_by, self.customers.get(customer), customer, in_force)

    def decide(self, customer: str, event: inputs.Event, driver: fold_driver.Driver[str]) -> None:
        """Decide an input, and add its chapters to the story."""
        self._start()
        before = self.customers.get(customer)
        super().decide(customer, event, driver)
        let_by = self._let_by
        if let_by is not None and event.type == inputs.TIMER_DUE and event.recorded == let_by.recorded and not self._aside:
            event = let_by  # the tick stands for the skipped event: tell of that event, among the timers
        self._tell(event, before, customer, driver.catalog)

    def _start(self) -> None:
        self.tracing.conditions.clear()
        self._told.decided_now, self._aside = [], ""

    def _tell(self, event: inputs.Event, before: state.Customer | None, customer: str, in_force: catalog.Catalog) -> None:
        """Add the chapters of one input, and of the timers that fired before and after it."""
        if event is self._let_by:
            self._let_by = None
        due = {} if before is None else {id_: timer.due for id_, timer in before.timers.items()}
        earlier, own, later = _apart(event, self.tracing.conditions, self._told.decided_now, due)
        own.put_aside = self._aside
        if self._journey is None and not (own.decisions or own.put_aside or own.event == PASSED):
            own.outcome = _outcome(event, before, self.customers.get(customer), in_force)
        self.chapters += filter(self._concerns, (*earlier, own, *later))

    def _concerns(self, chapter: Chapter) -> bool:
        """Return True if the chapter belongs to the story.

        For the story of one journey, first remove the conditions and decisions of other journeys from the chapter.
        """
        if self._journey is not None:
            chapter.conditions = [each for each in chapter.conditions if each.journey == self._journey]
            chapter.decisions = [each for each in chapter.decisions if each.journey == self._journey]
        told = chapter.conditions or chapter.decisions or chapter.put_aside or chapter.outcome
        return bool(told) or chapter.event in inputs.BUILT_IN

    def _put_aside(self, reason: str, told: str) -> None:
        super()._put_aside(reason, told)
        self._aside = f"{reason}: {told}"

    def _unreadable(self, reason: str, told: str) -> None:
        super()._unreadable(reason, told)
        found = skipped_records.said(self._raw)
        if not self.options.customers.isdisjoint(each for each in (found.subject, found.kafkakey) if isinstance(each, str)):
            last = self.chapters[-1].at if self.chapters else state.EPOCH
            chapter = Chapter(_time(found, last), str(found.type or "a record"), str(found.id or ""), put_aside=self._aside)
            self.chapters.append(chapter)


def _apart(
    event: inputs.Event, looked_at: Iterable[trace.Condition], decided: Iterable[Decision], due: Mapping[str, datetime.datetime]
) -> tuple[list[Chapter], Chapter, list[Chapter]]:
    """Return the chapters of the timers before an input, of the input, and of the timers after it at the same time.

    Timers have one chapter for each time at which some fired. Conditions and decisions go to the chapter of their cause: the
    input, a timer, or an event that a step emitted because of one of them.
    """
    passed = event.type == inputs.TIMER_DUE
    own = Chapter(event.recorded, PASSED, "") if passed else Chapter(event.recorded, event.type, event.id, event.data)
    of, moments, due, parents = {event.id: own}, dict[tuple[bool, datetime.datetime], Chapter](), {**due}, dict[str, str]()
    for each in decided:
        root = _root(each.cause, parents)
        if root not in of:
            # An input without decisions has no place in their order, so the due time tells if the timer came before it. The
            # input wins a tie: docs/semantics.md#an-event-wins-a-tie
            first = passed or (not own.decisions and due.get(root, event.recorded) < event.recorded)
            of[root] = moments.setdefault((first, each.at), Chapter(each.at, PASSED, ""))
        of[root].decisions.append(each)
        if isinstance(each.data, decisions.EventEmitted):
            parents[each.data.event.id] = each.cause
        elif isinstance(each.data, decisions.TimerScheduled):
            due[each.data.timer] = each.data.due
    for condition in looked_at:
        of.get(_root(condition.cause, parents), own).conditions.append(condition)
    sides = [[chapter for (first, _), chapter in moments.items() if first is side] for side in (True, False)]
    return sides[0], own, sides[1]


def _root(cause: str, parents: Mapping[str, str]) -> str:
    while cause in parents:
        cause = parents[cause]
    return cause


def _outcome(event: inputs.Event, before: state.Customer | None, after: state.Customer | None, in_force: catalog.Catalog) -> str:
    """Return the reason why an input led to no decision, or the changes of the state that it made."""
    if event.type not in in_force.named and event.type not in inputs.BUILT_IN:
        return UNNAMED
    if event.source == inputs.OWN_SOURCE:
        return EMITTED
    if before is not None and duplicates.has_seen(before, duplicates.digest(event.id)):
        return SEEN
    if before is not None and after is None:
        return FORGOTTEN
    if event.type == inputs.JOURNEY_COMMAND and event.field("command") == "enter":
        return _shut(in_force.live.get(event.field("journey")), event.field("journey"))
    noted = ", ".join(_noted(event, before or state.Customer(event.subject), after, in_force))
    return f"noted: {noted}" if noted else NOTHING


def _shut(journey: Any, name: str) -> str:
    """Return the reason why the command `enter` did not enter the customer into a journey."""
    return f"there is no journey {name}" if journey is None else f"{name} is {journey.status}: it takes nobody"


def _noted(event: inputs.Event, before: state.Customer, after: state.Customer | None, in_force: catalog.Catalog) -> Iterator[str]:
    """Yield the name of each part of the customer's state that an input changed, such as `profile`."""
    if after is None:
        return
    field, words = _SAYS.get(event.type, ("", ""))
    if field and getattr(before, field) != getattr(after, field):
        yield words
    for trait in in_force.counting.get(event.type, ()):
        if before.traits.get(trait.name) is not after.traits.get(trait.name):
            yield f"traits.{trait.name}"


_SAYS: Final[Mapping[str, tuple[str, str]]] = {
    inputs.IDENTIFIED: ("profile", "profile"),
    inputs.CONSENT_GRANTED: ("consent", "consent"),
    inputs.CONSENT_WITHDRAWN: ("consent", "consent"),
    inputs.MESSAGE_RECEIVED: ("inbound", "when the customer last wrote"),
    inputs.JOURNEY_COMMAND: ("pauses", "pauses"),
}
"""`{event type: (field of the state that it changes, name of that field in a story)}`."""


def _time(found: skipped_records.Line, last: datetime.datetime) -> datetime.datetime:
    """Return the recorded time of a record, else the time at which it happened, else `last`."""
    for told in (found.recordedtime, found.time):
        try:
            return inputs.instant(str(told))
        except errors.NotATime:
            continue
    return last


def explain(
    decided_by: catalog.Catalog | definitions.Definitions,
    lines: Iterable[bytes],
    options: replayer.Options,
    journey: str | None = None,
) -> list[Chapter]:
    """Return the story of the customers in `options.customers`, input by input; with `journey`, of that journey only."""
    telling = _Telling(decided_by, options, journey)
    telling.run(lines)
    return telling.chapters
