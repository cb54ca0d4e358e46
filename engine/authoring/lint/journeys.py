"""The linter's checks of one journey: step ids, expressions, the channels and templates of sends, and other names in the file.

Called by `lint/__init__.py`. Checks of times, and checks that need the compiled steps, are in other files of this folder, such
as `quiet_hours.py` and `waits.py`.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.authoring.cel import expressions
from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards, suggestions
from engine.authoring.language import declared_names, journey_file, steps
from engine.authoring.lint import text_problems
from engine.authoring.liquid import templates
from engine.core.model import inputs

Found = Iterator[findings.Sighting]

UNSEEN: Final = frozenset({inputs.TIMER_DUE, inputs.BUNDLE_ACTIVATED, inputs.JOURNEY_COMMAND, inputs.ERASED})
"""Event types that no journey can react to, because only the engine itself processes such events."""


def check(file: File[journey_file.Journey], read: Directory, scope: declared_names.Workspace) -> Found:
    """Yield findings about one journey: its step ids, expressions, sends and events, and the names that other files define.

    The other files are policy.yaml, traits.yaml and the templates. `read` holds all files of the directory, and `scope` the
    names that expressions may use.
    """
    model = file.model
    ids: dict[str, int] = {}
    for path, step in walk.every(model.steps):
        place = file.document.place((*path, "id"))
        if step.id in ids:
            yield findings.DuplicateStep.at(place, id=step.id, first=ids[step.id])
        ids.setdefault(step.id, place.line)
        yield from _step(file, path, step, read)
    way = next((each for each in declared_names.OWN_DATA if getattr(model.enter, each) is not None), "event")
    yield from _expressions(file, scope.before(way), scope.after(ids))
    if model.enter.while_active is not None and getattr(model.enter.reentry, "parallel", None) is not None:
        yield findings.ParallelWhileActive.at(file.document.key_place(("enter", "while_active")))
    yield from _events(file)
    yield from _named(file, read, ids)
    if read.policy is not None and model.purpose not in read.policy.model.policy.consent:
        yield hazards.NoConsentRule.at(file.document.place(("purpose",)), purpose=model.purpose)


def names_taken(read: Directory) -> Found:
    """Yield a finding for each journey with a name that an earlier file already uses."""
    first: dict[str, str] = {}
    for journey in read.journeys:
        name = journey.model.journey
        if name in first:
            place = journey.document.place(("journey",))
            yield findings.DuplicateJourney.at(place, name=name, first=first[name])
        first.setdefault(name, journey.document.file)


def _step(file: File[journey_file.Journey], path: positions.Path, step: steps.Step, read: Directory) -> Found:
    """Yield findings about one step; `path` is the way to it in the file, such as `("steps", 0)`.

    The channels and the template of a send are compared with the policy and the templates in `read`.
    """
    match step:
        case steps.SendStep(send=send):
            yield from _channels(file, (*path, "send"), send, read)
            yield from _template_of(file, (*path, "send"), send, read)
        case steps.WaitStep(restart_on=restart, wait=wait) if restart is not None and not isinstance(wait, int):
            yield findings.RestartWithoutDuration.at(file.document.key_place((*path, "restart_on")))
        case steps.BranchStep(branch=arms):
            yield from _arms(file.document, (*path, "branch"), arms)
        case steps.SplitStep(split=split):
            yield from _unique(file.document, (*path, "split", "arms"), split.arms)
        case steps.ChooseStep(choose=choose):
            yield from _unique(file.document, (*path, "choose", "candidates"), choose.candidates)


def _expressions(file: File[journey_file.Journey], before: declared_names.Tree, after: declared_names.Tree) -> Found:
    """Yield findings about every CEL expression of the journey, and about the Liquid summary of every handoff.

    `before` holds the names that an expression under `enter` may use. `after` holds the names for all other texts, which are
    evaluated after the customer has entered.
    """
    written = text_problems.Texts(file.document)
    for path, text, wanted in walk.expressions(file.model):
        entering = path[0] == "enter"
        check = functools.partial(expressions.check, known=before if entering else after, wanted=wanted)
        yield from written.found(path, (wanted, entering), text, check)
    for path, step in walk.every(file.model.steps):
        if isinstance(step, steps.HandoffStep):
            check = functools.partial(templates.check, known=after)
            yield from written.found((*path, "handoff", "summary"), "liquid", step.handoff.summary, check)


def _channels(file: File[journey_file.Journey], path: positions.Path, send: steps.Send, read: Directory) -> Found:
    """Yield findings about the channels of one send.

    Three mistakes are reported: the policy does not have the channel; the channel never reports the status in `success`; or
    `success` or `fallback_after` is missing. Only the last channel may lack both of these keys.
    """
    declared = read.policy.model.policy.channels if read.policy is not None else {}
    none = "It has no channels yet." if read.policy is not None else "There is no policy.yaml in this directory: create it."
    for index, each in enumerate(send.channels):
        here = (*path, "channels", index)
        settings = declared.get(each.channel)
        if settings is None and not read.policy_broken:
            known = suggestions.later(each.channel, declared, none)
            yield findings.UnknownChannel.at(file.document.place((*here, "channel")), channel=each.channel, known=known)
        elif settings is not None and each.success is not None and each.success not in settings.reports:
            reports = [status for status in settings.reports if status != "failed"]
            told = f"It reports {', '.join(reports)}." if reports else "The policy names nothing that it reports."
            place = file.document.place((*here, "success"))
            yield findings.NeverReported.at(place, channel=each.channel, status=each.success, known=told)
        yield from _fallback(file.document.place(here), each, last=index == len(send.channels) - 1)


def _fallback(place: findings.Place, each: steps.Channel, *, last: bool) -> Found:
    missing = [key for key in ("success", "fallback_after") if getattr(each, key) is None]
    if last and len(missing) == 2:
        return
    why = "one without the other says nothing" if last else "another channel follows"
    for key in missing:
        yield findings.NoFallback.at(place, channel=each.channel, key=key, why=why)


def _template_of(file: File[journey_file.Journey], path: positions.Path, send: steps.Send, read: Directory) -> Found:
    """Yield findings about the template of one send: it does not exist, or it has no text for a channel of the send.

    Only the template's file in the policy's language is examined. If policy.yaml has errors, this language is not known, so
    nothing is yielded.
    """
    if read.policy_broken:
        return
    code = read.policy.model.policy.language if read.policy is not None else "id"
    files = read.templates.get(send.template)
    if files is None:
        known = suggestions.later(send.template, read.templates)
        place = file.document.place((*path, "template"))
        yield findings.UnknownTemplate.at(place, template=send.template, language=code, known=known)
        return
    template = files.get(code)
    if template is None:
        return  # `templates.py` reports a missing file; a file that cannot be used has findings of its own
    for index, each in enumerate(send.channels):
        if getattr(template.model, each.channel) is None:
            place = file.document.place((*path, "channels", index, "channel"))
            yield findings.NoBody.at(place, template=send.template, channel=each.channel, language=code)


def _arms(document: positions.Document, path: positions.Path, arms: Sequence[steps.Arm]) -> Found:
    kinds = [isinstance(arm, steps.ElseArm) for arm in arms]
    for index in range(kinds.index(True) + 1 if True in kinds else len(arms), len(arms)):
        yield findings.UnreachableArm.at(document.place((*path, index)))


def _unique(document: positions.Document, path: positions.Path, arms: Sequence[steps.SplitArm | steps.Candidate]) -> Found:
    """Yield a finding for each arm of a split, or offer of a choose, whose id an earlier arm or offer already has.

    Decisions record only the id, so the id must identify one arm or one offer. `path` is the way to the list in the file.
    """
    first: dict[str, int] = {}
    for index, arm in enumerate(arms):
        place = document.place((*path, index, "id"))
        if arm.id in first:
            yield findings.DuplicateArm.at(place, id=arm.id, first=first[arm.id])
        first.setdefault(arm.id, place.line)


def _events(file: File[journey_file.Journey]) -> Found:
    """Yield a finding for each event type in the journey that no journey can react to (see `UNSEEN`)."""
    for path, event in triggers(file.model):
        if event in UNSEEN:
            yield findings.EngineEvent.at(file.document.place(path), event=event)


def triggers(model: journey_file.Journey) -> Iterator[tuple[positions.Path, str]]:
    """Yield `(path, event type)` for every event type in a journey: of entries, exits, the goal, waits and emitted events."""
    match model.enter.event:
        case str() as event:
            yield ("enter", "event"), event
        case list() as events:
            yield from ((("enter", "event", index), event) for index, event in enumerate(events))
    yield from ((("exit", index, "event"), rule.event) for index, rule in enumerate(model.exit))
    if model.goal is not None:
        yield ("goal", "event"), model.goal.event
    for path, step in walk.every(model.steps):
        match step:
            case steps.WaitStep(restart_on=steps.Trigger(event=event)):
                yield (*path, "restart_on", "event"), event
            case steps.WaitStep(restart_on=str(event)):
                yield (*path, "restart_on"), event
            case steps.WaitStep(wait=steps.WaitFor(for_=awaited)):
                yield from (((*path, "wait", "for", index, "event"), each.event) for index, each in enumerate(awaited))
            case steps.EmitStep(emit=emit):
                yield (*path, "emit", "event"), emit.event


def _named(file: File[journey_file.Journey], read: Directory, ids: Mapping[str, int]) -> Found:
    """Yield findings about a segment, a rule of quiet hours or a migration target that the journey names but that is missing.

    `ids` are the journey's step ids; a migration target is one of them, or `exit`.
    """
    document, model = file.document, file.model
    segment = model.enter.segment
    declared_segments = read.traits.model.segments if read.traits is not None else {}
    if segment is not None and segment not in declared_segments and not read.traits_broken:
        known = suggestions.later(segment, declared_segments, "There are none yet.")
        yield findings.UnknownSegment.at(document.place(("enter", "segment")), name=segment, known=known)
    hours = read.policy.model.policy.quiet_hours if read.policy is not None else {}
    if model.hours is not None and model.hours not in hours and not read.policy_broken:
        known = suggestions.later(model.hours, hours)
        yield findings.UnknownHours.at(document.place(("hours",)), name=model.hours, known=known)
    for old, new in model.migrations.items():
        if new not in ids and new != "exit":
            known = suggestions.later(new, ids)
            yield findings.UnknownTarget.at(document.place(("migrations", old)), step=new, known=known)
