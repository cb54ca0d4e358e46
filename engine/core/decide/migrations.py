"""Migrations: the step at which an instance of an older version continues when a new version goes live.

`step_runner.py` calls this file for each instance of a customer at `bundle.activated`. The functions move nothing. The rule:
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
"""`{kind of a timer: type of the step that set it}`.

`carries_on` uses the table if the old version is missing, because only the timer then shows the type of the old step.
"""


def target(instance: state.Instance, live: definition.Journey | None) -> str | None:
    """Return the step of the version `live` at which the instance continues, `exit` if it leaves, or None if nothing changes.

    `live` is None if the bundle does not have the journey. `on_update: migrate` lets instances continue on the live version.
    Its map `migrations` gives the new step for an old step. If an old step is not in the map, the instance continues at the
    step with the same id. If the live version has no such step, the instance stays on its old version:
    docs/semantics.md#a-step-of-the-same-name-needs-no-map
    """
    if live is None or live.on_update != "migrate" or live.version == instance.version:
        return None
    mapped = live.migrations.get(instance.step, instance.step)
    return mapped if mapped == EXIT or mapped in live.steps else None


def carries_on(
    instance: state.Instance, before: definition.Journey | None, step: definition.Step, customer: state.Customer
) -> Literal["same", "anew"]:
    """Return "same" if the instance continues in the middle of `step`, or "anew" if it begins `step` from the start.

    `step` is the step of the live version, and `before` is the old version. The result is "same" if the old and the new step
    have the same type and the instance still has a timer or an open message. If the old version is missing (`before` is None),
    the kind of the instance's timers shows the type of the old step.
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
