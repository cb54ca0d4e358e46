"""`branch`: the first arm whose condition holds, else the rest."""

from engine.core import decisions, definition, moves, view


def begin(step: definition.Branch, looking: view.View) -> moves.Move:
    """Takes the first true arm; with none true and no else, what follows the branch. The outcome is `arm N`, `else` or `none`."""
    for index, arm in enumerate(step.arms):
        if looking.holds(arm.condition):
            outcome = "else" if arm.condition is None else f"arm {index + 1}"
            return moves.Goto((decisions.BranchTaken(index),), outcome, arm.goto)
    return moves.Goto((decisions.BranchTaken(None),), "none", step.next)
