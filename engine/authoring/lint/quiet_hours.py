"""The linter's checks of quiet hours, and of the date of a schedule.

Called by `lint/__init__.py`. A message is reported if it is requested in quiet hours every time. Only messages whose time of
day can be computed are checked: such a message follows a schedule or a wait such as `until: {time: "09:00"}`, with nothing but
waits of a fixed length between. Public holidays and clock changes are ignored.
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
"""The number of years after this year whose public holidays a bundle holds (`public_calendars.compiled`)."""

Quiet = tuple[int, int] | rules.QuietRule


def check(file: File[journey_file.Journey], read: Directory, today: datetime.date) -> Found:
    """Yield findings about messages that are always requested in quiet hours, and about the date of a schedule.

    The date is reported if it is before `today`, or so many years after `today` that the bundle does not hold the public
    holidays of that year.
    """
    model = file.model
    yield from _date(file, today)
    rule = read.policy.model.policy.quiet_hours.get(model.hours or model.purpose) if read.policy is not None else None
    if rule is None or not _open(rule):
        return
    told = _told(model.hours or model.purpose, rule)
    yield from _messages(file, ("steps",), model.steps, _starts(model), compiling.quiet(rule), told)


def longest(rule: Quiet | None) -> float:
    """Return the length of the longest quiet time without a break in a week, in milliseconds.

    Public holidays are ignored. The result is 0 if `rule` is None, and infinite if the rule is never open. `frequency_caps.py`
    uses the result, because quiet hours can delay a message by this time.
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
    """Return one byte for each minute of a week that begins on Monday: `q` if the minute is quiet, `o` if it is open."""
    return b"".join(
        b"q" if quiet_hours.quiet(rule, _MONDAY + datetime.timedelta(minutes=minute), ()) else b"o" for minute in range(WEEK)
    )


def _told(name: str, rule: Quiet) -> str:
    if isinstance(rule, rules.QuietRule):
        return name
    return f"{name} {rule[0] // 60:02}:{rule[0] % 60:02}-{rule[1] // 60:02}:{rule[1] % 60:02}"


Minutes = tuple[int, ...] | None
"""The minutes of the week at which a step may begin, counted from Monday 00:00; None if it may begin at any minute."""


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
    """Yield findings about the sends in a list of steps, and in the lists nested inside these steps.

    `at` holds the minutes of the week at which the list may begin; None means any minute. `rule` holds the quiet hours, and
    `told` is their description for the findings. A list inside a branch, split or choose begins at the same minutes as the
    branch, split or choose. A list inside a wait for events may begin at any minute, because nobody knows when the event
    comes.
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
    """Return the minutes of the week at which the step after `step` may begin; `at` are the minutes at which `step` begins.

    The result is None if the next step may begin at any minute.
    """
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
    """Return the number of minutes from this minute of the week until the quiet hours end; 0 if the minute is open.

    `minute` counts from Monday 00:00. The rule must be open at some minute of the week.
    """
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
