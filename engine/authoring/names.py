"""The names that expressions and templates may use, as far as they are declared.

A tree: name -> its fields, or None where any field may follow (data and profiles are what customers and shops make
them). Called by `lint.py`; what a scope gives at run time stands in `engine/core/scope.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Optional

from engine.core import definition

Known = Mapping[str, Optional["Known"]]

_EVENT: Final[Known] = dict.fromkeys(("id", "type", "source", "subject", "time", "data"))
_NOT_YET: Final = ("traits", "segments")


def known(channels: Iterable[str] | None, steps: Iterable[str] | None, *, entered: bool = True) -> Known:
    """What is in scope in a journey with these steps under a policy with these channels; None: nobody knows which.

    Before a customer has entered there is no `entry` and no step has an outcome.
    """
    allowed: Known | None = None if channels is None else dict.fromkeys((*channels, "any"))
    before: Known = {
        "event": _EVENT,
        "profile": None,
        "consent": dict.fromkeys(definition.PURPOSES, allowed),
        "now": None,
        "journey": dict.fromkeys(("name", "title", "owner", "purpose")),
        "policy": dict.fromkeys(("timezone", "language")),
    }
    if not entered:
        return before
    outcome: Known = {"outcome": None}
    return {**before, "entry": _EVENT, "steps": None if steps is None else dict.fromkeys(steps, outcome)}


def unknown(path: Sequence[str], tree: Known) -> int | None:
    """The index of the first part of the path that does not exist; None if all does or may."""
    here: Known | None = tree
    for index, part in enumerate(path):
        if here is None:
            return None
        if part not in here:
            return index
        here = here[part]
    return None


def beside(path: Sequence[str], tree: Known) -> tuple[str, ...]:
    """What could stand where the last part of the path stands."""
    here: Known | None = tree
    for part in path[:-1]:
        here = (here or {}).get(part)
    return tuple(here or ())


def advice(path: Sequence[str], index: int, tree: Known) -> str:
    """What is to be said of a name that is known to come, or to be written otherwise; empty for any other."""
    if path[0] in _NOT_YET:
        return f"{path[0].capitalize()} come with a later release."
    if index == 0 and path[0] in ("entry", "steps"):
        return f"There is no {path[0]} before the customer has entered; use event."
    steps = tree.get("steps") or {}
    cut = [step for step in steps if path[0] == "steps" and index == 1 and step.startswith(f"{path[1]}-")]
    return f'A step id with - needs brackets: steps["{cut[0]}"].outcome.' if cut else ""
