"""Generators that yield every step, every expression or every text of a valid file, each with its path in the file.

`flat_steps.py` calls them to compile a journey, and the linter calls them to check a file. The rules of the linter are not here.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pydantic

from engine.authoring.files import positions
from engine.authoring.language import fields, steps

Nested = tuple[positions.Path, Sequence[steps.Step]]


def every(written: Sequence[steps.Step], path: positions.Path = ("steps",)) -> Iterator[tuple[positions.Path, steps.Step]]:
    """Yield every step of a list with its path: `(("steps", 0), step)`.

    The steps of a nested list, such as an arm of a branch, follow directly after the step that contains the list. `path` is the
    path of the given list.
    """
    for index, step in enumerate(written):
        here = (*path, index)
        yield here, step
        for below, inner in nested(step):
            yield from every(inner, (*here, *below))


def nested(step: steps.Step) -> Iterator[Nested]:
    """Yield the lists of steps directly inside a step, each with its path inside this step: `("branch", 0, "then")`."""
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
    """Yield every CEL text inside a pydantic model, with its path and the kind of value that the expression must return.

    `value` is the model, and `path` is its own path in the file.
    """
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
    """Yield every text inside nested dicts and lists, with its path; keys of dicts are not yielded.

    `path` is the path of `value` in the file.
    """
    match value:
        case str():
            yield path, value
        case dict():
            for key, below in value.items():
                yield from texts(below, (*path, key))
        case list():
            for index, below in enumerate(value):
                yield from texts(below, (*path, index))
