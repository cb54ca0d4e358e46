"""Segments: the segments that a customer is in, and the moments at which time alone can change them.

`enrolment.py` calls it after every input that changed the profile or a trait that segments read, and when the customer's segment
timer fires. `next_change` gives the time of that timer, from moments that `engine/authoring/cel/change_moments.py` found in the
conditions. This file records nothing.
"""

import datetime
from collections.abc import Iterable, Iterator

from engine.core.context import decision_context
from engine.core.model import decisions, definition, inputs, state
from engine.core.traits import evaluate

Change = decisions.SegmentEntered | decisions.SegmentLeft


def unchanged(
    reads: Iterable[tuple[definition.Trait, bool]], before: state.Customer, after: state.Customer, now: datetime.datetime
) -> bool:
    """Return True if the customer certainly is in the same segments as in the state `before`.

    Three things must be true: the profile is the same, the traits in `reads` are the same, and no segment timer is due. `reads`
    is `Catalog.segmenting`, the traits that segments read.
    """
    if after.profile is not before.profile:
        return False
    for trait, _ in reads:
        if after.traits.get(trait.name) is not before.traits.get(trait.name):
            return False
    return not any(timer.kind == "segment" and timer.due <= now for timer in after.timers.values())


def changes(context: decision_context.Context, *, already: bool) -> tuple[Change, ...]:
    """Return a fact for each segment that the customer enters or leaves, in the order of the bundle.

    The customer leaves a segment that is not in the bundle any more. `already` is True at an activation and is stored in the
    facts: the customer may have met the condition before the segment was defined.
    """
    within = context.customer.segments
    found: list[Change] = []
    for segment in context.catalog.segments:
        holds = context.holds(segment.condition)
        if holds and segment.name not in within:
            found.append(decisions.SegmentEntered(segment.name, already))
        elif not holds and segment.name in within:
            found.append(decisions.SegmentLeft(segment.name, already))
    known = {segment.name for segment in context.catalog.segments}
    found += [decisions.SegmentLeft(name, already) for name in within if name not in known]
    return tuple(found)


def next_change(context: decision_context.Context) -> datetime.datetime | None:
    """Return the first moment after now at which a segment may change without an event, or None if there is none."""
    return min(_moments(context), default=None)


def _moments(context: decision_context.Context) -> Iterator[datetime.datetime]:
    zone, tallies = context.zone, context.customer.traits
    for trait, daily in context.catalog.segmenting:
        at = evaluate.changes_at(trait, tallies.get(trait.name), context.now, zone, daily=daily)
        if at is not None:
            yield at
    for segment in context.catalog.segments:
        for moment in segment.moments:
            at = context.value(moment.at)
            if isinstance(at, datetime.datetime):
                yield from (flips for flips in _whole(at, moment.offset) if flips > context.now)


def _whole(at: datetime.datetime, offset: int) -> Iterator[datetime.datetime]:
    """Yield `at` plus `offset` milliseconds, in whole milliseconds; a time between two milliseconds yields both of them.

    The engine's time has whole milliseconds only. A condition may change exactly at the time or just after it, so both
    neighbours are needed. A time outside the calendar yields nothing.
    """
    try:
        flips = at + offset * inputs.MILLISECOND
        before = flips - datetime.timedelta(microseconds=flips.microsecond % 1000)
        yield before
        if before != flips:
            yield before + inputs.MILLISECOND
    except OverflowError:
        return
