"""Splits that would give customers another arm than before.

Called by the linter, for one journey and for all journeys of a directory.
"""

from collections.abc import Iterator

from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps

Found = Iterator[findings.Sighting]


def check(file: File[journey_file.Journey]) -> Found:
    """Yield a finding for each split that assigns a new arm at each entry, in a journey that customers may enter again."""
    if file.model.enter.reentry == "never":
        return
    for path, _, split in _splits(file):
        if split.by == "instance":
            yield hazards.ArmsByInstance.at(file.document.place((*path, "by")))


def shared(read: Directory) -> Found:
    """Yield a finding for each salt that two splits share although their arms differ.

    The finding is at the later of the two splits, by file and line.
    """
    first: dict[str, tuple[str, tuple[object, ...]]] = {}
    written = [(file, *found) for file in read.journeys for found in _splits(file)]
    for file, path, own, split in sorted(written, key=lambda each: each[3].salt is not None):
        salt = split.salt or own  # the same default as in `flat_steps.py`
        divided = (split.by, *((arm.id, arm.weight) for arm in split.arms))
        where, other = first.setdefault(salt, (own, divided))
        if other != divided:
            yield hazards.SharedSalt.at(file.document.place((*path, "salt")), salt=salt, other=where)


def _splits(file: File[journey_file.Journey]) -> Iterator[tuple[positions.Path, str, steps.Split]]:
    """Yield every split with its path and its default salt."""
    for path, step in walk.every(file.model.steps):
        if isinstance(step, steps.SplitStep):
            yield (*path, "split"), f"{file.model.journey}/{step.id}", step.split
