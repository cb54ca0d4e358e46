"""The tree of one YAML file, from which the line and column of each value, and of each character in a value, can be found.

`yaml_reader.py` builds the tree. `validate.py` and `compile.py` take the values from the tree, and the linter takes the places of
its findings.
"""

import bisect
import dataclasses
import re
from collections.abc import Sequence as SequenceOf
from typing import Any, Final

from engine.authoring.findings import findings

Path = tuple[str | int, ...]
"""The position of a value in a file, as keys and list indices: `("steps", 1, "branch", 0, "if")`."""

_ESCAPED: Final = {"x": 2, "u": 4, "U": 8}


class Source:
    """The text of one file; the method `place` finds the line and column of a character in it."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts: list[int] | None = None

    def place(self, index: int) -> findings.Place:
        """Return the line and column of the character at `index`, both counted from 1; `index` counts from 0."""
        if self._starts is None:
            self._starts = [0, *(each.end() for each in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._starts, index)
        return findings.Place(self.file, line, index - self._starts[line - 1] + 1)


@dataclasses.dataclass(slots=True)
class Scalar:
    """A scalar: a value that is neither a list nor a mapping, between the indices `start` and `end` of the file's text.

    `text` is the value as text, without quotes and escapes. `value` is the value as Python data, such as 12 for the text `12`.
    `style` is the kind of quotes, `|` or `>`; it is empty for a value without quotes.
    """

    start: int
    end: int
    text: str
    value: Any
    style: str
    source: Source
    reached: tuple[int, int] | None = None
    """The offset of the last search by `index`, and the index in the file that was found for this offset.

    The next search starts from this pair. So a series of searches with growing offsets reads the text only once.
    """

    def index(self, offset: int) -> int:
        """Return the index in the file of the character at `offset` of `text`.

        The text in the file and `text` differ only in quotes, escapes and white space, because YAML folds and indents lines. So
        the method reads both texts side by side, from one visible character to the next. For a white-space character, it returns
        the index right after the last visible character before it.
        """
        raw, (first, at) = self.source.text, self._from(offset)
        for position in range(first, len(self.text)):
            character = self.text[position]
            if position == offset:
                self.reached = position, at
            if character.isspace():
                if position == offset:
                    return at
                if self.style == '"' and raw[at : at + 1] == "\\":
                    at = self._written(at)[1]
                continue
            while (at < self.end and raw[at].isspace()) or (self.style == '"' and raw[at : at + 2] == "\\\n"):
                at += 1 + (raw[at] == "\\")
            if position == offset:
                return min(at, self.end)
            at = self._written(at)[1]
        return min(at, self.end)

    def _from(self, offset: int) -> tuple[int, int]:
        """Return a known pair of (offset in `text`, index in the file) from which the search for `offset` can start."""
        if self.reached is not None and self.reached[0] <= offset:
            return self.reached
        if self.style in ("|", ">"):
            return 0, self.source.text.find("\n", self.start) + 1 or self.end
        return 0, self.start + bool(self.style)

    def _written(self, at: int) -> tuple[int, int]:
        """Return the start and the end of the character at the index `at` of the file; an escape counts as one character."""
        raw = self.source.text
        if self.style == "'" and raw[at : at + 2] == "''":
            return at, at + 2
        if self.style == '"' and raw[at] == "\\":
            return at, at + 2 + _ESCAPED.get(raw[at + 1 : at + 2], 0)
        return at, at + 1


@dataclasses.dataclass(slots=True)
class Sequence:
    """A list in the file; `start` is the index at which it starts."""

    start: int
    items: "list[Node]"


@dataclasses.dataclass(slots=True)
class Mapping:
    """A mapping in the file: its keys with their values, in the order of the file; `start` is the index at which it starts."""

    start: int
    entries: "list[tuple[Scalar, Node]]"
    index: "dict[str | int, tuple[Scalar, Node]] | None" = None
    """The entries as `{key: (key, value)}`, made at the first call of `get`; of two equal keys, the first is used.

    `get` is called only after the whole file has been read.
    """

    def get(self, name: str | int) -> "tuple[Scalar, Node] | None":
        """Return the key `name` and its value, both as nodes of the tree; None if the mapping does not have this key."""
        if self.index is None:
            self.index = {key.text: (key, value) for key, value in reversed(self.entries)}
        return self.index.get(name)


Node = Scalar | Sequence | Mapping


class Document:
    """The tree of one YAML file; `root` is None for an empty file."""

    def __init__(self, source: Source, root: Node | None) -> None:
        self.source = source
        self.root = root

    @property
    def file(self) -> str:
        """The name of the file, as findings show it."""
        return self.source.file

    def plain(self) -> Any:
        """Return the whole file as Python dicts, lists and values, in which all keys are text; None for an empty file."""
        return None if self.root is None else _plain(self.root)

    def node(self, path: SequenceOf[str | int]) -> Node | None:
        """Return the value at a path; None for an empty file.

        A key or index of the path that is not in the file is ignored. So if the last key is missing, the result is the mapping in
        which it is missing.
        """
        return self._find(path)[1]

    def start(self, path: SequenceOf[str | int]) -> int:
        """Return the index in the file at which the value at a path starts; for an alias, the start of its anchor's value."""
        node = self.node(path)
        return 0 if node is None else node.start

    def key_place(self, path: SequenceOf[str | int]) -> findings.Place:
        """Return the line and column of the key at the end of the path; for an item of a list, of the item."""
        key, node = self._find(path)
        return self._at(key if key is not None else node)

    def place(self, path: SequenceOf[str | int], offset: int | None = None) -> findings.Place:
        """Return the line and column of the value at the path, or of the character at `offset` in this value.

        A value in quotes starts at its first quote.
        """
        node = self.node(path)
        if isinstance(node, Scalar) and offset is not None:
            return self.source.place(node.index(offset))
        return self._at(node)

    def _at(self, node: Node | None) -> findings.Place:
        if node is None:
            return findings.Place(self.source.file)
        return self.source.place(node.start)

    def _find(self, path: SequenceOf[str | int]) -> tuple[Scalar | None, Node | None]:
        key, node = None, self.root
        for name in path:
            if isinstance(node, Mapping) and (entry := node.get(name)) is not None:
                key, node = entry
            elif isinstance(node, Sequence) and isinstance(name, int) and 0 <= name < len(node.items):
                key, node = None, node.items[name]
            # Ignore any other part of the path: it is a missing key or the name of a variant, and not in the file.
        return key, node


def shown(path: SequenceOf[str | int]) -> str:
    """Return a path as text, in the form that traces and findings use: `steps[1].branch[0].if`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _plain(node: Node) -> Any:
    match node:
        case Scalar(value=value):
            return value
        case Sequence(items=items):
            return [_plain(item) for item in items]
        case Mapping(entries=entries):
            return {key.text: _plain(value) for key, value in entries}
