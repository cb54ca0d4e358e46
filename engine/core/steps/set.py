"""The step `set`: it writes attributes of the customer's profile.

If an expression fails, its attribute stays as it was, and the decision lists the attribute under `failed`.
"""

from engine.core.context import decision_context
from engine.core.model import decisions, definition
from engine.core.steps import results


def begin(step: definition.Set, context: decision_context.Context) -> results.Move:
    """Record the attributes that change, the attributes that are removed and the expressions that failed, if there are any."""
    written, failed = context.given(step.values)
    profile = context.customer.profile
    removed = tuple(name for name, value in written.items() if value is None and name in profile)
    new = {name: value for name, value in written.items() if value is not None and profile.get(name) != value}
    facts = (decisions.ProfileUpdated(new, removed, failed),) if new or removed or failed else ()
    return results.Goto(facts, "set", step.next)
