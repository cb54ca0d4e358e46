"""A directory of YAML to a bundle: load, validate, lint, flatten, hash.

Called by `dalang check`, by replays and by workers. Every finding of every file comes out at once; a bundle only where
none of them is an error. The hashes depend on what the files say, not on their names' order, the platform or the run.
"""

import hashlib
import pathlib
import re
from typing import Any, Final

import msgspec

from engine.authoring import failures, findings, flatten, language, lint, load, validate
from engine.authoring.findings import Finding
from engine.core import definition

_TEMPLATE_FILE: Final = re.compile(r"([a-z][a-z0-9-]*)\.([a-z]{2,3}(?:-[A-Z]{2})?)\.yaml")


class Result(msgspec.Struct, frozen=True):
    """The bundle, if there is no error, and all findings, ordered by file, line and column."""

    bundle: definition.Bundle | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the directory from being used."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


class _Directory:
    """One directory while it is compiled: its documents, their models, and what was found."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.findings: list[Finding] = []
        self.sources: dict[str, str] = {}
        self.journeys: list[tuple[load.Document, language.Journey]] = []
        self.policy: tuple[load.Document, language.Policy] | None = None
        self.bodies = lint.Bodies({})

    def read(self) -> None:
        """Every file: journeys and policy.yaml beside each other, templates in templates/. Tests are passed over."""
        for path in sorted(self.root.glob("*.yaml")):
            if path.name.endswith(".test.yaml"):
                continue
            if path.name == "policy.yaml":
                self._policy(path)
            elif path.name == "traits.yaml":
                self.findings.append(findings.NotYet.at(findings.Place(path.name), key="traits.yaml"))
            else:
                self._journey(path)
        for path in sorted((self.root / "templates").glob("*.yaml")):
            self._template(path)
        if self.policy is None and not any(finding.file == "policy.yaml" for finding in self.findings):
            self.findings.append(findings.NoPolicy.at(findings.Place("policy.yaml")))
        if not self.journeys and not self.findings:
            self.findings.append(findings.NothingHere.at(findings.Place(".")))

    def _journey(self, path: pathlib.Path) -> None:
        found = self._model(path, language.Journey)
        if found is None:
            return
        document, model = found
        for other, same in self.journeys:
            if same.journey == model.journey:
                place = document.place(("journey",))
                self.findings.append(findings.DuplicateJourney.at(place, journey=model.journey, file=other.file))
        self.journeys.append((document, model))

    def _policy(self, path: pathlib.Path) -> None:
        found = self._model(path, language.PolicyFile)
        if found is not None:
            self.policy = found[0], found[1].policy

    def _template(self, path: pathlib.Path) -> None:
        named = _TEMPLATE_FILE.fullmatch(path.name)
        if named is None:
            place = findings.Place(f"templates/{path.name}")
            self.findings.append(findings.WrongName.at(place, detail="a template file is <name>.<language>.yaml"))
            return
        found = self._model(path, language.Template)
        if found is not None:
            self.bodies.files.setdefault(named[1], {})[named[2]] = found
            self.findings.extend(lint.template(found[0]))

    def _model(self, path: pathlib.Path, model: type[Any]) -> tuple[load.Document, Any] | None:
        document, found = load.read(self.root, path)
        self.findings.extend(found)
        if document is None:
            return None
        self.sources[document.file] = document.text
        value, found = validate.validated(document, model)
        self.findings.extend(found)
        return None if value is None else (document, value)


def compile_directory(path: pathlib.Path | str) -> Result:
    """Compile a directory. A missing or empty directory is a finding, never an exception."""
    root = pathlib.Path(path)
    if not root.is_dir():
        return Result(None, (findings.NotReadable.at(findings.Place(root.as_posix()), detail="it is no directory"),))
    directory = _Directory(root)
    directory.read()
    policy = directory.policy[1] if directory.policy else language.Policy()
    flat = [(document, model, flatten.steps(model.steps)) for document, model in directory.journeys]
    if directory.policy is not None:
        directory.findings.extend(lint.policy(directory.policy[0], policy, directory.bodies))
        for document, model, steps in flat:
            directory.findings.extend(lint.journey(document, model, steps, policy, directory.bodies))
    found = tuple(sorted(set(directory.findings), key=lambda f: (f.file, f.line, f.column, f.code, f.message)))
    if any(finding.severity == "error" for finding in found):
        return Result(None, found)
    journeys = tuple(_journey(model, steps, directory.bodies) for _, model, steps in sorted(flat, key=_name))
    bundle = definition.Bundle("", journeys, _policy(policy), dict(sorted(directory.sources.items())))
    return Result(msgspec.structs.replace(bundle, id=hashed(bundle)), found)


def hashed(value: msgspec.Struct) -> str:
    """`sha256:` and the hash of the canonical JSON (keys sorted) of a compiled thing."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def _name(compiled: tuple[load.Document, language.Journey, dict[str, definition.Step]]) -> str:
    return compiled[1].journey


def _journey(model: language.Journey, steps: dict[str, definition.Step], bodies: lint.Bodies) -> definition.Journey:
    enter = model.enter
    events = (enter.event,) if isinstance(enter.event, str) else tuple(dict.fromkeys(enter.event))
    named = sorted({step.template for step in steps.values() if isinstance(step, definition.Send)})
    journey = definition.Journey(
        name=model.journey,
        version="",
        title=model.title,
        owner=model.owner,
        purpose=model.purpose,
        status=model.status,
        priority=model.priority,
        enter=definition.Enter(
            events=events,
            reentry=_reentry(enter.reentry),
            when=flatten.expression(enter.when, "enter.when"),
            key=flatten.expression(enter.key, "enter.key"),
            while_active=enter.while_active,
            max_age=enter.max_age,
        ),
        exits=tuple(definition.ExitRule(flatten.trigger(rule, f"exit[{i}]"), rule.reason) for i, rule in enumerate(model.exit)),
        steps=steps,
        first=model.steps[0].id,
        templates={
            name: {
                code: body.model_dump(exclude_none=True, by_alias=True) for code, (_, body) in sorted(bodies.files[name].items())
            }
            for name in named
        },
    )
    return msgspec.structs.replace(journey, version=hashed(journey))


def _reentry(written: str | language.After | language.Parallel) -> definition.Reentry:
    match written:
        case language.After(after=after):
            return definition.Reentry("after", after=after)
        case language.Parallel(parallel=parallel):
            return definition.Reentry("parallel", parallel=parallel)
        case _:
            return definition.Reentry("never" if written == "never" else "after_exit")


def _policy(model: language.Policy) -> definition.Policy:
    own: dict[str, dict[str, definition.FailureClass]] = {
        str(channel): {code: _failure_class(kind) for code, kind in codes.items()}
        for channel, codes in model.failure_classes.items()
    }
    return definition.Policy(
        timezone=model.timezone,
        language=model.language,
        late_after=model.late_after,
        consent=dict(sorted(model.consent.items())),
        channels={
            name: definition.Channel(
                definition.Expression(each.address, f"policy.channels.{name}.address", _roots(each.address)),
                float(each.cost),
                tuple(each.reports),
            )
            for name, each in sorted(model.channels.items())
        },
        failure_classes=failures.merged(own),
    )


def _roots(text: str) -> tuple[str, ...]:
    expression = flatten.expression(text, "")
    return expression.names if expression is not None else ()


def _failure_class(written: str | language.Retry) -> definition.FailureClass:
    if isinstance(written, language.Retry):
        return definition.FailureClass("retry", written.retry_after, written.at_most)
    return definition.FailureClass(written)  # type: ignore[arg-type]
