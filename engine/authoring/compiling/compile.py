"""The compiler: from a directory of YAML files to a bundle with its content hashes.

Called by the CLI (check, deploy), by `catalogs.py` and by `finding_pages.py`. The same files always compile to the same bundle,
byte for byte. Nothing depends on the order in which a file system lists files, on Python's hash seed or on the name of the
directory. Only the calendar in a bundle depends on the year in which the bundle is made.
"""

import datetime
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from engine.authoring import lint
from engine.authoring.cel import change_moments, expressions
from engine.authoring.compiling import flat_steps
from engine.authoring.files import directory_reader, positions
from engine.authoring.findings import excerpt, findings
from engine.authoring.findings.findings import Finding
from engine.authoring.language import journey_file, policy_file, times, traits_file
from engine.authoring.lint import templates, unfilled_fields
from engine.authoring.policy import compiled_policy
from engine.core.model import definition


class Result(msgspec.Struct, frozen=True):
    """The result of compiling a directory: the bundle, and the reported findings in the order of files and lines.

    `bundle` is None if a finding is an error.
    """

    bundle: definition.Bundle | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings with the severity `error`; a directory with such a finding cannot be deployed or replayed."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def compile_directory(path: pathlib.Path | str, today: datetime.date | None = None) -> Result:
    """Read, check and compile a directory of YAML files.

    Every fault in the files becomes a finding; no exception is raised. The bundle contains the holidays from last year to five
    years ahead. `today` is the day from which these years count; the default is the current day.
    """
    read = directory_reader.read(pathlib.Path(path))
    today, scope = today or datetime.date.today(), lint.declared(read)
    found = [*read.found, *lint.workspace(read, scope, today), *templates.check(read, scope), *unfilled_fields.check(read)]
    journeys = []
    for file in read.journeys:
        steps = {step.id: step for step in flat_steps.flat(file.model.journey, file.model.steps)}
        wrong = list(lint.journey(file, steps, read, scope, today))
        if not _errors(wrong):
            journeys.append(compile_journey(file.model, steps, read))
        found += wrong
    in_order = excerpt.of(found)
    if _errors(in_order):
        return Result(None, in_order)
    bundle = definition.Bundle(
        id="",
        journeys=tuple(sorted(journeys, key=lambda journey: journey.name)),
        policy=compiled_policy.compiled(read.policy.model.policy if read.policy is not None else policy_file.Policy(), today),
        sources=dict(sorted(read.sources.items())),
        traits=compile_traits(read),
        segments=compile_segments(read),
    )
    return Result(msgspec.structs.replace(bundle, id=_hash(bundle)), in_order)


def compile_journey(
    journey: journey_file.Journey, steps: dict[str, definition.Step], read: directory_reader.Directory
) -> definition.Journey:
    """Return a compiled journey, with the templates that its steps use and with its version.

    `journey` is a journey file without errors, `steps` are its compiled steps as `{id: step}`, and `read` has the templates.
    """
    named = sorted({step.template for step in steps.values() if isinstance(step, definition.Send)})
    compiled = definition.Journey(
        name=journey.journey,
        version="",
        owner=journey.owner,
        purpose=journey.purpose,
        status=journey.status,
        enter=_enter(journey.enter),
        steps=steps,
        first=journey.steps[0].id,
        title=journey.title,
        priority=journey.priority,
        exits=tuple(
            definition.ExitRule(flat_steps.trigger(rule, ("exit", index)), rule.reason or rule.event)
            for index, rule in enumerate(journey.exit)
        ),
        templates={name: _bodies(name, read) for name in named},
        goal=None if journey.goal is None else _goal(journey.goal),
        holdout=journey.holdout,
        on_update=journey.on_update,
        migrations=dict(sorted(journey.migrations.items())),
        hours=journey.hours or "",
    )
    return msgspec.structs.replace(compiled, version=_hash(compiled))


def compile_traits(read: directory_reader.Directory) -> tuple[definition.Trait, ...]:
    """Return the compiled traits of traits.yaml in the order of their names, each with the hash of its definition."""
    written = read.traits.model.traits if read.traits is not None else {}
    return tuple(_trait(name, trait) for name, trait in sorted(written.items()))


def compile_segments(read: directory_reader.Directory) -> tuple[definition.Segment, ...]:
    """Return the compiled segments of traits.yaml in the order of their names."""
    if read.traits is None:
        return ()
    model, compiled = read.traits.model, []
    for name, text in sorted(model.segments.items()):
        condition = expressions.compiled(text, ("segments", name))
        used = expressions.fields_of(text, "traits")
        names = tuple(sorted(model.traits)) if used is None else used
        compiled.append(definition.Segment(name, condition, names, change_moments.of(text, condition.path)))
    return tuple(compiled)


def _errors(found: Sequence[Finding | findings.Sighting]) -> bool:
    return any(finding.severity == "error" for finding in found)


def _hash(compiled: definition.Journey | definition.Bundle | definition.Trait) -> str:
    """Return the hash of a compiled object: `sha256:` and the SHA-256 of its canonical JSON in hexadecimal.

    The field that will contain the hash is left out. Canonical JSON has sorted keys, but the order of a journey's steps must
    change the hash. So the steps are written as a list.
    """
    plain = msgspec.to_builtins(compiled)
    for journey in plain["journeys"] if isinstance(compiled, definition.Bundle) else [plain]:
        if "steps" in journey:
            journey["steps"] = list(journey["steps"].items())
    plain.pop(_OWN[type(compiled)])
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


_OWN: Final[dict[type[Any], str]] = {definition.Journey: "version", definition.Bundle: "id", definition.Trait: "hash"}
"""For each compiled class, the field that contains the hash of all its other fields."""


def _bodies(name: str, read: directory_reader.Directory) -> dict[str, dict[str, dict[str, object]]]:
    files = sorted(read.templates[name].items())
    return {code: dict(sorted(file.document.plain().items())) for code, file in files if file is not None}


def _enter(enter: journey_file.Enter) -> definition.Enter:
    return definition.Enter(
        events=_events(enter.event) if enter.event is not None else (),
        reentry=_reentry(enter.reentry),
        when=flat_steps.condition(enter.when, ("enter", "when")),
        key=flat_steps.condition(enter.key, ("enter", "key")),
        while_active=enter.while_active or "ignore",
        max_age=enter.max_age,
        segment=enter.segment or "",
        schedule=None if enter.schedule is None else _schedule(enter.schedule),
    )


def _events(written: str | list[str]) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(dict.fromkeys(written))


def _schedule(written: journey_file.Schedule) -> definition.Schedule:
    audience = flat_steps.condition(written.audience, ("enter", "schedule", "audience"))
    match written.day:
        case "payday":
            return definition.Schedule(written.time, "payday", audience=audience)
        case int(day):
            return definition.Schedule(written.time, "month", day=day, audience=audience)
        case list(days):
            return definition.Schedule(written.time, "weekday", days=times.numbers(days), audience=audience)
        case datetime.date() as date:
            return definition.Schedule(written.time, "once", date=date, audience=audience)
        case _:
            return definition.Schedule(written.time, "day", audience=audience)


def _reentry(written: str | journey_file.ReentryRule) -> definition.Reentry:
    if isinstance(written, journey_file.ReentryRule):
        if written.after is not None:
            return definition.Reentry("after", after=written.after)
        return definition.Reentry("parallel", parallel=written.parallel or 1)
    return definition.Reentry(written)  # type: ignore[arg-type]


def _goal(goal: journey_file.Goal) -> definition.Goal:
    return definition.Goal(flat_steps.trigger(goal, ("goal",)), goal.within, flat_steps.condition(goal.value, ("goal", "value")))


def _trait(name: str, trait: traits_file.Trait) -> definition.Trait:
    path: positions.Path = ("traits", name)
    days, rolling = trait.within or (0, 0)
    compiled = definition.Trait(
        name=name,
        of=_events(trait.of),
        compute=trait.compute,
        hash="",
        when=flat_steps.condition(trait.when, (*path, "when")),
        value=flat_steps.condition(trait.value, (*path, "value")),
        days=days,
        rolling=rolling,
        recency=tuple(trait.recency or ()),
        frequency=tuple(trait.frequency or ()),
        monetary=tuple(trait.monetary or ()),
    )
    return msgspec.structs.replace(compiled, hash=_hash(compiled))
