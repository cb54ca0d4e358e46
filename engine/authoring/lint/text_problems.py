"""Problems of the CEL and Liquid texts of one file, each text checked once.

Called by the linter. YAML aliases may repeat one text ten thousand times. So each text is checked once, and its problems are
reported once, at the anchor of the aliases.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator

from engine.authoring.files import positions
from engine.authoring.findings import findings


class Texts:
    """The texts of one file, with the results of the checks so far."""

    def __init__(self, document: positions.Document) -> None:
        self._document = document
        self._told: dict[Hashable, tuple[findings.Problem, ...]] = {}
        self._said: set[tuple[int, Hashable]] = set()

    def found(
        self, path: positions.Path, rule: Hashable, text: str, check: Callable[[str], Iterable[findings.Problem]]
    ) -> Iterator[findings.Sighting]:
        """Yield the problems that `check` finds in the text at a path; nothing if they were reported for that place before.

        `rule` is the name of the check. The result for a rule and a text is cached.
        """
        key, written = (rule, text), self._document.start(path)
        if (written, key) in self._said:
            return
        self._said.add((written, key))
        if key not in self._told:
            self._told[key] = tuple(sorted(check(text), key=lambda each: each.offset))
        for each in self._told[key]:
            yield each.kind.at(self._document.place(path, each.offset), **each.details)
