"""Migrations: at which step an instance of an older version goes on when a new version is activated.

Called by the decider at `bundle.activated`. It answers and moves nothing. The rule:
docs/semantics.md#a-migration-moves-waiting-instances
"""

from typing import Final, Literal

from engine.core import definition, state

EXIT: Final = "exit"

KINDS: Final[dict[str, type[definition.Step]]] = {
    "wait": definition.WaitDuration,
    "timeout": definition.WaitEvents,
    "fallback": definition.Send,
    "retry": definition.Send,
    "reply": definition.Handoff,
}
"""What a step is whose version is not known any more, by the kind of its timer."""


def target(instance: state.Instance, live: definition.Journey | None) -> str | None:
    """The step of the live version at which the instance goes on, `exit`, or None: it stays on its version.

    A step that the map does not name goes on at the step of the same id; if there is none, nothing is known of where it belongs.
    """
    if live is None or live.on_update != "migrate" or live.version == instance.version:
        return None
    mapped = live.migrations.get(instance.step, instance.step)
    return mapped if mapped == EXIT or mapped in live.steps else None


def carries_on(
    instance: state.Instance, before: definition.Journey | None, step: definition.Step, customer: state.Customer
) -> Literal["same", "anew"]:
    """Whether the instance goes on in the middle of the step, with the timers that it has, or begins it: it goes on where both
    steps are of one type and something of it is still to come.
    """
    open_ = any(each.instance == instance.id and not each.outcome for each in customer.messages.values())
    if not open_ and not any(timer.instance == instance.id for timer in customer.timers.values()):
        return "anew"  # it was parked when its timer fired
    if before is not None:
        return "same" if type(before.steps[instance.step]) is type(step) else "anew"
    kinds = {timer.kind for timer in customer.timers.values() if timer.instance == instance.id}
    known = {KINDS[kind] for kind in kinds if kind in KINDS}
    waits = (definition.WaitDuration, definition.WaitUntil)
    return "same" if any(kind is type(step) or (kind in waits and isinstance(step, waits)) for kind in known) else "anew"
