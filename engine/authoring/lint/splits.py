"""The linter's checks of splits: arms that are chosen anew at each entry, and a salt that two different splits share.

Called by `lint/__init__.py`: `check` for one journey, and `shared` for all journeys of a directory.
"""

from collections.abc import Iterator

from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps

Found = Iterator[findings.Sighting]


def check(file: File[journey_file.Journey]) -> Found:
    """Yield a finding for each split with `by: instance` in a journey that customers may enter again.

    Such a split chooses a new arm for each entry, so a customer who enters twice may get two different arms.
    """
    if file.model.enter.reentry == "never":
        return
    for path, _, split in _splits(file):
        if split.by == "instance":
            yield hazards.ArmsByInstance.at(file.document.place((*path, "by")))


def shared(read: Directory) -> Found:
    """Yield a finding for each split with the same salt as another split, but with other arms, weights or `by`.

    Of the two splits, the finding is at the one that writes `salt`. If both write it, the finding is at the later one, in the
    order of files and lines. A split that writes no `salt` has the salt `<journey>/<step>`.
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
    """Yield `(path, default salt, split)` for every split of a journey."""
    for path, step in walk.every(file.model.steps):
        if isinstance(step, steps.SplitStep):
            yield (*path, "split"), f"{file.model.journey}/{step.id}", step.split
