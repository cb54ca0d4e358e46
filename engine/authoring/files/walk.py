"""Walks through a well-formed file: every step, every expression and every text, each with its path.

Called by `flat_steps.py` and by the linter.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pydantic

from engine.authoring.files import positions
from engine.authoring.language import fields, steps

Nested = tuple[positions.Path, Sequence[steps.Step]]


def every(written: Sequence[steps.Step], path: positions.Path = ("steps",)) -> Iterator[tuple[positions.Path, steps.Step]]:
    """Yield every step with its path; the steps inside a step follow it."""
    for index, step in enumerate(written):
        here = (*path, index)
        yield here, step
        for below, inner in nested(step):
            yield from every(inner, (*here, *below))


def nested(step: steps.Step) -> Iterator[Nested]:
    """Yield the lists of steps inside this step, each with its path below the step."""
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


def expressions(value: Any, path: positions.Path = ()) -> Iterator[tuple[positions.Path, str, fields.Wanted]]:
    """Yield every CEL text below a model, with its path and the kind of value that it must give."""
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


def texts(value: Any, path: positions.Path = ()) -> Iterator[tuple[positions.Path, str]]:
    """Yield every text of plain data, with its path."""
    match value:
        case str():
            yield path, value
        case dict():
            for key, below in value.items():
                yield from texts(below, (*path, key))
        case list():
            for index, below in enumerate(value):
                yield from texts(below, (*path, index))
