"""The ways through a file that is well formed: every step, every expression, every text, each with its path.

Called by `flat.py` to compile and by the linter; knows no rule.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pydantic

from engine.authoring import fields, places, steps

Nested = tuple[places.Path, Sequence[steps.Step]]


def every(written: Sequence[steps.Step], path: places.Path = ("steps",)) -> Iterator[tuple[places.Path, steps.Step]]:
    """Every step with its path, nested ones after the step that they stand in."""
    for index, step in enumerate(written):
        here = (*path, index)
        yield here, step
        for below, inner in nested(step):
            yield from every(inner, (*here, *below))


def nested(step: steps.Step) -> Iterator[Nested]:
    """The lists of steps that stand in this one, each with its path below it."""
    match step:
        case steps.WaitStep(wait=steps.WaitFor() as wait):
            for index, awaited in enumerate(wait.for_):
                yield ("wait", "for", index, "then"), awaited.then or ()
            yield ("wait", "on_timeout"), wait.on_timeout or ()
        case steps.BranchStep():
            for index, arm in enumerate(step.branch):
                if isinstance(arm, steps.IfArm):
                    yield ("branch", index, "then"), arm.then
                else:
                    yield ("branch", index, "else"), arm.else_
        case steps.SplitStep():
            for index, each in enumerate(step.split.arms):
                yield ("split", "arms", index, "then"), each.then
        case steps.ChooseStep():
            for index, candidate in enumerate(step.choose.candidates):
                yield ("choose", "candidates", index, "then"), candidate.then


def expressions(value: Any, path: places.Path = ()) -> Iterator[tuple[places.Path, str, fields.Wanted]]:
    """Every CEL text below a model, with its path and what it must give."""
    match value:
        case pydantic.BaseModel():
            for name, field in type(value).model_fields.items():
                wanted, below = _markers(type(value))[name], getattr(value, name)
                here = (*path, field.alias or name)
                if wanted is None:
                    yield from expressions(below, here)
                elif isinstance(below, str):
                    yield here, below, wanted
                elif isinstance(below, dict):
                    yield from (((*here, key), text, wanted) for key, text in below.items() if isinstance(text, str))
        case list():
            for index, below in enumerate(value):
                yield from expressions(below, (*path, index))
        case dict():
            for key, below in value.items():
                yield from expressions(below, (*path, key))


@cache
def _markers(model: type[pydantic.BaseModel]) -> dict[str, fields.Wanted | None]:
    return {name: fields.marked(field) for name, field in model.model_fields.items()}


def texts(value: Any, path: places.Path = ()) -> Iterator[tuple[places.Path, str]]:
    """Every text of plain data."""
    match value:
        case str():
            yield path, value
        case dict():
            for key, below in value.items():
                yield from texts(below, (*path, key))
        case list():
            for index, below in enumerate(value):
                yield from texts(below, (*path, index))
