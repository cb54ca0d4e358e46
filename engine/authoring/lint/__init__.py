"""The linter: checks of journeys, policy, traits and segments, in files that are valid one by one.

`compile.py` calls `workspace` once for a directory and `journey` once for each journey. `dalang check --base` and a deploy
call `against` with two bundles. Each of these functions only yields findings. The other files of this folder hold the checks,
one file for each subject: for example, `waits.py` checks the waits. `compile.py` itself calls two of these files:
`templates.py` checks messages and their languages, and `unfilled_fields.py` finds fields that no event or profile fills.
"""

import datetime
from collections.abc import Iterator, Mapping

from engine.authoring.files import yaml_reader
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import declared_names, journey_file
from engine.authoring.lint import (
    frequency_caps,
    journeys,
    migrations,
    policies,
    quiet_hours,
    routes,
    sends,
    splits,
    traits,
    unreachable_steps,
    waits,
)
from engine.core.model import definition

Found = Iterator[findings.Sighting]

declared = policies.declared


def workspace(read: Directory, scope: declared_names.Workspace, today: datetime.date) -> Found:
    """Yield findings about policy.yaml and traits.yaml, about journeys with the same name, and about splits with the same salt.

    `read` holds the files of the directory, and `scope` the names that expressions may use. `today` is compared with the last
    year whose public holidays are known.
    """
    if read.policy is not None:
        yield from policies.check(read.policy, read, scope, today)
    if read.traits is not None:
        yield from traits.check(read.traits, scope)
    yield from journeys.names_taken(read)
    yield from splits.shared(read)


def journey(
    file: File[journey_file.Journey],
    steps: Mapping[str, definition.Step],
    read: Directory,
    scope: declared_names.Workspace,
    today: datetime.date,
) -> Found:
    """Yield all findings about one journey.

    `file` is the journey, and `steps` are its compiled steps by step id. `read` holds all files of the directory, and `scope`
    the names that expressions may use. `today` is compared with the date of a schedule.
    """
    wrong = [*journeys.check(file, read, scope), *unreachable_steps.check(file, steps)]
    yield from wrong
    yield from splits.check(file)
    yield from migrations.check(file)
    yield from sends.check(file)
    yield from quiet_hours.check(file, read, today)
    if any(each.code == findings.DuplicateStep.code for each in wrong):
        return  # of two steps with the same id, `steps` holds only one, so routes through `steps` would be wrong
    way = routes.Routes(file.model, steps)
    yield from waits.check(file, way, read)
    yield from frequency_caps.check(file, way, read)


def against(before: definition.Bundle, after: definition.Bundle | None) -> Found:
    """Yield a finding for each step of the older bundle whose waiting instances cannot move to the newer bundle.

    `before` is the older bundle and `after` the newer one. Only journeys with `on_update: migrate` are checked. A finding
    points to the line with `on_update` in the sources that `after` holds. If `after` is None, because the new files have
    errors, nothing is yielded.
    """
    was = {journey.name: journey for journey in before.journeys}
    for journey in after.journeys if after is not None else ():
        if journey.name in was:
            for step in migrations.holes(was[journey.name], journey):
                yield hazards.MigrationHole.at(_on_update(journey.name, after), step=step)


def _on_update(journey: str, bundle: definition.Bundle | None) -> findings.Place:
    """Return the position of `on_update` in the file of the journey with this name.

    The file is found among the sources of the bundle. If there is no such file, the result is the directory itself (`.`).
    """
    for name, text in bundle.sources.items() if bundle is not None else ():
        if "/" not in name:
            document, _ = yaml_reader.parse(name, text)
            plain = None if document is None else document.plain()
            if document is not None and isinstance(plain, dict) and plain.get("journey") == journey:
                return document.place(("on_update",))
    return findings.Place(".")
