"""The step `exit`: it leaves the journey with a reason."""

from engine.core.context import decision_context
from engine.core.model import definition
from engine.core.steps import results


def begin(step: definition.Exit, context: decision_context.Context) -> results.Move:
    """Leave the journey at once."""
    return results.Leave(step.reason)
