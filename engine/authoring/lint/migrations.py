"""Maps from an older version's steps: lines that do not do what they seem to, and steps that no line leads from.

Called by the linter for one version; `holes` by `dalang check --base`, which knows the version before.
"""

from collections.abc import Iterator

from engine.authoring import findings, hazards, language, walk
from engine.authoring.directory import File
from engine.core import definition

Found = Iterator[findings.Sighting]


def check(file: File[language.Journey]) -> Found:
    """What can be said of a map without knowing the version before."""
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
    """The steps of `before` at which an instance may wait and for which `after` has no place, in the order of the file.

    None where instances stay on their version, or the two are one.
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
    """Whether an instance may stand at the step between two inputs: a send may be held or deferred, whatever its channels."""
    return isinstance(step, (definition.WaitDuration, definition.WaitUntil, definition.WaitEvents, definition.Send)) or (
        isinstance(step, definition.Handoff) and step.reply_within is not None
    )
