"""The linter: what files that are well formed each by themselves still get wrong together.

Called by `compile.py` with the directory as it was read. Findings only: a rule that needs the compiled journey is
`reach`.
"""

import itertools
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import pydantic

from engine.authoring import expressions, fields, findings, language, names, places
from engine.authoring import workspace as rules
from engine.authoring.directory import Directory, File
from engine.core import definition, inputs

Found = Iterator[findings.Finding]

UNSEEN: Final = frozenset({inputs.TIMER_DUE, inputs.BUNDLE_ACTIVATED, inputs.JOURNEY_COMMAND, inputs.ERASED})
"""Events of the engine's own that lead no instance anywhere."""

MOST_PROBLEMS: Final = 20
"""Of one text: who mends these sees the rest."""


def channels_of(read: Directory) -> tuple[str, ...] | None:
    """The policy's channels; None if nobody knows them, because policy.yaml is there and cannot be used."""
    if read.policy is not None:
        return tuple(read.policy.model.policy.channels)
    return None if read.policy_broken else ()


def workspace(read: Directory) -> Found:
    """The policy, and names of journeys that are taken."""
    if read.policy is not None:
        yield from _policy(read.policy)
    first: dict[str, str] = {}
    for journey in read.journeys:
        name = journey.model.journey
        if name in first:
            place = journey.document.place(("journey",))
            yield findings.DuplicateJourney.at(place, name=name, first=first[name])
        first.setdefault(name, journey.document.file)


def journey(file: File[language.Journey], read: Directory) -> Found:
    """One journey: its names, its expressions, and its sends against policy and templates."""
    document, model = file.document, file.model
    channels = channels_of(read)
    ids: dict[str, int] = {}
    for path, step in steps(model.steps):
        place = document.place((*path, "id"))
        if step.id in ids:
            yield findings.DuplicateStep.at(place, id=step.id, first=ids[step.id])
        ids.setdefault(step.id, place.line)
        if isinstance(step, language.SendStep):
            yield from _channels(file, (*path, "send"), step.send, read)
            yield from _template_of(file, (*path, "send"), step.send, read)
        elif isinstance(step, language.WaitStep) and step.restart_on is not None and not isinstance(step.wait, int):
            yield findings.RestartWithoutDuration.at(document.key_place((*path, "restart_on")))
        elif isinstance(step, language.BranchStep):
            yield from _arms(document, (*path, "branch"), step.branch)
    before, after = names.known(channels, (), entered=False), names.known(channels, ids)
    told: dict[tuple[str, str, bool], tuple[findings.Problem, ...]] = {}  # aliases may repeat one text ten thousand times
    for path, text, wanted in expressions_in(model):
        entering = path[0] == "enter"
        if (text, wanted, entering) not in told:
            found = expressions.check(text, before if entering else after, wanted)
            told[text, wanted, entering] = tuple(itertools.islice(found, MOST_PROBLEMS))
        yield from _said(document, path, told[text, wanted, entering])
    if model.enter.while_active is not None and getattr(model.enter.reentry, "parallel", None) is not None:
        yield findings.ParallelWhileActive.at(document.key_place(("enter", "while_active")))
    yield from _events(file)
    if read.policy is not None and model.purpose not in read.policy.model.policy.consent:
        yield findings.NoConsentRule.at(document.place(("purpose",)), purpose=model.purpose)


def reach(file: File[language.Journey], flat: Mapping[str, definition.Step]) -> Found:
    """Steps that nobody can come to; of those that follow each other, the first. `flat` are the compiled steps."""
    first = file.model.steps[0].id
    reached, ahead = {first}, [first]
    while ahead:
        for id_ in _leads_to(flat[ahead.pop()]):
            if id_ is not None and id_ not in reached:
                reached.add(id_)
                ahead.append(id_)
    said: list[places.Path] = []
    for path, step in steps(file.model.steps):
        if step.id in reached or any(path[: len(other)] == other for other in said):
            continue
        said.append(path[:-1])
        yield findings.UnreachableStep.at(file.document.place((*path, "id")), id=step.id)


def _leads_to(step: definition.Step) -> tuple[str | None, ...]:
    """As `definition.goes_to`, but a branch with an `else` never falls through."""
    if isinstance(step, definition.Branch) and any(arm.condition is None for arm in step.arms):
        return tuple(arm.goto for arm in step.arms)
    return definition.goes_to(step)


# Walking a journey.


def steps(written: Sequence[language.Step], path: places.Path = ("steps",)) -> Iterator[tuple[places.Path, language.Step]]:
    """Every step with its path, nested ones after the step that they stand in."""
    for index, step in enumerate(written):
        here = (*path, index)
        yield here, step
        for below, nested in _nested(step):
            yield from steps(nested, (*here, *below))


def _nested(step: language.Step) -> Iterator[tuple[places.Path, Sequence[language.Step]]]:
    match step:
        case language.WaitStep(wait=language.WaitFor() as wait):
            for index, awaited in enumerate(wait.for_):
                yield ("wait", "for", index, "then"), awaited.then or ()
            yield ("wait", "on_timeout"), wait.on_timeout or ()
        case language.BranchStep():
            for index, arm in enumerate(step.branch):
                if isinstance(arm, language.IfArm):
                    yield ("branch", index, "then"), arm.then
                else:
                    yield ("branch", index, "else"), arm.else_


def expressions_in(value: Any, path: places.Path = ()) -> Iterator[tuple[places.Path, str, expressions.Wanted]]:
    """Every CEL text below a model, with its path and what it must give."""
    match value:
        case pydantic.BaseModel():
            for name, field in type(value).model_fields.items():
                wanted, below = _markers(type(value))[name], getattr(value, name)
                if wanted is not None and isinstance(below, str):
                    yield (*path, field.alias or name), below, wanted
                else:
                    yield from expressions_in(below, (*path, field.alias or name))
        case list():
            for index, below in enumerate(value):
                yield from expressions_in(below, (*path, index))
        case dict():
            for key, below in value.items():
                yield from expressions_in(below, (*path, key))


@cache
def _markers(model: type[pydantic.BaseModel]) -> dict[str, expressions.Wanted | None]:
    return {name: fields.marked(field) for name, field in model.model_fields.items()}


def _said(document: places.Document, path: places.Path, problems: Iterable[findings.Problem]) -> Found:
    """Problems of a text at their places in the file."""
    for each in problems:
        yield each.kind.at(document.place(path, each.offset), **each.details)


# Rules for journeys.


def _channels(file: File[language.Journey], path: places.Path, send: language.Send, read: Directory) -> Found:
    """Channels of the policy, successes that they report, and a way from each to the next."""
    declared = read.policy.model.policy.channels if read.policy is not None else {}
    for index, each in enumerate(send.channels):
        here = (*path, "channels", index)
        settings = declared.get(each.channel)
        if settings is None and not read.policy_broken:
            known = findings.meant(each.channel, declared) or "It has no channels yet."
            yield findings.UnknownChannel.at(file.document.place((*here, "channel")), channel=each.channel, known=known)
        elif settings is not None and each.success is not None and each.success not in settings.reports:
            reports = [status for status in settings.reports if status != "failed"]
            known = f"It reports {', '.join(reports)}." if reports else "The policy names nothing that it reports."
            place = file.document.place((*here, "success"))
            yield findings.NeverReported.at(place, channel=each.channel, status=each.success, known=known)
        yield from _fallback(file.document.place(here), each, last=index == len(send.channels) - 1)


def _fallback(place: findings.Place, each: language.Channel, *, last: bool) -> Found:
    missing = [key for key in ("success", "fallback_after") if getattr(each, key) is None]
    if last and len(missing) == 2:
        return
    why = "one without the other says nothing" if last else "another channel follows"
    for key in missing:
        yield findings.NoFallback.at(place, channel=each.channel, key=key, why=why)


def _template_of(file: File[language.Journey], path: places.Path, send: language.Send, read: Directory) -> Found:
    """A template that is there, with a body for each of its channels in the policy's language."""
    if read.policy_broken:
        return
    code = read.policy.model.policy.language if read.policy is not None else "id"
    files = read.templates.get(send.template)
    if files is None:
        known = findings.meant(send.template, read.templates)
        place = file.document.place((*path, "template"))
        yield findings.UnknownTemplate.at(place, template=send.template, language=code, known=known)
        return
    template = files.get(code)
    if template is None:
        return  # `messages.py` says that it is missing, or its own findings why it is not usable
    for index, each in enumerate(send.channels):
        if getattr(template.model, each.channel) is None:
            place = file.document.place((*path, "channels", index, "channel"))
            yield findings.NoBody.at(place, template=send.template, channel=each.channel, language=code)


def _arms(document: places.Document, path: places.Path, arms: Sequence[language.Arm]) -> Found:
    kinds = [isinstance(arm, language.ElseArm) for arm in arms]
    for index in range(kinds.index(True) + 1 if True in kinds else len(arms), len(arms)):
        yield findings.UnreachableArm.at(document.place((*path, index)))


def _events(file: File[language.Journey]) -> Found:
    """Triggers on events that no instance is ever shown."""
    for path in _paths_of_events(file.document.plain(), ()):
        node = file.document.node(path)
        if isinstance(node, places.Scalar) and node.text in UNSEEN:
            yield findings.EngineEvent.at(file.document.place(path), event=node.text)


def _paths_of_events(value: Any, path: places.Path) -> Iterator[places.Path]:
    match value:
        case dict():
            for key, below in value.items():
                if key in ("event", "restart_on"):
                    items = [(*path, key, index) for index in range(len(below))] if isinstance(below, list) else []
                    yield from items or [(*path, key)]
                yield from _paths_of_events(below, (*path, key))
        case list():
            for index, below in enumerate(value):
                yield from _paths_of_events(below, (*path, index))


# Rules for the policy.


def _policy(file: File[rules.PolicyFile]) -> Found:
    policy = file.model.policy
    if policy.timezone not in zoneinfo.available_timezones():
        yield findings.UnknownZone.at(file.document.place(("policy", "timezone")), zone=policy.timezone)
    known = names.known(policy.channels, ())
    for path, text, wanted in expressions_in(file.model):
        yield from _said(file.document, path, expressions.check(text, known, wanted))
