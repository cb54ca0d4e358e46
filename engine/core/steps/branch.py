"""The step `branch`: the first arm whose condition holds, or else the arm `else`."""

from engine.core import decisions, definition, moves, view


def begin(step: definition.Branch, looking: view.View) -> moves.Move:
    """Go to the first arm whose condition is true, or to the step after the branch if there is none.

    The outcome is `arm N`, counted from 1, `else` or `none`.
    """
    for index, arm in enumerate(step.arms):
        if looking.holds(arm.condition):
            outcome = "else" if arm.condition is None else f"arm {index + 1}"
            return moves.Goto((decisions.BranchTaken(index),), outcome, arm.goto)
    return moves.Goto((decisions.BranchTaken(None),), "none", step.next)
