"""The linter's check for steps that no customer can reach.

Called by `lint/__init__.py` with the compiled steps of a journey.
"""

from collections.abc import Iterator, Mapping

from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings
from engine.authoring.language import journey_file
from engine.core.model import definition


def check(file: File[journey_file.Journey], flat: Mapping[str, definition.Step]) -> Iterator[findings.Sighting]:
    """Yield a finding for the first unreachable step of each list of steps.

    The later steps of this list, and the steps nested inside them, are not reported again. `flat` is `{step id: compiled
    step}`.
    """
    first = file.model.steps[0].id
    reached, ahead = {first}, [first]
    while ahead:
        for id_ in _leads_to(flat[ahead.pop()]):
            if id_ is not None and id_ not in reached:
                reached.add(id_)
                ahead.append(id_)
    said: list[positions.Path] = []
    for path, step in walk.every(file.model.steps):
        if step.id in reached or any(path[: len(other)] == other for other in said):
            continue
        said.append(path[:-1])
        yield findings.UnreachableStep.at(file.document.place((*path, "id")), id=step.id)


def _leads_to(step: definition.Step) -> tuple[str | None, ...]:
    """Return the ids of the steps that may follow the step; None stands for the end of the journey.

    Unlike `definition.goes_to`, leave out the step after a branch with an `else`: one arm of such a branch is always taken.
    """
    if isinstance(step, definition.Branch) and any(arm.condition is None for arm in step.arms):
        return tuple(arm.goto for arm in step.arms)
    return definition.goes_to(step)
