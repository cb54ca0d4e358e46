"""The steps: one file for each type of step, and the tables from a type to its functions.

Each function returns a move. `begin` is called when an instance comes to the step. Some types also have `on_event`, `on_timer` or
`on_receipt`. A step never moves an instance itself; `decide/step_runner.py` carries out its move. To add a step, follow
CONTRIBUTING.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.context import decision_context
from engine.core.model import decisions, definition, state
from engine.core.steps import (
    branch,
    choose,
    emit,
    exit,
    handoff,
    results,
    send,
    set,
    split,
    wait,
    wait_for,
    wait_until,
)

Begin = Callable[[Any, decision_context.Context], results.Move]
OnEvent = Callable[[Any, decision_context.Context], results.Move | None]
OnReceipt = Callable[[Any, decision_context.Context, decisions.MessageReported], results.Move | None]
OnTimer = Callable[[Any, decision_context.Context, state.Timer], results.Move]

BEGIN: Final[Mapping[type[definition.Step], Begin]] = {
    definition.Send: send.begin,
    definition.WaitDuration: wait.begin,
    definition.WaitUntil: wait_until.begin,
    definition.WaitEvents: wait_for.begin,
    definition.Branch: branch.begin,
    definition.Split: split.begin,
    definition.Choose: choose.begin,
    definition.Set: set.begin,
    definition.Emit: emit.begin,
    definition.Handoff: handoff.begin,
    definition.Exit: exit.begin,
}
ON_EVENT: Final[Mapping[type[definition.Step], OnEvent]] = {
    definition.WaitDuration: wait.on_event,
    definition.WaitEvents: wait_for.on_event,
}
ON_TIMER: Final[Mapping[type[definition.Step], OnTimer]] = {
    definition.Send: send.on_timer,
    definition.WaitDuration: wait.on_timer,
    definition.WaitUntil: wait_until.on_timer,
    definition.WaitEvents: wait_for.on_timer,
    definition.Handoff: handoff.on_timer,
}
ON_RECEIPT: Final[Mapping[type[definition.Step], OnReceipt]] = {
    definition.Send: send.on_receipt,
    definition.Handoff: handoff.on_receipt,
}
