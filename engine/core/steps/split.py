"""The step `split`: it assigns the customer, or the instance, to one of several weighted arms.

A hash of the salt and the customer or instance chooses the arm (`shares.py`). The arm is recorded when the step is reached.
"""

from engine.core import decisions, definition, moves, shares, view


def begin(step: definition.Split, looking: view.View) -> moves.Move:
    """Go to the assigned arm; the outcome is the arm's id."""
    unit = looking.customer.id if step.by == "customer" else looking.here.id
    arm = shares.arm(step.salt, unit, step.arms)
    return moves.Goto((decisions.SplitAssigned(arm.id),), arm.id, arm.goto)
