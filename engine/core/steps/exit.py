"""The step `exit`: the instance leaves the journey, with the reason that is written in the step."""

from engine.core.context import decision_context
from engine.core.model import definition
from engine.core.steps import results


def begin(step: definition.Exit, context: decision_context.Context) -> results.Move:
    """Return the move by which the instance leaves the journey at once."""
    return results.Leave(step.reason)
