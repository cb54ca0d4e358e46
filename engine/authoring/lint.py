"""The linter: what a well-formed journey, policy or template still gets wrong. One function a rule; all findings at once.

Called by `compile.py` with the documents (for the places) and their models. It knows nothing of customers or time.
"""

import re
from collections.abc import Iterator

import msgspec

from engine.authoring import expressions, findings, language, load, templates
from engine.core import definition


class Bodies(msgspec.Struct):
    """All template files: template -> language -> (its document, its model)."""

    files: dict[str, dict[str, tuple[load.Document, language.Template]]]

    def channels(self, template: str, code: str) -> set[str]:
        """The channels for which a template has a body in a language."""
        _, model = self.files[template][code]
        return {name for name in type(model).model_fields if getattr(model, name) is not None}


def journey(
    document: load.Document,
    model: language.Journey,
    flat: dict[str, definition.Step],
    policy: language.Policy,
    bodies: Bodies,
) -> Iterator[findings.Finding]:
    """All findings of one journey."""
    yield from _steps(document, flat)
    yield from _enter(document, model)
    yield from _expressions(document, set(flat))
    for path, step in _written(document.data.get("steps"), ("steps",)):
        if isinstance(step.get("send"), dict):
            send = language.Send.model_validate(step["send"])
            yield from _places(document, (*path, "send", "channels"), send.channels, policy)
            yield from _template(document, (*path, "send", "template"), send, policy, bodies)
    if model.purpose not in policy.consent:
        yield findings.PurposeWithoutRule.at(document.place(("purpose",)), purpose=model.purpose)


def template(document: load.Document) -> Iterator[findings.Finding]:
    """All findings of one template file: each Liquid text by itself."""
    for path, text in templates.texts(document.data):
        try:
            templates.check(text)
        except templates.UnknownName as exc:
            yield findings.UnknownTemplateName.at(document.inside(path, exc.offset), name=str(exc))
        except templates.BadLiquid as exc:
            yield findings.BadTemplate.at(document.inside(path, exc.offset), detail=str(exc))


def policy(document: load.Document, model: language.Policy, bodies: Bodies) -> Iterator[findings.Finding]:
    """All findings of the policy, and the templates that lack its language."""
    for channel in model.channels:
        yield from _expression(document, ("policy", "channels", channel, "address"), set(), condition=False)
    for name, files in sorted(bodies.files.items()):
        if model.language not in files:
            place = findings.Place(min(doc.file for doc, _ in files.values()))
            yield findings.TemplateLacksLanguage.at(place, template=name, language=model.language)


def _written(steps: object, path: load.Path) -> Iterator[tuple[load.Path, dict[str, object]]]:
    """Every step as it is written, with its path, nested ones too."""
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        at = (*path, index)
        yield at, step
        wait = step.get("wait")
        if isinstance(wait, dict):
            for i, item in enumerate(wait["for"]):
                yield from _written(item.get("then"), (*at, "wait", "for", i, "then"))
            yield from _written(wait.get("on_timeout"), (*at, "wait", "on_timeout"))
        for i, arm in enumerate(step.get("branch") or ()):
            yield from _written(arm.get("then"), (*at, "branch", i, "then"))
            yield from _written(arm.get("else"), (*at, "branch", i, "else"))


def _steps(document: load.Document, flat: dict[str, definition.Step]) -> Iterator[findings.Finding]:
    """Unique ids; every step reachable from the first."""
    lines: dict[str, int] = {}
    reached = _reached(flat, next(iter(flat)))
    for path, step in _written(document.data["steps"], ("steps",)):
        id_, place = str(step["id"]), document.place((*path, "id"))
        if id_ in lines:
            yield findings.DuplicateStep.at(place, step=id_, first=lines[id_])
        elif id_ not in reached:
            yield findings.Unreachable.at(place, step=id_)
        lines.setdefault(id_, place.line)


def _reached(flat: dict[str, definition.Step], first: str) -> set[str]:
    found, ahead = {first}, [first]
    while ahead:
        for id_ in definition.goes_to(flat[ahead.pop()]):
            if id_ is not None and id_ not in found:
                found.add(id_)
                ahead.append(id_)
    return found


def _enter(document: load.Document, model: language.Journey) -> Iterator[findings.Finding]:
    if isinstance(model.enter.reentry, language.Parallel) and "while_active" in document.data["enter"]:
        yield findings.ParallelWithActive.at(document.place(("enter", "while_active"), key=True))
    for name in ("when", "key"):
        text = getattr(model.enter, name)
        if text is not None and "entry" in expressions.roots(text):
            yield findings.NoEntryYet.at(document.inside(("enter", name), re.search(r"\bentry\b", text).start()))  # type: ignore[union-attr]


def _expressions(document: load.Document, steps: set[str]) -> Iterator[findings.Finding]:
    """Every CEL text of a journey, wherever it stands."""
    for path in document.values:
        if path and path[-1] in ("when", "if", "key", "to") and isinstance(document.value(path), str):
            yield from _expression(document, path, steps, condition=path[-1] in ("when", "if"))


def _expression(document: load.Document, path: load.Path, steps: set[str], *, condition: bool) -> Iterator[findings.Finding]:
    text = document.value(path)
    try:
        expressions.compiled(text, condition=condition)
    except expressions.NotCel as exc:
        yield findings.BadExpression.at(document.inside(path, exc.offset), detail=exc.args[0])
        return
    for match in re.finditer(r"""(?<![\w.])steps(?:\.(\w+)|\[["']([^"']*)["']\])""", text):
        named = match[1] or match[2] or ""
        if named not in steps:
            place = document.inside(path, match.start())
            yield findings.UnknownStepName.at(place, step=named, known=", ".join(sorted(steps)))


def _places(
    document: load.Document, path: load.Path, places: list[language.Place], policy: language.Policy
) -> Iterator[findings.Finding]:
    """Channels that exist, statuses that they report, and a way from each to the next."""
    seen: set[str] = set()
    for index, place in enumerate(places):
        at, settings = (*path, index), policy.channels.get(place.channel)  # type: ignore[call-overload]
        if settings is None:
            known = ", ".join(policy.channels) or "none yet"
            yield findings.UnknownChannel.at(document.place((*at, "channel")), channel=place.channel, known=known)
        elif place.success is not None and place.success not in settings.reports:
            known = ", ".join(settings.reports) or "nothing"
            where = document.place((*at, "success"))
            yield findings.NeverReported.at(where, channel=place.channel, status=place.success, known=known)
        if index < len(places) - 1 and (place.success is None or place.fallback_after is None):
            yield findings.NoFallback.at(document.place(at))
        elif (place.success is None) != (place.fallback_after is None):
            yield findings.HalfASuccess.at(document.place(at))
        if place.channel in seen:
            yield findings.ChannelTwice.at(document.place((*at, "channel")), channel=place.channel)
        seen.add(place.channel)


def _template(
    document: load.Document, path: load.Path, send: language.Send, policy: language.Policy, bodies: Bodies
) -> Iterator[findings.Finding]:
    """A template that exists, with a body for each channel in each of its languages."""
    if send.template not in bodies.files:
        known = ", ".join(sorted(bodies.files)) or "none yet"
        place = document.place(path)
        yield findings.UnknownTemplate.at(place, template=send.template, known=known, language=policy.language)
        return
    for code, (template_document, _) in sorted(bodies.files[send.template].items()):
        for each in send.channels:
            if each.channel not in bodies.channels(send.template, code) and each.channel in policy.channels:
                yield findings.TemplateLacksChannel.at(
                    document.place(path), template=send.template, channel=each.channel, file=template_document.file
                )
