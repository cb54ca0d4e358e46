"""`split`: weighted arms. The arm is a hash of the salt and the customer (or the instance), recorded when it is reached."""

from engine.core import decisions, definition, moves, shares, view


def begin(step: definition.Split, looking: view.View) -> moves.Move:
    """Goes to the arm; the outcome is its id."""
    unit = looking.customer.id if step.by == "customer" else looking.here.id
    arm = shares.arm(step.salt, unit, step.arms)
    return moves.Goto((decisions.SplitAssigned(arm.id),), arm.id, arm.goto)
