"""The linter's checks of `migrations`: useless or risky lines, and steps without a target in the new version.

`lint/__init__.py` calls `check` with one version of a journey. Its function `against` calls `holes` with two versions.
"""

from collections.abc import Iterator

from engine.authoring.files import walk
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file
from engine.core.model import definition

Found = Iterator[findings.Sighting]


def check(file: File[journey_file.Journey]) -> Found:
    """Yield findings about lines of `migrations` that have no effect, or that move instances at every later deploy."""
    model, document = file.model, file.document
    if not model.migrations:
        return
    if model.on_update == "pin":
        yield hazards.MigrationsPinned.at(document.key_place(("migrations",)))
        return
    here = {step.id for _, step in walk.every(model.steps)}
    for old in model.migrations:
        if old in here:
            yield hazards.MigrationOfLivingStep.at(document.key_place(("migrations", old)), step=old)


def holes(before: definition.Journey, after: definition.Journey) -> tuple[str, ...]:
    """Return the ids of steps in `before` at which instances may wait and from which they cannot move to `after`.

    An instance moves to the step that `migrations` names, or else to the step with the same id. The ids are in the order of
    the file. The result is empty if instances stay on their version (`on_update: pin`), or if both versions are the same.
    """
    if after.on_update != "migrate" or after.version == before.version:
        return ()
    reached = {before.first, *definition.reachable(before, before.first)}
    return tuple(
        id_
        for id_, step in before.steps.items()
        if id_ in reached and waits(step) and id_ not in after.migrations and id_ not in after.steps
    )


def waits(step: definition.Step) -> bool:
    """Return True if an instance may wait at the step.

    This is true for every send, because a message waits while quiet hours hold it or a cap defers it.
    """
    return isinstance(step, (definition.WaitDuration, definition.WaitUntil, definition.WaitEvents, definition.Send)) or (
        isinstance(step, definition.Handoff) and step.reply_within is not None
    )
