"""The explainer, which tells one customer's story: every input, its evaluated conditions, and its decisions.

Called by `dalang explain` and the demo; `story_text.py` turns the story into text. The story also has the customer's records
that a worker would write to the dead letters. The conditions come from the trace of the replay, with their values and their
paths in the YAML. The explainer decides nothing itself: it runs a replay, and assigns each condition and decision to its input.
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
"""The value of `Chapter.event` if the chapter is about timers and not about an event."""
UNNAMED: Final = "no journey and no trait names it"
SEEN: Final = "seen before"
EMITTED: Final = "taken already, when its step emitted it"
FORGOTTEN: Final = "the customer is forgotten"
NOTHING: Final = "nothing came of it"


class Chapter(msgspec.Struct):
    """One part of a story: an input, or a time at which timers fired, with the evaluated conditions and the decisions.

    `event` is the event type of the input, or `PASSED` for timers. `id` is the event's id, empty for timers.
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
    """For an input without decisions: the reason, or what it changed in the customer's state. Empty in a story of one journey."""


class _Storyteller(replayer.Outlet):
    def __init__(self) -> None:
        self.decided_now: list[decisions.Decision] = []

    def decided(self, decision: decisions.Decision) -> None:
        self.decided_now.append(decision)


class _Telling(replayer.Replayer):
    """A replay that collects the conditions and decisions of each input as chapters; `journey` limits them to one journey."""

    def __init__(
        self, decided_by: catalog.Catalog | definitions.Definitions, options: replayer.Options, journey: str | None
    ) -> None:
        self._journey = journey
        self._told, self._aside = _Storyteller(), ""
        self._let_by: inputs.Event | None = None
        self.chapters: list[Chapter] = []
        super().__init__(decided_by, options, self._told, trace.Trace())

    def _take(self, event: inputs.Event, driver: fold_driver.Driver[str], line: bytes) -> None:
        """Handle an event, and add a chapter even if the replay ignores the event, because no definition names its type."""
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
            event = let_by  # the replay has turned the ignored event into this tick, and the chapter names the event
        self._tell(event, before, customer, driver.catalog)

    def _start(self) -> None:
        self.tracing.conditions.clear()
        self._told.decided_now, self._aside = [], ""

    def _tell(self, event: inputs.Event, before: state.Customer | None, customer: str, in_force: catalog.Catalog) -> None:
        """Add the chapters of one input to the story, and the chapters of the timers that fired before and after the input.

        `before` is the customer's state before the input, and `in_force` is the catalog with which the input was decided.
        """
        if event is self._let_by:
            self._let_by = None
        due = {} if before is None else {id_: timer.due for id_, timer in before.timers.items()}
        earlier, own, later = _apart(event, self.tracing.conditions, self._told.decided_now, due)
        own.put_aside = self._aside
        if self._journey is None and not (own.decisions or own.put_aside or own.event == PASSED):
            own.outcome = _outcome(event, before, self.customers.get(customer), in_force)
        self.chapters += filter(self._concerns, (*earlier, own, *later))

    def _concerns(self, chapter: Chapter) -> bool:
        """Return True if the chapter has something to tell in this story.

        In a story of one journey, first remove the conditions and decisions of other journeys from the chapter.
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
    """Return (chapters of timers that fired before an input, chapter of the input, chapters of timers that fired after it).

    Timers that fired at the same time have one chapter together. A condition or decision is in the chapter of its cause, which
    is the input or a timer. If the cause is an event that a step emitted, the chapter is that of the input or timer that led to
    this event. `due` is `{timer: due time}` before the input.
    """
    passed = event.type == inputs.TIMER_DUE
    own = Chapter(event.recorded, PASSED, "") if passed else Chapter(event.recorded, event.type, event.id, event.data)
    of, moments, due, parents = {event.id: own}, dict[tuple[bool, datetime.datetime], Chapter](), {**due}, dict[str, str]()
    for each in decided:
        root = _root(each.cause, parents)
        if root not in of:
            # The order of the decisions shows whether the timer came before the input. If the input led to no decision, the due
            # time of the timer shows it. An input at exactly the due time comes first: docs/semantics.md#an-event-wins-a-tie
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
    """Return a text with the reason why an input led to no decision, or with what the input changed in the customer's state."""
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
    """Return the reason why the command `enter` let nobody enter a journey: there is no such journey, or it is not live.

    `journey` is the journey in the live bundle, None if the bundle has no journey of that name.
    """
    return f"there is no journey {name}" if journey is None else f"{name} is {journey.status}: it takes nobody"


def _noted(event: inputs.Event, before: state.Customer, after: state.Customer | None, in_force: catalog.Catalog) -> Iterator[str]:
    """Yield a name, such as `profile` or `traits.orders`, for each part of the customer's state that an input changed."""
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
"""`{event type: (field of the customer's state that such an event changes, words for the field in a story)}`."""


def _time(found: skipped_records.Line, last: datetime.datetime) -> datetime.datetime:
    """Return a time for the chapter of an invalid record: its recorded time, else its `time`, else `last`."""
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
    """Return the story of the customers in `options.customers` as chapters, in the order in which the replay took the inputs.

    With `journey`, the story is about that journey only.
    """
    telling = _Telling(decided_by, options, journey)
    telling.run(lines)
    return telling.chapters
