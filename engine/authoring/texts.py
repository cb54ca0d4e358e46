"""The problems of the texts of one file, in CEL or Liquid.

Called by the linter. An alias may repeat one text ten thousand times, so a text is checked once, and said once where it is
written; the alias is written there and nowhere else.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator

from engine.authoring import findings, places


class Texts:
    """The texts of one file, as they are checked."""

    def __init__(self, document: places.Document) -> None:
        self._document = document
        self._told: dict[Hashable, tuple[findings.Problem, ...]] = {}
        self._said: set[tuple[int, Hashable]] = set()

    def found(
        self, path: places.Path, rule: Hashable, text: str, check: Callable[[str], Iterable[findings.Problem]]
    ) -> Iterator[findings.Sighting]:
        """The problems that `check` finds in the text at a path; none if they were told there before.

        `rule` names the check: it does the same with a text wherever that stands.
        """
        key, written = (rule, text), self._document.start(path)
        if (written, key) in self._said:
            return
        self._said.add((written, key))
        if key not in self._told:
            self._told[key] = tuple(sorted(check(text), key=lambda each: each.offset))
        for each in self._told[key]:
            yield each.kind.at(self._document.place(path, each.offset), **each.details)
