"""Suggestions: the name that was meant instead of one that does not exist, and those that do.

Called by every check that finds an unknown name. To look for a near name costs more than to find that one is unknown, so it
is done when the finding is put into words.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Final

_SHOWN: Final = 20
_COMPARED: Final = 2_000
"""Beyond so many known names no near one is looked for: nobody writes them by hand."""


class Later:
    """A text that is made when it is first asked for: `make(*of)`. Equal if both parts are."""

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
    """`meant`, when it is asked for; `none` where nothing is known."""
    return Later(_or, word, known, none)


def meant(word: str, known: Collection[str]) -> str:
    """`Did you mean …? ` where a known word is near, else nothing; and then what is known."""
    in_order = sorted(known)
    near = difflib.get_close_matches(word[:100], in_order, 1) if len(in_order) <= _COMPARED else []
    guess = f"Did you mean {near[0]}? " if near else ""
    return guess + (f"Known here: {', '.join(in_order[:_SHOWN])}." if in_order else "")


def _or(word: str, known: Collection[str], none: str) -> str:
    return meant(word, known) or none
