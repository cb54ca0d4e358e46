"""YAML to bundle: the compiled form of a directory, with its content hashes.

Called by the CLI, by `catalogs.py` and by the runtime when it deploys. The same files give the same bytes: nothing
depends on the order in which a file system lists, on hash seeds or on the name of the directory.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterator, Sequence

import msgspec

from engine.authoring import directory, expressions, failures, findings, language, lint, messages, places, supply, workspace
from engine.authoring.findings import Finding
from engine.core import definition


class Result(msgspec.Struct, frozen=True):
    """The bundle, and all findings in the order of files and lines; `bundle` is None as soon as one is an error."""

    bundle: definition.Bundle | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the directory from being used."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


def compile_directory(path: pathlib.Path | str) -> Result:
    """Read, check and compile a directory. Whatever is wrong is a finding; nothing is raised."""
    read = directory.read(pathlib.Path(path))
    found = [*read.found, *lint.workspace(read), *messages.check(read), *supply.check(read)]
    journeys = []
    for file in read.journeys:
        wrong = list(lint.journey(file, read))
        flat = {step.id: step for step in _flat(file.model.steps, ("steps",), None)}
        wrong += lint.reach(file, flat)
        if not _errors(wrong):
            journeys.append(compile_journey(file.model, read))
        found += wrong
    in_order = findings.ordered(found)
    if _errors(in_order):
        return Result(None, in_order)
    policy = compile_policy(read.policy.model.policy if read.policy is not None else workspace.Policy())
    by_name = tuple(sorted(journeys, key=lambda journey: journey.name))
    bundle = definition.Bundle("", by_name, policy, dict(sorted(read.sources.items())))
    return Result(msgspec.structs.replace(bundle, id=_hash(bundle)), in_order)


def compile_journey(journey: language.Journey, read: directory.Directory) -> definition.Journey:
    """One journey without errors, flat, with the templates that it names and its version."""
    steps = {step.id: step for step in _flat(journey.steps, ("steps",), None)}
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
            definition.ExitRule(_trigger(rule, ("exit", index)), rule.reason or rule.event)
            for index, rule in enumerate(journey.exit)
        ),
        templates={name: _bodies(name, read) for name in named},
    )
    return msgspec.structs.replace(compiled, version=_hash(compiled))


def compile_policy(policy: workspace.Policy) -> definition.Policy:
    """The policy, with the usual failure classes under its own."""
    written: dict[str, dict[str, definition.FailureClass]] = {
        str(channel): {code: _failure(each) for code, each in codes.items()} for channel, codes in policy.failure_classes.items()
    }
    channels: dict[str, definition.Channel] = {
        str(name): definition.Channel(
            _expression(channel.address, ("policy", "channels", name, "address")), channel.cost, tuple(channel.reports)
        )
        for name, channel in sorted(policy.channels.items())
    }
    return definition.Policy(
        timezone=policy.timezone,
        language=policy.language,
        late_after=policy.late_after,
        consent=dict(sorted(policy.consent.items())),
        channels=channels,
        failure_classes=failures.merged(written, channels),
        languages={tag: tuple(others) for tag, others in sorted(policy.languages.items())},
    )


def _errors(found: Sequence[Finding]) -> bool:
    return any(finding.severity == "error" for finding in found)


def _hash(compiled: definition.Journey | definition.Bundle) -> str:
    """The hash of the canonical JSON; the order of a journey's steps is part of it."""
    plain = msgspec.to_builtins(compiled)
    for journey in plain.get("journeys", [plain]):
        journey["steps"] = list(journey["steps"].items())
    plain.pop("id", None)
    if "journeys" not in plain:
        plain.pop("version")
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _bodies(name: str, read: directory.Directory) -> dict[str, dict[str, dict[str, object]]]:
    files = sorted(read.templates[name].items())
    return {code: dict(sorted(file.document.plain().items())) for code, file in files if file is not None}


def _failure(written: str | workspace.Retry) -> definition.FailureClass:
    if isinstance(written, workspace.Retry):
        return definition.FailureClass("retry", written.retry_after, written.at_most)
    return definition.FailureClass(written)  # type: ignore[arg-type]


def _expression(text: str, path: places.Path) -> definition.Expression:
    return definition.Expression(text, places.shown(path), expressions.roots(text))


def _condition(text: str | None, path: places.Path) -> definition.Expression | None:
    return None if text is None else _expression(text, path)


def _trigger(trigger: language.Trigger, path: places.Path) -> definition.Trigger:
    return definition.Trigger(trigger.event, _condition(trigger.when, (*path, "when")))


def _enter(enter: language.Enter) -> definition.Enter:
    events = (enter.event,) if isinstance(enter.event, str) else tuple(dict.fromkeys(enter.event))
    return definition.Enter(
        events=events,
        reentry=_reentry(enter.reentry),
        when=_condition(enter.when, ("enter", "when")),
        key=_condition(enter.key, ("enter", "key")),
        while_active=enter.while_active or "ignore",
        max_age=enter.max_age,
    )


def _reentry(written: str | language.ReentryRule) -> definition.Reentry:
    if isinstance(written, language.ReentryRule):
        if written.after is not None:
            return definition.Reentry("after", after=written.after)
        return definition.Reentry("parallel", parallel=written.parallel or 1)
    return definition.Reentry(written)  # type: ignore[arg-type]


# Steps. A nested list goes on with what follows the step that it stands in; None is the end of the journey.


def _flat(steps: Sequence[language.Step], path: places.Path, after: str | None) -> Iterator[definition.Step]:
    for index, step in enumerate(steps):
        following = steps[index + 1].id if index + 1 < len(steps) else after
        yield from _step(step, (*path, index), following)


def _first(steps: Sequence[language.Step] | None, after: str | None) -> str | None:
    return steps[0].id if steps else after


def _step(step: language.Step, path: places.Path, following: str | None) -> Iterator[definition.Step]:
    """The step itself, then those of its nested lists."""
    match step:
        case language.SendStep():
            yield _send(step, path, following)
        case language.ExitStep():
            yield definition.Exit(step.id, places.shown(path), following, step.exit)
        case language.WaitStep(wait=int(duration)):
            restart = step.restart_on
            if isinstance(restart, str):
                restart = language.Trigger(event=restart, when=None)
            trigger = None if restart is None else _trigger(restart, (*path, "restart_on"))
            yield definition.WaitDuration(step.id, places.shown(path), following, duration, trigger)
        case language.WaitStep(wait=language.WaitFor() as wait):
            yield _wait_for(step.id, wait, path, following)
            for index, awaited in enumerate(wait.for_):
                yield from _flat(awaited.then or (), (*path, "wait", "for", index, "then"), following)
            yield from _flat(wait.on_timeout or (), (*path, "wait", "on_timeout"), following)
        case language.BranchStep():
            arms = [(*_arm(arm), (*path, "branch", index)) for index, arm in enumerate(step.branch)]
            yield definition.Branch(
                step.id,
                places.shown(path),
                following,
                tuple(
                    definition.Arm(_condition(condition, (*at, "if")), _first(then, following)) for condition, then, _, at in arms
                ),
            )
            for _, then, key, at in arms:
                yield from _flat(then, (*at, key), following)


def _arm(arm: language.IfArm | language.ElseArm) -> tuple[str | None, Sequence[language.Step], str]:
    """Its condition, its steps, and the key under which they stand."""
    if isinstance(arm, language.IfArm):
        return arm.if_, arm.then, "then"
    return None, arm.else_, "else"


def _send(step: language.SendStep, path: places.Path, following: str | None) -> definition.Send:
    send = step.send
    return definition.Send(
        id=step.id,
        path=places.shown(path),
        next=following,
        template=send.template,
        places=tuple(definition.Place(each.channel, each.success, each.fallback_after) for each in send.channels),
        expires_after=send.expires_after,
        to=_condition(send.to, (*path, "send", "to")),
    )


def _wait_for(id_: str, wait: language.WaitFor, path: places.Path, following: str | None) -> definition.WaitEvents:
    return definition.WaitEvents(
        id=id_,
        path=places.shown(path),
        next=following,
        awaited=tuple(
            definition.Awaited(_trigger(each, (*path, "wait", "for", index)), _first(each.then, following))
            for index, each in enumerate(wait.for_)
        ),
        timeout=wait.timeout,
        on_timeout=_first(wait.on_timeout, following),
        since=wait.since,
    )
