"""The excerpt of findings that is reported: the first twenty of a kind in a file, and the number of the others.

Called by `compile.py` at the end, by `dalang check --base`, by a deploy and by a simulation. Sentences
are made for reported findings only.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.authoring.findings.findings import Finding, Sighting

MOST: Final = 20
"""The most findings of one kind that are reported for one file, because nobody reads thousands of them."""


class More(Finding, frozen=True):
    """The finding that stands for all further findings of its kind in its file."""

    count: int = 1


def of(found: Iterable[Sighting]) -> tuple[Finding, ...]:
    """Return the findings to report, by place, then by code, each once.

    After twenty of one kind in a file, the others are only counted. One finding of that kind reports their number, at the place
    of the first of them.
    """
    distinct = sorted(dict.fromkeys(found), key=lambda each: (each.place.file, each.code, each.place))
    kinds = itertools.groupby(distinct, lambda each: (each.place.file, each.code))
    return merged(*(tuple(_of_one_kind(list(each))) for _, each in kinds))


def merged(*found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Merge findings that were reported separately, by place."""
    return tuple(sorted(itertools.chain(*found), key=lambda each: (each.file, each.line, each.column, each.code, each.message)))


def _of_one_kind(found: Sequence[Sighting]) -> Iterator[Finding]:
    """Yield the findings to report from `found`; these are all of one kind in one file, sorted by place."""
    told: dict[Finding, None] = {}  # different details may give the same sentence
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
