"""The problems that checks find in the CEL and Liquid texts of one file, each reported once.

Called by the linter. YAML aliases may repeat one text ten thousand times, so each text is checked only once. Its problems are
reported once, at the YAML anchor, because the alias itself does not contain the text.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator

from engine.authoring.files import positions
from engine.authoring.findings import findings


class Texts:
    """The CEL and Liquid texts of one file that were checked so far, with the problems found in them."""

    def __init__(self, document: positions.Document) -> None:
        self._document = document
        self._told: dict[Hashable, tuple[findings.Problem, ...]] = {}
        self._said: set[tuple[int, Hashable]] = set()

    def found(
        self, path: positions.Path, rule: Hashable, text: str, check: Callable[[str], Iterable[findings.Problem]]
    ) -> Iterator[findings.Sighting]:
        """Yield a finding for each problem that `check` finds in `text`, at the position of the problem in the file.

        `path` is the way to the text in the file. `rule` identifies the check: for the same `rule` and `text`, the problems
        must be the same everywhere. A second call with the same `rule` for the same position yields nothing; an alias has the
        position of its anchor.
        """
        key, written = (rule, text), self._document.start(path)
        if (written, key) in self._said:
            return
        self._said.add((written, key))
        if key not in self._told:
            self._told[key] = tuple(sorted(check(text), key=lambda each: each.offset))
        for each in self._told[key]:
            yield each.kind.at(self._document.place(path, each.offset), **each.details)
