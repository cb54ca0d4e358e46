"""The step `set`: it writes attributes of the profile.

An expression that fails leaves its attribute as it was, and the failure is recorded.
"""

from engine.core import decisions, definition, moves, view


def begin(step: definition.Set, looking: view.View) -> moves.Move:
    """Record the attributes that change, are removed or fail; if there are none, record nothing."""
    written, failed = looking.given(step.values)
    profile = looking.customer.profile
    removed = tuple(name for name, value in written.items() if value is None and name in profile)
    new = {name: value for name, value in written.items() if value is not None and profile.get(name) != value}
    facts = (decisions.ProfileUpdated(new, removed, failed),) if new or removed or failed else ()
    return moves.Goto(facts, "set", step.next)
