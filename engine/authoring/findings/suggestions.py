"""Suggestions for an unknown name: the most similar known name, and the list of known names.

Used by every check that finds an unknown name. The search for a similar name is slow. So the suggestion is made later, for
reported findings only.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Final

_SHOWN: Final = 20
_COMPARED: Final = 2_000
"""The most known names that are compared; with more of them, no similar name is searched."""


class Later:
    """A text that is made when it is first read, by `make(*of)`.

    Two such texts are equal if both `make` and `of` are equal.
    """

    __slots__ = ("_made", "make", "of")

    def __init__(self, make: Callable[..., str], *of: object) -> None:
        self.make, self.of = make, of
        self._made: str | None = None

    def __str__(self) -> str:
        if self._made is None:
            self._made = self.make(*self.of)
        return self._made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Later) and self.make is other.make and self.of == other.of

    def __hash__(self) -> int:
        return hash((self.make, self.of[0]))


def later(word: str, known: Collection[str], none: str = "") -> Later:
    """Return the text of `meant(word, known)`, to be made later; `none` is the text if `known` is empty."""
    return Later(_or, word, known, none)


def meant(word: str, known: Collection[str]) -> str:
    """Return `Did you mean …? ` if a known name is similar to `word`, then the list of the known names."""
    in_order = sorted(known)
    near = difflib.get_close_matches(word[:100], in_order, 1) if len(in_order) <= _COMPARED else []
    guess = f"Did you mean {near[0]}? " if near else ""
    return guess + (f"Known here: {', '.join(in_order[:_SHOWN])}." if in_order else "")


def _or(word: str, known: Collection[str], none: str) -> str:
    return meant(word, known) or none
