"""Compiling of the nested steps of a journey to a flat list, in which each step has the id of the step that follows it.

Called by `compile.py`. A nested list is, for example, the steps of one arm of a branch. The last step of this list is followed by
the step that comes after the branch. If no step follows, the id is None, and the journey ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.authoring.cel import expressions
from engine.authoring.files import positions, walk
from engine.authoring.language import steps, times
from engine.core.model import definition


def flat(
    journey: str, written: Sequence[steps.Step], path: positions.Path = ("steps",), after: str | None = None
) -> Iterator[definition.Step]:
    """Yield the compiled steps of a list; after each step, yield the compiled steps of its nested lists.

    `journey` is the journey's name, `written` the list of steps as it was read from YAML, and `path` its position in the file.
    `after` is the id of the step that follows the whole list; None if the journey ends there.
    """
    for index, step in enumerate(written):
        following = written[index + 1].id if index + 1 < len(written) else after
        here = (*path, index)
        yield _Compiler(journey, step.id, here, following).step(step)
        for below, inner in walk.nested(step):
            yield from flat(journey, inner, (*here, *below), following)


def condition(text: str | None, path: positions.Path) -> definition.Expression | None:
    """Return the compiled form of a CEL text at `path` in the file; None if the text is None."""
    return None if text is None else expressions.compiled(text, path)


def trigger(written: steps.Trigger, path: positions.Path) -> definition.Trigger:
    """Return the compiled form of a trigger in a journey file: an event type with an optional condition `when`."""
    return definition.Trigger(written.event, condition(written.when, (*path, "when")))


class _Compiler:
    """Compiler of a single step, which is at `path` in the file of the journey.

    `following` is the id of the step that comes next; None at the end of the journey. `place` has the values that every compiled
    step begins with: its id, its path as text, and `following`.
    """

    def __init__(self, journey: str, id_: str, path: positions.Path, following: str | None) -> None:
        self.journey = journey
        self.path = path
        self.following = following
        self.place: tuple[str, str, str | None] = (id_, positions.shown(path), following)

    def step(self, step: steps.Step) -> definition.Step:
        """Return the compiled step, without the steps of its nested lists."""
        match step:
            case steps.SendStep():
                return self._send(step.send)
            case steps.WaitStep():
                return self._wait(step)
            case steps.BranchStep():
                return self._branch(step.branch)
            case steps.SplitStep():
                return self._split(step.split)
            case steps.ChooseStep():
                return self._choose(step.choose)
            case steps.SetStep():
                return definition.Set(*self.place, self._given(step.set, "set"))
            case steps.EmitStep():
                return definition.Emit(*self.place, step.emit.event, self._given(step.emit.data, "emit", "data"))
            case steps.HandoffStep(handoff=asked):
                return definition.Handoff(*self.place, asked.queue, asked.priority, asked.summary, asked.reply_within)
            case steps.ExitStep():
                return definition.Exit(*self.place, step.exit)

    def _send(self, send: steps.Send) -> definition.Send:
        channels = tuple(definition.Place(each.channel, each.success, each.fallback_after) for each in send.channels)
        to = condition(send.to, (*self.path, "send", "to"))
        return definition.Send(*self.place, send.template, channels, send.expires_after, to)

    def _wait(self, step: steps.WaitStep) -> definition.Step:
        match step.wait:
            case steps.WaitFor() as wait:
                return self._wait_for(wait)
            case steps.WaitUntil(until=until):
                return self._until(until)
            case duration:
                restart = step.restart_on
                if isinstance(restart, str):
                    restart = steps.Trigger(event=restart, when=None)
                restarting = None if restart is None else trigger(restart, (*self.path, "restart_on"))
                return definition.WaitDuration(*self.place, duration, restarting)

    def _wait_for(self, wait: steps.WaitFor) -> definition.WaitEvents:
        awaited = tuple(
            definition.Awaited(trigger(each, (*self.path, "wait", "for", index)), self._first(each.then))
            for index, each in enumerate(wait.for_)
        )
        return definition.WaitEvents(*self.place, awaited, wait.timeout, self._first(wait.on_timeout), wait.since)

    def _until(self, until: steps.UntilTime | steps.UntilPayday | steps.UntilDate) -> definition.WaitUntil:
        match until:
            case steps.UntilTime():
                return definition.WaitUntil(*self.place, minute=until.time, days=times.numbers(until.days or []))
            case steps.UntilPayday():
                return definition.WaitUntil(*self.place, minute=until.time, payday=True)
            case steps.UntilDate():
                return definition.WaitUntil(
                    *self.place,
                    date=expressions.compiled(until.date, (*self.path, "wait", "until", "date")),
                    offset=until.offset,
                    if_past=until.if_past,
                    if_missing=until.if_missing,
                )

    def _branch(self, arms: Sequence[steps.Arm]) -> definition.Branch:
        compiled = []
        for index, arm in enumerate(arms):
            if isinstance(arm, steps.IfArm):
                holds = condition(arm.if_, (*self.path, "branch", index, "if"))
                compiled.append(definition.Arm(holds, self._first(arm.then)))
            else:
                compiled.append(definition.Arm(None, self._first(arm.else_)))
        return definition.Branch(*self.place, tuple(compiled))

    def _split(self, split: steps.Split) -> definition.Split:
        arms = tuple(definition.SplitArm(arm.id, arm.weight, self._first(arm.then)) for arm in split.arms)
        return definition.Split(*self.place, split.by, split.salt or f"{self.journey}/{self.place[0]}", arms)

    def _choose(self, choose: steps.Choose) -> definition.Choose:
        candidates = []
        for index, each in enumerate(choose.candidates):
            here = (*self.path, "choose", "candidates", index)
            score, holds = expressions.compiled(each.score, (*here, "score")), condition(each.if_, (*here, "if"))
            candidates.append(definition.Candidate(each.id, score, self._first(each.then), holds))
        return definition.Choose(*self.place, tuple(candidates))

    def _given(self, values: Mapping[str, Any], *below: str) -> dict[str, definition.Given]:
        return {
            name: definition.Given(expression=expressions.compiled(value, (*self.path, *below, name)))
            if isinstance(value, str)
            else definition.Given(value)
            for name, value in values.items()
        }

    def _first(self, nested: Sequence[steps.Step] | None) -> str | None:
        return nested[0].id if nested else self.following
