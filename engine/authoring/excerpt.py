"""The findings that are reported: the first twenty of a kind in a file, and how many more there are.

Called by `compile.py` at the end, and by `dalang check --base`. Only what is reported is put into words.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.authoring.findings import Finding, Sighting

MOST: Final = 20
"""Of one kind in one file. A finding that is repeated thousands of times tells no more than twenty of it do."""


class More(Finding, frozen=True):
    """The finding that stands for all further ones of its kind in its file."""

    count: int = 1


def of(found: Iterable[Sighting]) -> tuple[Finding, ...]:
    """By place, then code, each thing said once. From the twenty-first of a kind in a file on they are only counted: one
    finding of that kind says how many, where the first of them stands.
    """
    distinct = sorted(dict.fromkeys(found), key=lambda each: (each.place.file, each.code, each.place))
    kinds = itertools.groupby(distinct, lambda each: (each.place.file, each.code))
    return merged(*(tuple(_of_one_kind(list(each))) for _, each in kinds))


def merged(*found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that were reported apart, by place."""
    return tuple(sorted(itertools.chain(*found), key=lambda each: (each.file, each.line, each.column, each.code, each.message)))


def _of_one_kind(found: Sequence[Sighting]) -> Iterator[Finding]:
    """`found` is of one kind in one file, by place."""
    told: dict[Finding, None] = {}  # different details may make the same words
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
