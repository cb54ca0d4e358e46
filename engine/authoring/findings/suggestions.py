"""Suggestions for an unknown name: the known name that was probably meant, and a list of the known names.

Used by every check that finds an unknown name. To look for a similar name takes long. So a suggestion is computed only when
the message of a reported finding is made, and not when the check runs.
"""

import difflib
from collections.abc import Callable, Collection
from typing import Final

_SHOWN: Final = 20
_COMPARED: Final = 2_000
"""The greatest number of known names with which an unknown name is compared; with more names, none is suggested as similar."""


class Later:
    """A text that is computed by `make(*of)` when it is first converted to a string.

    Two of these texts are equal if their `make` and their `of` are equal.
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
    """Return the text `meant(word, known)`, computed only when it is printed; if `known` is empty, the text is `none`."""
    return Later(_or, word, known, none)


def meant(word: str, known: Collection[str]) -> str:
    """Return a suggestion for an unknown word, such as `Did you mean sms? Known here: email, sms.`.

    The question is left out if no known name is similar to the word. At most 20 known names are listed. The result is empty if
    `known` is empty.
    """
    in_order = sorted(known)
    near = difflib.get_close_matches(word[:100], in_order, 1) if len(in_order) <= _COMPARED else []
    guess = f"Did you mean {near[0]}? " if near else ""
    return guess + (f"Known here: {', '.join(in_order[:_SHOWN])}." if in_order else "")


def _or(word: str, known: Collection[str], none: str) -> str:
    return meant(word, known) or none
