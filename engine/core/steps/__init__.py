"""The steps, one file each, and the table that says which file answers for which type.

A step module answers with `moves`: `begin` when the instance comes to the step, and, where the type needs them,
`on_event`, `on_timer` and (send) `on_receipt`. It never moves anything itself.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core import definition, moves, state, view
from engine.core.steps import branch, exit, send, wait, wait_for

Begin = Callable[[Any, view.View], moves.Move]
OnEvent = Callable[[Any, view.View], moves.Move | None]
OnTimer = Callable[[Any, view.View, state.Timer], moves.Move]

BEGIN: Final[Mapping[type[definition.Step], Begin]] = {
    definition.Send: send.begin,
    definition.WaitDuration: wait.begin,
    definition.WaitEvents: wait_for.begin,
    definition.Branch: branch.begin,
    definition.Exit: exit.begin,
}
ON_EVENT: Final[Mapping[type[definition.Step], OnEvent]] = {
    definition.WaitDuration: wait.on_event,
    definition.WaitEvents: wait_for.on_event,
}
ON_TIMER: Final[Mapping[type[definition.Step], OnTimer]] = {
    definition.Send: send.on_timer,
    definition.WaitDuration: wait.on_timer,
    definition.WaitEvents: wait_for.on_timer,
}
