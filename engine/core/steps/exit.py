"""The step `exit`: it leaves the journey with a reason."""

from engine.core import definition, moves, view


def begin(step: definition.Exit, looking: view.View) -> moves.Move:
    """Leave the journey at once."""
    return moves.Leave(step.reason)
