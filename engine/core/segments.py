"""Segments: who is in them, and when that can change by itself.

Called by the decider after every input that changed what segments read, and by the customer's segment timer. Looks and
answers; records nothing.
"""

import datetime
from collections.abc import Iterable, Iterator

from engine.core import decisions, definition, state, traits, view

Change = decisions.SegmentEntered | decisions.SegmentLeft


def untouched(
    reads: Iterable[tuple[definition.Trait, bool]], before: state.Customer, after: state.Customer, now: datetime.datetime
) -> bool:
    """Whether segments are surely as they were for the customer before: profile and the traits that they read (those of
    `Catalog.segmenting`) are the same, and her own timer says that passing time has changed none.
    """
    if after.profile is not before.profile:
        return False
    for trait, _ in reads:
        if after.traits.get(trait.name) is not before.traits.get(trait.name):
            return False
    return not any(timer.kind == "segment" and timer.due <= now for timer in after.timers.values())


def changes(looking: view.View, *, already: bool) -> tuple[Change, ...]:
    """The segments that the customer came to or left, in the order of the bundle; one that is no more is left.

    `already`: found at an activation, so what made it true is older than the definition.
    """
    within = looking.customer.segments
    found: list[Change] = []
    for segment in looking.catalog.segments:
        holds = looking.holds(segment.condition)
        if holds and segment.name not in within:
            found.append(decisions.SegmentEntered(segment.name, already))
        elif not holds and segment.name in within:
            found.append(decisions.SegmentLeft(segment.name, already))
    known = {segment.name for segment in looking.catalog.segments}
    found += [decisions.SegmentLeft(name, already) for name in within if name not in known]
    return tuple(found)


def next_change(looking: view.View) -> datetime.datetime | None:
    """The first moment after now at which passing time alone may change a segment; None if it never can."""
    return min(_moments(looking), default=None)


def _moments(looking: view.View) -> Iterator[datetime.datetime]:
    zone, tallies = looking.zone, looking.customer.traits
    for trait, daily in looking.catalog.segmenting:
        at = traits.changes_at(trait, tallies.get(trait.name), looking.now, zone, daily=daily)
        if at is not None:
            yield at
    for segment in looking.catalog.segments:
        for moment in segment.moments:
            at = looking.value(moment.at)
            if isinstance(at, datetime.datetime):
                yield from (flips for flips in _whole(at, moment.offset) if flips > looking.now)


def _whole(at: datetime.datetime, offset: int) -> Iterator[datetime.datetime]:
    """The moment as the fold knows moments, in whole milliseconds: the last one before it and the first one after it, as one
    condition flips at it and another just behind. None outside of the calendar.
    """
    try:
        flips = at + offset * view.MILLISECOND
        before = flips - datetime.timedelta(microseconds=flips.microsecond % 1000)
        yield before
        if before != flips:
            yield before + view.MILLISECOND
    except OverflowError:
        return
