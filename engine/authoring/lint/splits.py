"""Splits that would show people another arm than before.

Called by the linter, for one journey and for all of a directory.
"""

from collections.abc import Iterator

from engine.authoring import findings, hazards, language, places, steps, walk
from engine.authoring.directory import Directory, File

Found = Iterator[findings.Sighting]


def check(file: File[language.Journey]) -> Found:
    """Draws that are made anew where customers may enter again."""
    if file.model.enter.reentry == "never":
        return
    for path, _, split in _splits(file):
        if split.by == "instance":
            yield hazards.ArmsByInstance.at(file.document.place((*path, "by")))


def shared(read: Directory) -> Found:
    """Salts that two splits share without sharing their arms. Of two, the later by file and line that wrote it is told."""
    first: dict[str, tuple[str, tuple[object, ...]]] = {}
    written = [(file, *found) for file in read.journeys for found in _splits(file)]
    for file, path, own, split in sorted(written, key=lambda each: each[3].salt is not None):
        salt = split.salt or own  # as `flat.py` has it
        divided = (split.by, *((arm.id, arm.weight) for arm in split.arms))
        where, other = first.setdefault(salt, (own, divided))
        if other != divided:
            yield hazards.SharedSalt.at(file.document.place((*path, "salt")), salt=salt, other=where)


def _splits(file: File[language.Journey]) -> Iterator[tuple[places.Path, str, steps.Split]]:
    """Every split with its path and the salt that it has unless another is written."""
    for path, step in walk.every(file.model.steps):
        if isinstance(step, steps.SplitStep):
            yield (*path, "split"), f"{file.model.journey}/{step.id}", step.split
