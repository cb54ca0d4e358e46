"""The map `migrations` of a journey: lines without effect, and steps of the former version that no line covers.

The linter calls `check` for one version, and `holes` for two versions (by `against` in `lint/__init__.py`).
"""

from collections.abc import Iterator

from engine.authoring.files import walk
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file
from engine.core.model import definition

Found = Iterator[findings.Sighting]


def check(file: File[journey_file.Journey]) -> Found:
    """Yield findings about the map of one version, without the former version."""
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
    """Return the steps of `before` at which an instance may wait, and from which it cannot go on in `after`.

    The result is in the order of the file. It is empty if instances stay on their version, or if both versions are the same.
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
    """Return True if an instance may be at the step between two inputs.

    This is true for every send, because a message may be deferred on any channel.
    """
    return isinstance(step, (definition.WaitDuration, definition.WaitUntil, definition.WaitEvents, definition.Send)) or (
        isinstance(step, definition.Handoff) and step.reply_within is not None
    )
