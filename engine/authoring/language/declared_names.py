"""The names that expressions and templates may use, with the kinds of their values.

The names form a tree: below each name are its fields, or the kind of its value (such as `text`), or None. None means that
nothing is declared, so any field may follow; this is so for profiles and for the data of events. The linter and the checks of
expressions and templates use the tree. The values of the names at run time are in `engine/core/context/expression_scope.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Union

from engine.authoring.findings import suggestions
from engine.core.model import definition

Kind = Literal["bool", "text", "list", "time"]
Known = Mapping[str, Union["Known", Kind, None]]

RFM: Final = ("recency_days", "orders", "spend", "recency", "frequency", "monetary")
"""The fields of the value of an `rfm` trait."""

_EVENT: Final[Known] = dict.fromkeys(("id", "type", "source", "subject", "time", "data"))
_JOURNEY: Final[Known] = dict.fromkeys(("name", "title", "owner", "purpose"), "text")
_POLICY: Final[Known] = dict.fromkeys(("timezone", "language"), "text")


OWN_DATA: Final[Mapping[str, Known]] = {"schedule": dict.fromkeys(("journey", "due")), "segment": {"segment": None}}
"""The fields of `event.data` in the entry event of a schedule or a segment, as `{way to enter: fields}`.

The engine makes this event, so it has no other fields
(docs/semantics.md#a-scheduled-or-segment-entry-has-an-event-of-its-own).
"""


class Kinds:
    """The names with a declared kind of value, as pairs such as `("journey.name", "text")`.

    One object is made for all expressions of a directory. Two objects are equal only if they are the same object, because
    comparing thousands of names would take long.
    """

    def __init__(self, *trees: Known) -> None:
        self.paths = tuple(dict.fromkeys(each for tree in trees for each in _kinds(tree)))


class Tree(dict[str, "Known | Kind | None"]):
    """The tree of the names that an expression or a template may use; `kinds` holds the names with a declared kind of value."""

    def __init__(self, names: Known, kinds: Kinds) -> None:
        super().__init__(names)
        self.kinds = kinds


class Workspace:
    """The names that every expression of a directory may use: fixed names, and names that policy.yaml and traits.yaml declare.

    `channels`, `traits` or `segments` is None if the file that declares them has errors. Then any name is allowed in their
    place.
    """

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
        """Return the names that an expression under `enter` may use, where the customer has not entered yet.

        `entry` and `steps` are not among the names. `way` says how customers enter: `event`, `schedule` or `segment`. Any
        field may follow `event.data` for `event`; for the other two, only the fields in `OWN_DATA`.
        """
        return Tree({"event": {**_EVENT, "data": OWN_DATA.get(way)}, **self.everywhere}, self.kinds)

    def after(self, steps: Iterable[str] | None) -> Tree:
        """Return the names that an expression or a template may use after the customer has entered.

        `steps` holds the ids of the journey's steps. If `steps` is None, the ids are not known, and any id is allowed.
        """
        outcome: Known = {"outcome": None}
        told: Known | None = None if steps is None else dict.fromkeys(steps, outcome)
        return Tree({**self.before(), "entry": _EVENT, "steps": told}, self.kinds)

    def segment(self) -> Tree:
        """Return the names that the condition of a segment may use."""
        return Tree({"profile": None, "traits": self.traits, "now": None}, self.kinds)


def _kinds(tree: Known, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Kind]]:
    for name, below in tree.items():
        if isinstance(below, str):
            yield ".".join((*path, name)), below
        elif below is not None:
            yield from _kinds(below, (*path, name))


TRAIT: Final = Tree({"event": _EVENT, "profile": None}, Kinds())
"""The names that the expressions of a trait may use."""


def unknown(path: Sequence[str], tree: Known) -> int | None:
    """Return the index in `path` of the first name that does not exist; None if every name exists or may exist.

    `path` holds the names of an expression such as `event.data.total`, in their order.
    """
    here: Known | Kind | None = tree
    for index, part in enumerate(path):
        if here is None or isinstance(here, str):
            return None
        if part not in here:
            return index
        here = here[part]
    return None


def beside(path: Sequence[str], tree: Known) -> Collection[str]:
    """Return the declared names that could replace the last name of `path`; empty if no names are declared there."""
    here: Known | Kind | None = tree
    for part in path[:-1]:
        here = None if here is None or isinstance(here, str) else here.get(part)
    return () if here is None or isinstance(here, str) else here


def advice(path: Sequence[str], index: int, tree: Known) -> str:
    """Return a sentence for a frequent mistake, such as `steps` before the customer has entered; empty for all other mistakes.

    `path[index]` is the first name that does not exist in the tree.
    """
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
    """Return the advice about a name that does not exist: how to correct a frequent mistake, or the name that was probably meant.

    `path[index]` is the first name that does not exist in the tree.
    """
    return advice(path, index, tree) or suggestions.meant(path[index], beside(path[: index + 1], tree))
