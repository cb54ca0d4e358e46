"""The explainer: one customer's story. Every input, what it matched, what it did not and why, and what was decided; also what
was put aside of hers.

Called by `dalang explain` and the demo. The conditions come from the trace, with their values and their places in the YAML.
"""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from engine.core import catalog, decisions, errors, inputs, state, trace
from engine.core.decisions import Decision
from engine.replay import definitions, replayer


class Chapter(msgspec.Struct):
    """One input (or a time at which timers fired): the conditions that were looked at, and the decisions."""

    at: datetime.datetime
    event: str
    id: str
    data: Any = None
    conditions: list[trace.Condition] = []
    decisions: list[Decision] = []
    put_aside: str = ""
    """The reason, and a sentence, where it was not taken: a worker puts it into the dead letters."""


class _Line(msgspec.Struct):
    """What can be told of a record that is no event; nothing is certain of it."""

    subject: Any = None
    kafkakey: Any = None
    type: Any = None
    id: Any = None
    time: Any = None
    recordedtime: Any = None


class _Storyteller(replayer.Outlet):
    def __init__(self) -> None:
        self.decided_now: list[decisions.Decision] = []

    def decided(self, decision: decisions.Decision) -> None:
        self.decided_now.append(decision)


class _Telling(replayer.Replayer):
    """A replay of one customer that keeps what each transition looked at."""

    def __init__(
        self, decided_by: catalog.Catalog | definitions.Definitions, options: replayer.Options, journey: str | None
    ) -> None:
        self._journey = journey
        self._told, self._aside = _Storyteller(), ""
        self.chapters: list[Chapter] = []
        super().__init__(decided_by, options, self._told, trace.Trace())

    def _transition(self, customer: str, event: inputs.Event, partition: int | None) -> None:
        self.tracing.conditions.clear()
        self._told.decided_now, self._aside = [], ""
        super()._transition(customer, event, partition)
        wanted = (None, self._journey)
        conditions = [each for each in self.tracing.conditions if self._journey in (None, each.journey)]
        decided = [each for each in self._told.decided_now if self._journey is None or each.journey in wanted]
        if conditions or decided or self._aside or event.type in inputs.BUILT_IN - {inputs.TIMER_DUE}:
            told = "time passed" if event.type == inputs.TIMER_DUE else event.type
            self.chapters.append(Chapter(event.recorded, told, event.id, event.data, conditions, decided, self._aside))

    def _put_aside(self, reason: str, told: str, line: bytes | None = None) -> None:
        super()._put_aside(reason, told, line)
        self._aside = f"{reason}: {told}"
        found = None if line is None else _read(line)
        if found is not None and not self.options.customers.isdisjoint(map(str, (found.subject, found.kafkakey))):
            last = self.chapters[-1].at if self.chapters else state.EPOCH
            chapter = Chapter(_time(found, last), str(found.type or "a record"), str(found.id or ""), put_aside=self._aside)
            self.chapters.append(chapter)


def _read(line: bytes) -> _Line | None:
    """What a line says of itself, if it is an object at all."""
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _time(found: _Line, last: datetime.datetime) -> datetime.datetime:
    """When it was recorded, or happened; where that is no time, `last`."""
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
    """The story of the customers in `options.customers`, input by input; of one journey alone where it is named."""
    telling = _Telling(decided_by, options, journey)
    telling.run(lines)
    return telling.chapters


def text(chapters: Iterable[Chapter]) -> Iterator[str]:
    """The story for people, line by line."""
    for chapter in chapters:
        yield f"{inputs.text(chapter.at)}  {chapter.event}{_asked(chapter)}" + (
            f"  ({chapter.id})" if chapter.id and chapter.event != "time passed" else ""
        )
        if chapter.put_aside:
            yield f"    put aside: {chapter.put_aside}"
        for condition in chapter.conditions:
            if condition.path.endswith(".address"):  # a phone is not told where nobody asked for it; --json has it
                condition = msgspec.structs.replace(condition, result=condition.result is not None, inputs={})
            seen = ", ".join(f"{name} = {_short(value)}" for name, value in condition.inputs.items())
            verdict = condition.error or ("yes" if condition.result is True else f"{_short(condition.result)}")
            verdict = "no" if condition.result is False and not condition.error else verdict
            place = f"{condition.journey} {condition.path}".lstrip()
            yield f"    ? {place}: {condition.text} -> {verdict}" + (f"  [{seen}]" if seen else "")
        for decision in chapter.decisions:
            yield f"    {inputs.text(decision.at)}  {decision.type}{_told(decision)}"


def _asked(chapter: Chapter) -> str:
    """What an operator told journeys to do: the command and the journey."""
    if chapter.event != inputs.JOURNEY_COMMAND or not isinstance(chapter.data, dict):
        return ""
    return f"  {chapter.data.get('command')} {chapter.data.get('journey') or 'all journeys'}"


def _told(decision: decisions.Decision) -> str:
    """The few words that matter of a decision; never an address or a text."""
    words = _of_message(decision.data) or _of_journey(decision.data)
    place = f"  {decision.journey}" + (f"/{decision.step}" if decision.step else "")
    return place.rstrip() + (f"  {words}" if words else "")


def _of_journey(data: decisions.Payload) -> str:
    match data:
        case decisions.JourneyRefused(reason=words) | decisions.JourneyExited(reason=words):
            return words
        case decisions.JourneyEntered(held_out=True):
            return "held out: never messaged"
        case decisions.StepCompleted(outcome=words):
            return words
        case decisions.TimerScheduled(kind=kind, due=due):
            return f"{kind} until {inputs.text(due)}"
        case decisions.BranchTaken(arm=arm):
            return "no arm" if arm is None else f"arm {arm + 1}"
        case decisions.SplitAssigned(arm=choice) | decisions.OfferChosen(offer=choice):
            return choice or "none"
        case decisions.SegmentEntered(segment=words) | decisions.SegmentLeft(segment=words):
            return words
        case decisions.ProfileUpdated(set=written, removed=removed):
            return ", ".join([*written, *(f"without {name}" for name in removed)])
        case decisions.EventEmitted(event=event):
            return event.type
        case decisions.GoalReached(event=words, value=value):
            return words + (f", worth {value:g}" if value is not None else "")
    return ""


def _of_message(data: decisions.Payload) -> str:
    match data:
        case decisions.MessageRequested(channel=channel, attempt=attempt, skipped=skipped):
            passed = "".join(f", not {other}: {why}" for other, why in skipped)
            return f"attempt {attempt} by {channel}{passed}"
        case decisions.MessageDeferred(until=until, reason=reason):
            return f"{reason} until {inputs.text(until) if until is not None else 'it is resumed'}"
        case decisions.MessageSuppressed(skipped=skipped, reason=reason, reasons=reasons):
            return ", ".join([*(f"{channel}: {why}" for channel, why in skipped)] or [*reasons] or [reason])
        case decisions.MessageReported(status=status, channel=channel, code=code, late=late):
            return f"{status} by {channel}" + (f" ({code})" if code else "") + (", late" if late else "")
        case decisions.MessageResolved(outcome=outcome, reason=reason):
            return f"{outcome} {reason}".rstrip()
    return ""


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
