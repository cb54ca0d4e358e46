"""Suggestions for an unknown name: the known name that was probably meant, and the names that are known.

Used by every check that finds an unknown name. To look for a similar name costs more than to find that a name is unknown. So the
suggestion is made when the finding is put into words.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Final

_SHOWN: Final = 20
_COMPARED: Final = 2_000
"""The most known names among which a similar name is looked for: nobody writes more names by hand."""


class Later:
    """A text that is made when it is first asked for: `make(*of)`.

    Two of them are equal if both `make` and `of` are equal.
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
    """Return `meant(word, known)` as a text that is made later; `none` is the text if no name is known."""
    return Later(_or, word, known, none)


def meant(word: str, known: Collection[str]) -> str:
    """Return `Did you mean …? ` if a known name is similar, followed by the known names."""
    in_order = sorted(known)
    near = difflib.get_close_matches(word[:100], in_order, 1) if len(in_order) <= _COMPARED else []
    guess = f"Did you mean {near[0]}? " if near else ""
    return guess + (f"Known here: {', '.join(in_order[:_SHOWN])}." if in_order else "")


def _or(word: str, known: Collection[str], none: str) -> str:
    return meant(word, known) or none
