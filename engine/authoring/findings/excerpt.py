"""The choice of the findings that are reported: the first twenty of a kind in a file, and the number of the others.

Called after all checks by `compile.py`, `dalang check --base`, a deploy and a simulation. Messages are made only for the
findings that are reported, because a file may have thousands of findings.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.authoring.findings.findings import Finding, Sighting

MOST: Final = 20
"""The greatest number of findings of one kind that are reported for one file: more would not help the author."""


class More(Finding, frozen=True):
    """A finding that only says how many further findings of one kind a file has: `count`."""

    count: int = 1


def of(found: Iterable[Sighting]) -> tuple[Finding, ...]:
    """Return the findings to report, sorted by file, line, column and code, without duplicates.

    Of each kind in each file, the first twenty findings are reported. If there are more, one finding (`More`) at the position
    of the twenty-first says how many are left out.
    """
    distinct = sorted(dict.fromkeys(found), key=lambda each: (each.place.file, each.code, each.place))
    kinds = itertools.groupby(distinct, lambda each: (each.place.file, each.code))
    return merged(*(tuple(_of_one_kind(list(each))) for _, each in kinds))


def merged(*found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join several series of findings, and sort them by file, line, column, code and message."""
    return tuple(sorted(itertools.chain(*found), key=lambda each: (each.file, each.line, each.column, each.code, each.message)))


def _of_one_kind(found: Sequence[Sighting]) -> Iterator[Finding]:
    """Yield the findings to report for one kind in one file.

    `found` holds all sightings of this kind in this file, sorted by position.
    """
    told: dict[Finding, None] = {}  # sightings with different details may have the same message, which is reported once
    for index, each in enumerate(found):
        if len(told) == MOST and each.told() not in told:
            yield from told
            yield _more(each, len(found) - index)
            return
        told[each.told()] = None
    yield from told


def _more(first: Sighting, count: int) -> More:
    place, code = first.place, first.code
    message = f"And {count:,} more of {code} in this file."
    hint = f"A file is shown {MOST} of a kind: correct those, and check it again."
    return More(place.file, place.line, place.column, code, first.severity, message, hint, count)
