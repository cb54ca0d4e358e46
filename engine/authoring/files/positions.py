"""Positions in a file: the tree of one YAML document, in which every value knows its line and column.

`yaml_reader.py` builds the tree. `validate.py`, `compile.py` and the linter read the data from it, and the positions for
findings.
"""

import bisect
import dataclasses
import re
from collections.abc import Sequence as SequenceOf
from typing import Any, Final

from engine.authoring.findings import findings

Path = tuple[str | int, ...]
"""The path to a value: its keys and indices from the root, such as `("steps", 1, "wait")`."""

_ESCAPED: Final = {"x": 2, "u": 4, "U": 8}


class Source:
    """The text of one file, and its lines."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts: list[int] | None = None

    def place(self, index: int) -> findings.Place:
        """Return the line and column of the character at `index`."""
        if self._starts is None:
            self._starts = [0, *(each.end() for each in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._starts, index)
        return findings.Place(self.file, line, index - self._starts[line - 1] + 1)


@dataclasses.dataclass(slots=True)
class Scalar:
    """One scalar from the index `start` to the index `end` of the file.

    `text` is its text, `value` is the value that YAML reads, and `style` is its quotes, `|`, `>` or empty.
    """

    start: int
    end: int
    text: str
    value: Any
    style: str
    source: Source
    reached: tuple[int, int] | None = None
    """The offset of the last search, and its index in the file.

    The next search starts there, because many offsets of one text may be searched one after the other.
    """

    def index(self, offset: int) -> int:
        """Return the index in the file of the character at `offset` of `text`.

        `text` and the file differ only in quotes, escapes and white space. So the search compares their visible characters one by
        one. White space gets the index after the visible character before it.
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
        """Return the start of a search for `offset`: an offset not after it, and the index of that offset."""
        if self.reached is not None and self.reached[0] <= offset:
            return self.reached
        if self.style in ("|", ">"):
            return 0, self.source.text.find("\n", self.start) + 1 or self.end
        return 0, self.start + bool(self.style)

    def _written(self, at: int) -> tuple[int, int]:
        """Return the start and the end of one character as it is written in the file."""
        raw = self.source.text
        if self.style == "'" and raw[at : at + 2] == "''":
            return at, at + 2
        if self.style == '"' and raw[at] == "\\":
            return at, at + 2 + _ESCAPED.get(raw[at + 1 : at + 2], 0)
        return at, at + 1


@dataclasses.dataclass(slots=True)
class Sequence:
    """A list."""

    start: int
    items: "list[Node]"


@dataclasses.dataclass(slots=True)
class Mapping:
    """Keys with values, in the order of the file."""

    start: int
    entries: "list[tuple[Scalar, Node]]"
    index: "dict[str | int, tuple[Scalar, Node]] | None" = None
    """The entries by key, made at the first look-up. If a key is there twice, the first one counts."""

    def get(self, name: str | int) -> "tuple[Scalar, Node] | None":
        """Return the key and its value; None if there is no such key."""
        if self.index is None:
            self.index = {key.text: (key, value) for key, value in reversed(self.entries)}
        return self.index.get(name)


Node = Scalar | Sequence | Mapping


class Document:
    """One file as a tree."""

    def __init__(self, source: Source, root: Node | None) -> None:
        self.source = source
        self.root = root

    @property
    def file(self) -> str:
        """The file's name in findings."""
        return self.source.file

    def plain(self) -> Any:
        """Return the whole document as plain Python; keys are text."""
        return None if self.root is None else _plain(self.root)

    def node(self, path: SequenceOf[str | int]) -> Node | None:
        """Return the value at a path; if there is none, the nearest value above it."""
        return self._find(path)[1]

    def start(self, path: SequenceOf[str | int]) -> int:
        """Return the index of the value at a path; an alias has the index of its anchor."""
        node = self.node(path)
        return 0 if node is None else node.start

    def key_place(self, path: SequenceOf[str | int]) -> findings.Place:
        """Return the place of the key at the end of the path; for an item of a list, the place of the item."""
        key, node = self._find(path)
        return self._at(key if key is not None else node)

    def place(self, path: SequenceOf[str | int], offset: int | None = None) -> findings.Place:
        """Return the place of the value at the path (of its opening quote, if any), or of the character at `offset` in it."""
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
            # Any other part of the path is not in the file: a missing key, or the name of a variant.
        return key, node


def shown(path: SequenceOf[str | int]) -> str:
    """Return the path in the form of the trace and the findings: `steps[1].branch[0].if`."""
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
