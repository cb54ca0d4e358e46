"""The step `split`: it assigns the customer, or the instance, to one of several weighted arms.

A hash of the salt and the customer's or the instance's id chooses the arm (`assignment.py`). The decision `split.assigned`
records the arm.
"""

from engine.core.context import decision_context
from engine.core.model import decisions, definition
from engine.core.rules import assignment
from engine.core.steps import results


def begin(step: definition.Split, context: decision_context.Context) -> results.Move:
    """Go to the assigned arm; the step's outcome is the arm's id."""
    unit = context.customer.id if step.by == "customer" else context.here.id
    arm = assignment.arm(step.salt, unit, step.arms)
    return results.Goto((decisions.SplitAssigned(arm.id),), arm.id, arm.goto)
