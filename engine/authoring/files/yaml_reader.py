"""Reader of YAML 1.2 files, which keeps the line and column of every key and value.

Called by `directory_reader.py` for each file, by the linter for a file that is stored in a bundle, and by
`simulated_receipts.py`. The module reads the events of ruamel.yaml and builds the tree itself. It counts the values while it
reads them, and refuses a file at the first value over a limit. So a hostile file cannot fill the memory, for example with aliases
that expand to millions of values. Every fault in a file becomes a finding; no exception is raised.
"""

import dataclasses
import pathlib
import re
import stat
from collections.abc import Iterator
from typing import Any, Final

import ruamel.yaml
import ruamel.yaml.error
import ruamel.yaml.reader
import ruamel.yaml.scanner
from ruamel.yaml import events as yaml_events

from engine.authoring.files import positions
from engine.authoring.findings import findings, unreadable

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 100
MAX_NODES: Final = 50_000
MAX_EXPANDED: Final = 10_000
"""The greatest number of values in a file with aliases; each alias counts as many values as its anchor contains."""
MAX_PLACEHOLDERS: Final = 10_000
"""The greatest number of Liquid placeholders and tags in a file.

The number is limited because the check of a placeholder takes twenty times as long as the check of other text of the same length.
"""

# The words and numbers of YAML 1.2.2, section 10.3.2 (core schema). ruamel's own resolver is not used, because it would also make
# dates.
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,400}", re.ASCII)
_BASED: Final = re.compile(r"0(?:o[0-7]{1,400}|x[0-9a-fA-F]{1,400})", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")
_UNSAFE: Final = re.compile("[\0\ud800-\udfff]")
"""Characters that a file can write as escapes in double quotes, but that UTF-8 or CEL cannot represent."""

# A very long tag is refused before ruamel reads the text. ruamel's time grows with the square of the tag's length: a tag of a
# megabyte takes ten seconds. Shorter tags are refused later.
_LONG_TAG: Final = re.compile(r"(?:^|(?<=[\s\[{,]))!\S{1000}")


_TAB: Final = f"found character {chr(9)!r}"
"""The start of ruamel's message about a tab in the indentation, or before a value."""


class _RefusedError(Exception):
    """The error that ends the reading of a file, with the finding to report; `parse` catches it."""

    def __init__(self, finding: findings.Sighting) -> None:
        super().__init__(finding)
        self.finding = finding


class _TooDeepError(Exception):
    """The error that ends the reading of a file because brackets are nested too deeply at `index`; `parse` catches it."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class _Scanner(ruamel.yaml.scanner.Scanner):
    """A scanner of ruamel that refuses brackets (`[` and `{`) at a deeper level than `MAX_DEPTH`.

    Without the limit, ruamel would be very slow: it looks ahead for a key over a thousand brackets, and examines all open
    brackets at each of them.
    """

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803  # ruamel's name
        if len(self.indents) + self.flow_level >= MAX_DEPTH:
            raise _TooDeepError(self.reader.index)
        super().fetch_flow_collection_start(TokenClass, to_push)


@dataclasses.dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not been read yet.

    `size` is the number of values in it so far. `key` is the key that was read last, until its value is read. `seen` has all keys
    of a mapping so far.
    """

    node: positions.Mapping | positions.Sequence
    anchor: str | None
    size: int = 1
    key: positions.Scalar | None = None
    seen: dict[str, positions.Scalar] = dataclasses.field(default_factory=dict)


def read(root: pathlib.Path, path: pathlib.Path) -> tuple[positions.Document | None, list[findings.Sighting]]:
    """Return the document in the file `path`; None with findings if the file cannot be read, is too large or is not valid YAML.

    Findings name the file relative to `root`. A link is followed only if its target is under `root`. A pipe is never opened.
    """
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    here = findings.Place(shown)
    try:
        target = path.resolve(strict=True)
        if not target.is_relative_to(root.resolve()):
            return None, [unreadable.LinkLeaves.at(here)]
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            return None, [unreadable.Unreadable.at(here, why="it is no regular file")]
        if status.st_size > MAX_BYTES:
            return None, [unreadable.TooLarge.at(here, size=status.st_size, limit=MAX_BYTES)]
        raw = target.read_bytes()
    except (OSError, RuntimeError) as exc:  # a link to itself is a RuntimeError or an OSError, depending on the Python version
        return None, [unreadable.Unreadable.at(here, why=getattr(exc, "strerror", None) or str(exc))]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = exc.object[: exc.start].decode("utf-8-sig", "replace")
        place = positions.Source(shown, before).place(len(before))
        return None, [unreadable.Unreadable.at(place, why=f"the byte {exc.object[exc.start]:#04x} is not UTF-8")]
    return parse(shown, text)


def parse(shown: str, text: str) -> tuple[positions.Document | None, list[findings.Sighting]]:
    """Return the document in a YAML text; None with findings if the text is not valid YAML or is over a limit.

    `shown` is the file name in the findings.
    """
    source = positions.Source(shown, text)
    if long_tag := _LONG_TAG.search(text):
        place = source.place(long_tag.start())
        return None, [unreadable.CustomTag.at(place, tag=long_tag.group()[:20] + "…")]
    reader = _Reader(source)
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    try:
        root = reader.document(yaml.parse(text))
    except _TooDeepError as deep:
        return None, [*reader.found, unreadable.TooDeep.at(source.place(deep.index), limit=MAX_DEPTH)]
    except _RefusedError as refused:
        return None, [*reader.found, refused.finding]
    except ruamel.yaml.error.YAMLError as exc:
        return None, [*reader.found, unreadable.NotYaml.at(_mark_of(exc, source), why=_sentence(exc))]
    # ruamel raises errors of other classes too: the escape \UFFFFFFFF in a text raises OverflowError.
    except Exception as exc:  # noqa: BLE001
        return None, [*reader.found, unreadable.NotYaml.at(findings.Place(shown), why=f"{type(exc).__name__}, {exc}")]
    if reader.found:
        return None, reader.found
    return positions.Document(source, root), []


class _Reader:
    """Builder of the tree of one file from the events of ruamel.

    `found` collects the findings, and `open` are the mappings and sequences whose end has not been read yet. `anchors` is
    `{name: (node, number of its values)}`. `pending` are the anchors whose node has not ended. `total` counts the values so far.
    """

    def __init__(self, source: positions.Source) -> None:
        self.source = source
        self.found: list[findings.Sighting] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[positions.Node, int]] = {}
        self.pending: set[str] = set()
        self.total = self.placeholders = 0
        self.aliased = False
        self.root: positions.Node | None = None
        self.documents = 0

    def document(self, events: Iterator[Any]) -> positions.Node | None:
        """Return the root of the tree; None for an empty file.

        Raises _RefusedError if the file contains a second document or is over a limit.
        """
        for event in events:
            match event:
                case yaml_events.DocumentStartEvent():
                    self.documents += 1
                    if self.documents > 1:
                        raise _RefusedError(unreadable.ManyDocuments.at(self._place(event)))
                case yaml_events.ScalarEvent():
                    self._add(self._scalar(event), 1, event.anchor)
                case yaml_events.AliasEvent():
                    self._alias(event)
                case yaml_events.MappingStartEvent():
                    self._begin(positions.Mapping(event.start_mark.index, []), event)
                case yaml_events.SequenceStartEvent():
                    self._begin(positions.Sequence(event.start_mark.index, []), event)
                case yaml_events.MappingEndEvent() | yaml_events.SequenceEndEvent():
                    done = self.open.pop()
                    self.pending.discard(done.anchor or "")
                    self._add(done.node, done.size, done.anchor)
        return self.root

    def _begin(self, node: positions.Mapping | positions.Sequence, event: Any) -> None:
        self._check_tag(event)
        if len(self.open) >= MAX_DEPTH:
            raise _RefusedError(unreadable.TooDeep.at(self._place(event), limit=MAX_DEPTH))
        self._count(1, event)
        if event.anchor:
            self.pending.add(event.anchor)
        self.open.append(_Open(node, event.anchor))

    def _alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if known is None or event.anchor in self.pending:
            why = "holds itself" if event.anchor in self.pending else "is not defined above"
            raise _RefusedError(unreadable.NotYaml.at(self._place(event), why=f"the anchor {event.anchor} {why}"))
        self.aliased = True
        self._count(known[1], event)
        self._add(known[0], known[1], None)

    def _scalar(self, event: Any) -> positions.Scalar:
        self._check_tag(event)
        self._count(1, event)
        if _UNSAFE.search(event.value):
            raise _RefusedError(
                unreadable.NotYaml.at(self._place(event), why="text holds no NUL and no half of a surrogate pair")
            )
        self._count_placeholders(event)
        plain = event.style is None and event.ctag is None
        value = _resolve(event.value) if plain else event.value
        # ruamel's start mark points to the anchor or the tag before a text, if there is one. The text starts after both.
        before = _PROPERTIES.match(self.source.text, event.start_mark.index) if event.anchor or event.ctag else None
        start = event.start_mark.index if before is None else before.end()
        return positions.Scalar(start, event.end_mark.index, event.value, value, event.style or "", self.source)

    def _add(self, node: positions.Node, size: int, anchor: str | None) -> None:
        """Add a complete node to the mapping or sequence that contains it; without such a container, the node is the root.

        `size` is the number of values in the node, and `anchor` its anchor.
        """
        if anchor:
            self.anchors[anchor] = (node, size)
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.size += size
        if isinstance(parent.node, positions.Sequence):
            parent.node.items.append(node)
        elif parent.key is None:
            self._key(parent, node)
        else:
            parent.node.entries.append((parent.key, node))
            parent.key = None

    def _key(self, parent: _Open, node: positions.Node) -> None:
        place = self.source.place(node.start)
        if not isinstance(node, positions.Scalar):
            raise _RefusedError(unreadable.ComplexKey.at(place))
        if node.text == "<<" and not node.style:
            self.found.append(unreadable.MergeKey.at(place))
        elif node.text in parent.seen:
            first = self.source.place(parent.seen[node.text].start).line
            self.found.append(unreadable.DuplicateKey.at(place, key=node.text[:60], first=first))
        parent.seen[node.text] = parent.key = node

    def _count(self, size: int, event: Any) -> None:
        self.total += size
        limit = MAX_EXPANDED if self.aliased else MAX_NODES
        if self.total > limit:
            raise _RefusedError(unreadable.TooManyNodes.at(self._place(event), limit=limit))

    def _count_placeholders(self, event: Any) -> None:
        self.placeholders += event.value.count("{{") + event.value.count("{%")
        if self.placeholders > MAX_PLACEHOLDERS:
            raise _RefusedError(unreadable.TooManyPlaceholders.at(self._place(event), limit=MAX_PLACEHOLDERS))

    def _check_tag(self, event: Any) -> None:
        if event.ctag is not None and str(event.ctag) != "tag:yaml.org,2002:str":
            self.found.append(unreadable.CustomTag.at(self._place(event), tag=str(event.ctag)[:60]))

    def _place(self, event: Any) -> findings.Place:
        return self.source.place(event.start_mark.index)


def _resolve(text: str) -> str | int | float | bool | None:
    """Return the value of a text without quotes by the core schema of YAML 1.2: `12` is a whole number, `yes` is text."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    bare = text.lstrip("+-")
    if bare in (".inf", ".Inf", ".INF") and len(text) - len(bare) <= 1:
        return float("-inf" if text[0] == "-" else "inf")
    return float("nan") if text in (".nan", ".NaN", ".NAN") else text


def _mark_of(exc: Any, source: positions.Source) -> findings.Place:
    mark = getattr(exc, "problem_mark", None) or getattr(exc, "context_mark", None)
    if mark is not None:
        return source.place(mark.index)
    position = getattr(exc, "position", None)  # a character that YAML does not allow
    return source.place(position) if isinstance(position, int) else findings.Place(source.file)


def _sentence(exc: Any) -> str:
    if isinstance(exc, ruamel.yaml.reader.ReaderError):
        return f"the character U+{exc.character:04X} is not allowed" if isinstance(exc.character, int) else str(exc.reason)
    if str(getattr(exc, "problem", None)).startswith(_TAB):
        return "a tab stands where only spaces may; use spaces instead of tabs"
    told = [getattr(exc, "problem", None), getattr(exc, "context", None)]
    return ", ".join(part for part in told if part) or type(exc).__name__
