"""Quiet hours compared with the known times of messages: messages that are always in quiet hours, or expire in them.

Called by the linter. A message's time of day is known if it comes after a schedule or a wait until a time, with only waits of a
fixed length between. Public holidays and changes of the clocks are not considered.
"""

import datetime
import functools
from collections.abc import Iterator, Sequence
from typing import Final

from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps
from engine.authoring.language import policy_file as rules
from engine.authoring.language.times import WEEKDAYS, numbers
from engine.authoring.policy import compiled_policy as compiling
from engine.core.model import definition
from engine.core.rules import quiet_hours

Found = Iterator[findings.Sighting]

MINUTE: Final = 60_000
WEEK: Final = 7 * 24 * 60
_MONDAY: Final = datetime.datetime(2024, 1, 1)
_HORIZON_YEARS: Final = 5
"""The number of years ahead for which a bundle knows holidays (`public_calendars.compiled`)."""

Quiet = tuple[int, int] | rules.QuietRule


def check(file: File[journey_file.Journey], read: Directory, today: datetime.date) -> Found:
    """Yield findings about messages in quiet hours, and about a schedule's date that is past or too far ahead."""
    model = file.model
    yield from _date(file, today)
    rule = read.policy.model.policy.quiet_hours.get(model.hours or model.purpose) if read.policy is not None else None
    if rule is None or not _open(rule):
        return
    told = _told(model.hours or model.purpose, rule)
    yield from _messages(file, ("steps",), model.steps, _starts(model), compiling.quiet(rule), told)


def longest(rule: Quiet | None) -> float:
    """Return the longest time in milliseconds for which the rule is quiet without a break.

    Holidays are not considered. Without a rule the result is 0; for a rule that is never open it is infinity.
    """
    if rule is None:
        return 0.0
    if not _open(rule):
        return float("inf")
    return float(max(map(len, b"".join([_week(compiling.quiet(rule))] * 2).split(b"o"))) * MINUTE)


def _open(rule: Quiet) -> bool:
    return not isinstance(rule, rules.QuietRule) or len(set(rule.days_off)) < len(WEEKDAYS)


@functools.lru_cache(64)
def _week(rule: definition.QuietHours) -> bytes:
    """Return each minute of a week from Monday on: q for quiet, o for open."""
    return b"".join(
        b"q" if quiet_hours.quiet(rule, _MONDAY + datetime.timedelta(minutes=minute), ()) else b"o" for minute in range(WEEK)
    )


def _told(name: str, rule: Quiet) -> str:
    if isinstance(rule, rules.QuietRule):
        return name
    return f"{name} {rule[0] // 60:02}:{rule[0] % 60:02}-{rule[1] // 60:02}:{rule[1] % 60:02}"


Minutes = tuple[int, ...] | None
"""The minutes of the week at which a step may be reached; None if it may be any minute."""


def _starts(model: journey_file.Journey) -> Minutes:
    schedule = model.enter.schedule
    if schedule is None:
        return None
    match schedule.day:
        case list(days):
            return _at(schedule.time, numbers(days))
        case datetime.date() as date:
            return _at(schedule.time, (date.weekday(),))
    return _at(schedule.time, range(7))


def _at(minute: int, days: Sequence[int]) -> tuple[int, ...]:
    return tuple(day * 24 * 60 + minute for day in days)


def _messages(
    file: File[journey_file.Journey],
    path: positions.Path,
    written: Sequence[steps.Step],
    at: Minutes,
    rule: definition.QuietHours,
    told: str,
) -> Found:
    """Yield findings about the sends in a list of steps that begins at the known times `at`.

    A list inside a branch, split or choice begins at the times of that step. A list after an awaited event may begin at any time.
    """
    for index, step in enumerate(written):
        here = (*path, index)
        if at is not None and isinstance(step, steps.SendStep):
            yield from _message(file, (*here, "id"), step.send, at, rule, told)
        if isinstance(step, (steps.BranchStep, steps.SplitStep, steps.ChooseStep)):
            for below, inner in walk.nested(step):
                yield from _messages(file, (*here, *below), inner, at, rule, told)
        elif isinstance(step, steps.WaitStep) and isinstance(step.wait, steps.WaitFor):
            for below, inner in walk.nested(step):
                yield from _messages(file, (*here, *below), inner, None, rule, told)
        at = _behind(step, at)


def _behind(step: steps.Step, at: Minutes) -> Minutes:
    """Return the times at which the next step is reached."""
    match step:
        case steps.WaitStep(wait=int(duration), restart_on=None) if at is not None and duration % MINUTE == 0:
            return tuple((minute + duration // MINUTE) % WEEK for minute in at)
        case steps.WaitStep(wait=steps.WaitUntil(until=steps.UntilTime(time=minute, days=days))):
            return _at(minute, numbers(days) if days else range(7))
        case steps.WaitStep(wait=steps.WaitUntil(until=steps.UntilPayday(time=minute))):
            return _at(minute, range(7))
        case steps.SetStep() | steps.EmitStep() | steps.HandoffStep(handoff=steps.Handoff(reply_within=None)):
            return at
    return None


def _message(
    file: File[journey_file.Journey],
    place: positions.Path,
    send: steps.Send,
    at: tuple[int, ...],
    rule: definition.QuietHours,
    told: str,
) -> Found:
    closed = [_closed(rule, minute) for minute in at]
    if not all(closed):
        return
    lives = None if send.expires_after is None else send.expires_after / MINUTE
    kind = hazards.AlwaysQuiet if lives is None or min(closed) < lives else hazards.ExpiresInQuietHours
    yield kind.at(file.document.place(place), rule=told)


def _closed(rule: definition.QuietHours, minute: int) -> int:
    """Return the number of minutes from that minute of the week until the rule is open."""
    week = _week(rule)
    return (week * 2).index(b"o", minute) - minute


def _date(file: File[journey_file.Journey], today: datetime.date) -> Found:
    schedule = file.model.enter.schedule
    if schedule is None or not isinstance(schedule.day, datetime.date):
        return
    place, date = file.document.place(("enter", "schedule", "day")), schedule.day
    if date < today:
        hint = "Nobody enters any more: write the date that is meant, or status: retired."
        yield hazards.DateOutOfCalendar.at(place, date=date, why="past", hint=hint)
    elif date.year > today.year + _HORIZON_YEARS:
        why = f"beyond the calendar, which ends with {today.year + _HORIZON_YEARS}"
        yield hazards.DateOutOfCalendar.at(
            place, date=date, why=why, hint="Of later years no public holiday is known: is it meant?"
        )
