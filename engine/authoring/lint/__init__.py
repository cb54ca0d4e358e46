"""The linter: faults that are found only when the valid files of a directory are compared with each other.

Called by `compile.py` with the directory that was read. `dalang check --base` and a deploy call `against` with
two bundles. The linter yields findings and changes nothing. There is one file for each subject, such as `waits.py`; messages and
their languages are in `templates.py`.
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
    """Yield findings about the policy, the traits and segments, and about names and salts that two journeys must not share.

    `today` decides for which years holidays must be known.
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
    """Yield findings about one journey: its names and expressions, its sends, and the routes through its steps.

    `steps` are the compiled steps.
    """
    wrong = [*journeys.check(file, read, scope), *unreachable_steps.check(file, steps)]
    yield from wrong
    yield from splits.check(file)
    yield from migrations.check(file)
    yield from sends.check(file)
    yield from quiet_hours.check(file, read, today)
    if any(each.code == findings.DuplicateStep.code for each in wrong):
        return  # the compiled form has only one of two steps with the same id, so its ways mean nothing
    way = routes.Routes(file.model, steps)
    yield from waits.check(file, way, read)
    yield from frequency_caps.check(file, way, read)


def against(before: definition.Bundle, after: definition.Bundle | None) -> Found:
    """Yield a finding for each step of the bundle `before` whose instances cannot go on in the bundle `after`.

    The findings point into the source files of `after`, which the bundle holds.
    """
    was = {journey.name: journey for journey in before.journeys}
    for journey in after.journeys if after is not None else ():
        if journey.name in was:
            for step in migrations.holes(was[journey.name], journey):
                yield hazards.MigrationHole.at(_on_update(journey.name, after), step=step)


def _on_update(journey: str, bundle: definition.Bundle | None) -> findings.Place:
    """Return the place of `on_update` in the journey's file."""
    for name, text in bundle.sources.items() if bundle is not None else ():
        if "/" not in name:
            document, _ = yaml_reader.parse(name, text)
            plain = None if document is None else document.plain()
            if document is not None and isinstance(plain, dict) and plain.get("journey") == journey:
                return document.place(("on_update",))
    return findings.Place(".")
