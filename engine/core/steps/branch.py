"""The step `branch`: the instance takes the first arm whose condition is true, or the arm `else` if no condition is true."""

from engine.core.context import decision_context
from engine.core.model import decisions, definition
from engine.core.steps import results


def begin(step: definition.Branch, context: decision_context.Context) -> results.Move:
    """Go to the first arm whose condition is true; an arm without a condition is the arm `else`.

    If no arm is taken, go to the step after the branch. The outcome is `arm 1`, `arm 2`, …, or `else`; it is `none` if no arm
    is taken.
    """
    for index, arm in enumerate(step.arms):
        if context.holds(arm.condition):
            outcome = "else" if arm.condition is None else f"arm {index + 1}"
            return results.Goto((decisions.BranchTaken(index),), outcome, arm.goto)
    return results.Goto((decisions.BranchTaken(None),), "none", step.next)
