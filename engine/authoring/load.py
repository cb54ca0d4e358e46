"""YAML 1.2 to plain data, with the line and column of every key and value kept.

Called by `compile.py` for every file. Hostile files become findings before they can cost anything: the size is looked at
first, then the events of the parser are counted, and only then is anything built.
"""

import pathlib
import re
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.authoring import findings

MAX_BYTES: Final = 1_000_000
MAX_NODES: Final = 10_000
"""Nodes of a document with its aliases expanded, beyond those that are written out."""
MAX_DEPTH: Final = 50

Path = tuple[str | int, ...]
_CORE: Final = {"str", "int", "float", "bool", "null", "timestamp", "map", "seq"}


class Span(msgspec.Struct, frozen=True):
    """Where a value stands, and, for a text, how it is written: enough to find a place inside it."""

    line: int
    column: int
    source: str = ""
    style: str = ""


class Document(msgspec.Struct):
    """One file as data, with the span of every value and the place of every key by their paths."""

    file: str
    data: Any
    values: dict[Path, Span] = {}
    keys: dict[Path, Span] = {}
    text: str = ""

    def place(self, path: Path, *, key: bool = False) -> findings.Place:
        """The place of a value (or of its key); of the nearest value around it where the path itself is not written."""
        while path and path not in self.values:
            path = path[:-1]
        span = (self.keys if key else self.values).get(path) or self.values.get(path, Span(1, 1))
        return findings.Place(self.file, span.line, span.column)

    def inside(self, path: Path, offset: int) -> findings.Place:
        """The place of the character at `offset` of a text, also in quotes and in `|` and `>` blocks."""
        span, value = self.values.get(path), self.value(path)
        if span is None or not isinstance(value, str):
            return self.place(path)
        start = _content_start(span)
        # White space is folded and indented away, the other characters keep their order: count those.
        wanted = len(re.sub(r"\s", "", value[:offset]))
        at = start
        for at in range(start, len(span.source)):
            if not span.source[at].isspace():
                if wanted == 0:
                    break
                wanted -= 1
        before = span.source[:at]
        line = span.line + before.count("\n")
        column = at - before.rfind("\n") if "\n" in before else span.column + at
        return findings.Place(self.file, line, column)

    def value(self, path: Path) -> Any:
        """The value at a path; None where there is none."""
        at = self.data
        for part in path:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                return None
        return at


def read(root: pathlib.Path, path: pathlib.Path) -> tuple[Document | None, list[findings.Finding]]:
    """The document in `path` (named relative to `root`), or the findings that say why there is none."""
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return None, [findings.NotReadable.at(findings.Place(file), detail="it is a link that leaves the directory")]
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as exc:
        return None, [findings.NotReadable.at(findings.Place(file), detail=exc.strerror or type(exc).__name__)]
    if len(raw) > MAX_BYTES:
        return None, [findings.NotReadable.at(findings.Place(file), detail="it is larger than 1 MB")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        column = exc.start - raw.rfind(b"\n", 0, exc.start)
        return None, [findings.NotReadable.at(findings.Place(file, line, column), detail="it is not UTF-8")]
    return parse(file, text)


def parse(file: str, text: str) -> tuple[Document | None, list[findings.Finding]]:
    """The document of a text."""
    # A depth that could exhaust the parser's stack is seen in the brackets and the indentation before it starts.
    if _too_deep(text):
        return None, [findings.NotAllowed.at(findings.Place(file), detail=f"Nesting deeper than {MAX_DEPTH} levels")]
    try:
        nodes = list(YAML(typ="safe", pure=True).compose_all(text))
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = findings.Place(file, mark.line + 1, mark.column + 1) if mark else findings.Place(file)
        return None, [findings.NotYaml.at(place, detail=str(exc.problem or exc.context or "syntax error"))]
    except (YAMLError, RecursionError, ValueError) as exc:
        return None, [findings.NotYaml.at(findings.Place(file), detail=str(exc).split("\n")[0])]
    if len(nodes) > 1:
        return None, [findings.NotReadable.at(_at(file, nodes[1]), detail="it holds more than one document")]
    document = Document(file, None, text=text)
    builder = _Builder(document, text)
    if nodes and nodes[0] is not None:
        document.data = builder.build(nodes[0], (), 0)
    return (None if builder.findings else document), builder.findings


class _Builder:
    """Walks the nodes of one document; `budget` bounds what aliases may expand to."""

    def __init__(self, document: Document, text: str) -> None:
        self.document, self.text = document, text
        self.findings: list[findings.Finding] = []
        self.written: set[int] = set()
        self.expanded = 0

    def build(self, node: Node, path: Path, depth: int) -> Any:
        if id(node) in self.written:
            self.expanded += 1
        self.written.add(id(node))
        if self.expanded > MAX_NODES or depth > MAX_DEPTH:
            if not self.findings:
                self._refuse(node, "An alias that expands to more than 10,000 nodes")
            return None
        self.document.values[path] = self._span(node)
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if kind not in _CORE:
            return self._refuse(node, f"The tag {node.tag}")
        match node:
            case MappingNode():
                return self._mapping(node, path, depth)
            case SequenceNode():
                return [self.build(each, (*path, index), depth + 1) for index, each in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node, kind)
            case _:
                return self._refuse(node, "This node")

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None or key == "<<":
                self._refuse(key_node, "A merge key (<<)" if key else "A key that is not a text")
                continue
            if key in data:
                first = self.document.keys[(*path, key)].line
                self.findings.append(findings.DuplicateKey.at(_at(self.document.file, key_node), key=key, first=first))
                continue
            self.document.keys[(*path, key)] = self._span(key_node)
            data[key] = self.build(value_node, (*path, key), depth + 1)
        return data

    def _scalar(self, node: ScalarNode, kind: str) -> Any:
        try:
            match kind:
                case "int":
                    text = node.value.replace("_", "")
                    return int(text, 0) if text.lower().lstrip("+-").startswith(("0x", "0o")) else int(text)
                case "float":
                    return float(node.value.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
                case "bool":
                    return node.value.lower() == "true"
                case "null":
                    return None
                case _:
                    return node.value
        except ValueError:
            return node.value

    def _span(self, node: Node) -> Span:
        start, end = node.start_mark, node.end_mark
        if isinstance(node, ScalarNode):
            return Span(start.line + 1, start.column + 1, self.text[start.index : end.index], node.style or "")
        return Span(start.line + 1, start.column + 1)

    def _refuse(self, node: Node, detail: str) -> None:
        self.findings.append(findings.NotAllowed.at(_at(self.document.file, node), detail=detail))


def _at(file: str, node: Node) -> findings.Place:
    return findings.Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _content_start(span: Span) -> int:
    """Where the text itself starts: after the quote, or on the line after `|` or `>`."""
    if span.style in ("|", ">"):
        return span.source.find("\n") + 1
    return 1 if span.style in ("'", '"') else 0


def _too_deep(text: str) -> bool:
    depth = deepest = 0
    for character in re.findall(r"[\[\]{}]", text):
        depth += 1 if character in "[{" else -1
        deepest = max(deepest, depth)
    # Block nesting: `- - - -` and deep indentation both need at least one column a level.
    dashes = max((len(found) // 2 for found in re.findall(r"(?m)^\s*((?:- )+)", text)), default=0)
    indent = max((len(found) for found in re.findall(r"(?m)^( +)\S", text)), default=0)
    return deepest > 2 * MAX_DEPTH or dashes > MAX_DEPTH or indent > 40 * MAX_DEPTH
