"""Migrations: the step at which an instance of an older version goes on when a new version is activated.

The decider calls this file at `bundle.activated`. The functions move nothing. The rule:
docs/semantics.md#a-migration-moves-waiting-instances
"""

from typing import Final, Literal

from engine.core.model import definition, state

EXIT: Final = "exit"

KINDS: Final[dict[str, type[definition.Step]]] = {
    "wait": definition.WaitDuration,
    "timeout": definition.WaitEvents,
    "fallback": definition.Send,
    "retry": definition.Send,
    "reply": definition.Handoff,
}
"""`{kind of a timer: type of its step}`, for steps of versions that are not known any more."""


def target(instance: state.Instance, live: definition.Journey | None) -> str | None:
    """Return the step of the live version at which the instance goes on, `exit`, or None if it stays on its version.

    If the migration map does not name the instance's step, the instance goes on at the step of the same id. Without such a step
    it stays on its version: docs/semantics.md#a-step-of-the-same-name-needs-no-map
    """
    if live is None or live.on_update != "migrate" or live.version == instance.version:
        return None
    mapped = live.migrations.get(instance.step, instance.step)
    return mapped if mapped == EXIT or mapped in live.steps else None


def carries_on(
    instance: state.Instance, before: definition.Journey | None, step: definition.Step, customer: state.Customer
) -> Literal["same", "anew"]:
    """Return "same" if the instance stays in the middle of the step with its timers, or "anew" if it begins the step again.

    It is "same" if the old and the new step have one type and the instance still has a timer or an open message. If the old
    version `before` is not known, the kind of the instance's timers shows the type of the old step.
    """
    open_ = any(each.instance == instance.id and not each.outcome for each in customer.messages.values())
    if not open_ and not any(timer.instance == instance.id for timer in customer.timers.values()):
        return "anew"  # the instance was parked when its timer fired
    if before is not None:
        return "same" if type(before.steps[instance.step]) is type(step) else "anew"
    kinds = {timer.kind for timer in customer.timers.values() if timer.instance == instance.id}
    known = {KINDS[kind] for kind in kinds if kind in KINDS}
    waits = (definition.WaitDuration, definition.WaitUntil)
    return "same" if any(kind is type(step) or (kind in waits and isinstance(step, waits)) for kind in known) else "anew"
