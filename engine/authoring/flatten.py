"""Nested steps to flat ones: every step of every list gets the id of the step that follows it.

A nested list goes on at what follows its parent; the end of the outermost list is the end of the journey (None).
`Expression.path` is the path in the YAML (`steps[1].branch[0].if`), by which the trace and the linter find the place.
"""

from engine.authoring import expressions, language
from engine.core import definition


def steps(written: list[language.Step]) -> dict[str, definition.Step]:
    """All steps of a journey by their ids, in the order of the file."""
    flat: dict[str, definition.Step] = {}
    _list(written, "steps", None, flat)
    return flat


def expression(text: str | None, path: str) -> definition.Expression | None:
    """An expression with its place; None for none."""
    return None if text is None else definition.Expression(text, path, expressions.roots(text))


def trigger(written: language.Trigger, path: str) -> definition.Trigger:
    """An event type with its condition."""
    return definition.Trigger(written.event, expression(written.when, f"{path}.when"))


def _list(written: list[language.Step], path: str, after: str | None, flat: dict[str, definition.Step]) -> str | None:
    """Flatten one list; the id of its first step, or `after` for an empty one."""
    if not written:
        return after
    following = [*(step.id for step in written[1:]), after]
    for index, (step, next_) in enumerate(zip(written, following, strict=True)):
        _step(step, f"{path}[{index}]", next_, flat)
    return written[0].id


def _step(step: language.Step, path: str, next_: str | None, flat: dict[str, definition.Step]) -> None:
    flat[step.id] = definition.Exit(step.id, path, next_, "")  # keeps the file's order; replaced below
    if step.send is not None:
        flat[step.id] = _send(step.id, step.send, path, next_)
    elif isinstance(step.wait, language.WaitFor):
        awaited = tuple(
            definition.Awaited(
                trigger(item, f"{path}.wait.for[{i}]"), _list(item.then, f"{path}.wait.for[{i}].then", next_, flat)
            )
            for i, item in enumerate(step.wait.for_)
        )
        on_timeout = _list(step.wait.on_timeout, f"{path}.wait.on_timeout", next_, flat)
        flat[step.id] = definition.WaitEvents(step.id, path, next_, awaited, step.wait.timeout, on_timeout, step.wait.since)
    elif step.wait is not None:
        flat[step.id] = definition.WaitDuration(step.id, path, next_, step.wait, _restart(step.restart_on, path))
    elif step.branch is not None:
        arms = tuple(_arm(arm, f"{path}.branch[{i}]", next_, flat) for i, arm in enumerate(step.branch))
        flat[step.id] = definition.Branch(step.id, path, next_, arms)
    else:
        flat[step.id] = definition.Exit(step.id, path, next_, step.exit or "")


def _send(id_: str, send: language.Send, path: str, next_: str | None) -> definition.Send:
    places = tuple(definition.Place(each.channel, each.success, each.fallback_after) for each in send.channels)
    to = expression(send.to, f"{path}.send.to")
    return definition.Send(id_, path, next_, send.template, places, send.expires_after, to)


def _arm(arm: language.Arm, path: str, next_: str | None, flat: dict[str, definition.Step]) -> definition.Arm:
    condition = expression(arm.if_, f"{path}.if")
    if condition is None:
        return definition.Arm(None, _list(arm.else_ or [], f"{path}.else", next_, flat))
    return definition.Arm(condition, _list(arm.then or [], f"{path}.then", next_, flat))


def _restart(written: str | language.Trigger | None, path: str) -> definition.Trigger | None:
    if written is None:
        return None
    if isinstance(written, str):
        return definition.Trigger(written)
    return trigger(written, f"{path}.restart_on")
