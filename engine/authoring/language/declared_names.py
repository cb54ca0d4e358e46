"""The names that expressions and templates may use, as far as they are declared.

They form a tree: `{name: its fields, or the type of its value, or None}`. None means that any field may follow, as in event data
and profiles, whose fields are not declared. Used by the linter and by the checks of expressions and templates. The values of
these names at run time come from `engine/core/context/expression_scope.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Union

from engine.authoring.findings import suggestions
from engine.core.model import definition

Kind = Literal["bool", "text", "list", "time"]
Known = Mapping[str, Union["Known", Kind, None]]

RFM: Final = ("recency_days", "orders", "spend", "recency", "frequency", "monetary")
"""The fields of an `rfm` trait."""

_EVENT: Final[Known] = dict.fromkeys(("id", "type", "source", "subject", "time", "data"))
_JOURNEY: Final[Known] = dict.fromkeys(("name", "title", "owner", "purpose"), "text")
_POLICY: Final[Known] = dict.fromkeys(("timezone", "language"), "text")


OWN_DATA: Final[Mapping[str, Known]] = {"schedule": dict.fromkeys(("journey", "due")), "segment": {"segment": None}}
"""The fields of `event.data` of an entry by a schedule or a segment.

The engine makes that event, so it has no other fields
(docs/semantics.md#a-scheduled-or-segment-entry-has-an-event-of-its-own).
"""


class Kinds:
    """The paths whose values have a declared type, written with dots, such as `traits.orders`.

    Made once for all expressions of a directory. Two objects are equal only if they are the same object, because comparing
    thousands of paths would be slow.
    """

    def __init__(self, *trees: Known) -> None:
        self.paths = tuple(dict.fromkeys(each for tree in trees for each in _kinds(tree)))


class Tree(dict[str, "Known | Kind | None"]):
    """A tree of names, with the types of their values."""

    def __init__(self, names: Known, kinds: Kinds) -> None:
        super().__init__(names)
        self.kinds = kinds


class Workspace:
    """The names that the policy and traits.yaml declare; None for names that are not known, because their file cannot be used."""

    def __init__(
        self, channels: Iterable[str] | None, traits: Known | None = None, segments: Iterable[str] | None = None
    ) -> None:
        allowed: Known | None = None if channels is None else dict.fromkeys((*channels, "any"), "bool")
        self.traits = traits
        self.everywhere: Known = {
            "profile": None,
            "consent": dict.fromkeys(definition.PURPOSES, allowed),
            "traits": traits,
            "segments": None if segments is None else dict.fromkeys(segments, "bool"),
            "now": None,
            "policy": _POLICY,
            "journey": _JOURNEY,
        }
        self.kinds = Kinds(self.everywhere)

    def before(self, way: str = "event") -> Tree:
        """Return the names in scope before a customer has entered: there is no `entry`, and no step has an outcome.

        `way` is the way in: `event` (its data may have any field), or a key of `OWN_DATA`.
        """
        return Tree({"event": {**_EVENT, "data": OWN_DATA.get(way)}, **self.everywhere}, self.kinds)

    def after(self, steps: Iterable[str] | None) -> Tree:
        """Return the names in scope in a journey with these steps; `steps` is None if the steps are not known."""
        outcome: Known = {"outcome": None}
        told: Known | None = None if steps is None else dict.fromkeys(steps, outcome)
        return Tree({**self.before(), "entry": _EVENT, "steps": told}, self.kinds)

    def segment(self) -> Tree:
        """Return the names that a segment may read."""
        return Tree({"profile": None, "traits": self.traits, "now": None}, self.kinds)


def _kinds(tree: Known, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Kind]]:
    for name, below in tree.items():
        if isinstance(below, str):
            yield ".".join((*path, name)), below
        elif below is not None:
            yield from _kinds(below, (*path, name))


TRAIT: Final = Tree({"event": _EVENT, "profile": None}, Kinds())
"""The names that a trait may read."""


def unknown(path: Sequence[str], tree: Known) -> int | None:
    """Return the index of the first part of the path that does not exist; None if all parts exist or may exist."""
    here: Known | Kind | None = tree
    for index, part in enumerate(path):
        if here is None or isinstance(here, str):
            return None
        if part not in here:
            return index
        here = here[part]
    return None


def beside(path: Sequence[str], tree: Known) -> Collection[str]:
    """Return the declared names that the last part of the path could be."""
    here: Known | Kind | None = tree
    for part in path[:-1]:
        here = None if here is None or isinstance(here, str) else here.get(part)
    return () if here is None or isinstance(here, str) else here


def advice(path: Sequence[str], index: int, tree: Known) -> str:
    """Return advice on the right form of a name, such as `traits.x` for `trait.x`; an empty text if there is none."""
    if index == 0 and "consent" not in tree:
        readers = "A trait reads event and profile" if "event" in tree else "A segment reads profile, traits and now"
        return f"{readers} only."
    if index == 0 and path[0] in ("entry", "steps"):
        return f"There is no {path[0]} before the customer has entered; use event."
    if index == 1 and path[0] in ("traits", "segments") and not tree[path[0]]:
        return f"There are no {path[0]} yet: they are declared in traits.yaml."
    if index == 2 and path[:2] == ("event", "data"):
        own = " and ".join(f"event.data.{name}" for name in beside(path, tree))
        return f"The event of a schedule or a segment is made by the engine: it has {own}."
    if index == 1 and path[0] == "steps":
        cut = next((step for step in beside(path[:2], tree) if step.startswith(f"{path[1]}-")), None)
        return f'A step id with - needs brackets: steps["{cut}"].outcome.' if cut else ""
    return ""


def told(path: Sequence[str], index: int, tree: Known) -> str:
    """Return advice on a name that does not exist: its right form, or a similar name."""
    return advice(path, index, tree) or suggestions.meant(path[index], beside(path[: index + 1], tree))
