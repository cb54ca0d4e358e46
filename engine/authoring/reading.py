"""The reads of a CEL expression: the paths in it, and the lists that it goes through.

Called by `expressions.py`, with the syntax tree, before anything is evaluated; knows nothing of values.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from engine.authoring import findings, names, suggestions, syntax

Path = tuple[str, ...]

FIELDS: Final = ("id", "type", "source", "subject", "time", "data")
"""The fields of an event."""

_ARITHMETIC: Final = frozenset({"_+_", "_-_", "_*_", "_/_", "-_"})


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """A path that an expression reads, with the offset of each part."""

    path: Path
    offsets: tuple[int, ...]
    variable: str
    """What CEL is given for it: `event.data`, `profile`, …"""
    rest: Path
    """The fields below the variable."""
    tested: bool = False
    """Whether it was written as `has(…)`, which asks whether the last part is there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """What a `map` or `filter` goes through: a path, or (None) something of which nothing is known."""

    offset: int
    use: Use | None


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What one expression reads. `direct`: it is nothing but this path."""

    uses: tuple[Use, ...]
    ranges: tuple[Range, ...]
    direct: Use | None
    functions: frozenset[str]
    doubles: tuple[Path, ...]
    """Traits that stand in arithmetic with a double, and so are to be doubles."""


def read(root: syntax.Node) -> Reading:
    """All that the expression reads."""
    uses: dict[tuple[Path, tuple[int, ...]], Use] = {}
    ranges: list[Range] = []
    functions: set[str] = set()
    doubles: dict[Path, None] = {}
    for node, own in nodes(root, frozenset()):
        if isinstance(node, syntax.Call):
            functions.add(node.function)
            doubles |= dict.fromkeys(_doubles(node, own))
        elif isinstance(node, syntax.Comprehension) and isinstance(node.start, syntax.Group):
            ranges.extend(_ranges(node.range, own))
        use = _use(node, own)
        if use is not None:
            uses[use.path, use.offsets] = use
    whole = _use(root, frozenset())
    direct = whole if whole is not None and not getattr(root, "test", False) else None
    return Reading(tuple(uses.values()), tuple(ranges), direct, frozenset(functions), tuple(doubles))


def nodes(node: syntax.Node, own: frozenset[str] = frozenset()) -> Iterator[tuple[syntax.Node, frozenset[str]]]:
    """The nodes with the names that comprehensions around them made; a path counts as one node."""
    yield node, own
    match node:
        case syntax.Comprehension():
            yield from nodes(node.range, own)
            yield from nodes(node.start, own)
            for part in node.inner:
                yield from nodes(part, own | node.own)
        case syntax.Group(parts=parts):
            for part in parts:
                yield from nodes(part, own)
        case syntax.Select(operand=operand) if _use(node, own) is None:
            yield from nodes(operand, own)
        case syntax.Call(arguments=arguments) if _use(node, own) is None:
            for part in arguments:
                yield from nodes(part, own)


def _use(node: syntax.Node, own: frozenset[str]) -> Use | None:
    """The path that the node is: a name with fields after dots or in brackets as text."""
    parts: list[tuple[str, int, bool]] = []
    whole = node
    while True:
        match node:
            case syntax.Name(name=name) if name not in own:
                parts.append((name.lstrip("."), node.offset, True))
                break
            case syntax.Select(operand=operand, field=field, test=test):
                parts.append((field, node.offset + 1, not test))
                node = operand
            case syntax.Call(function=syntax.INDEX, arguments=(operand, syntax.Literal(text=str(text), offset=offset))):
                parts.append((text, offset, False))
                node = operand
            case _:
                return None
    parts.reverse()
    path = tuple(name for name, _, _ in parts)
    # A field of an event is a variable of its own, because only a variable can be a timestamp to this binding.
    own_variable = path[0] in ("event", "entry") and len(path) > 1 and parts[1][2] and path[1] in FIELDS
    depth = 2 if own_variable else 1
    tested = isinstance(whole, syntax.Select) and whole.test
    return Use(path, tuple(offset for _, offset, _ in parts), ".".join(path[:depth]), path[depth:], tested)


def path_of(node: syntax.Node) -> Use | None:
    """The path that a node is, outside of any comprehension; None if it is none."""
    return _use(node, frozenset())


def _doubles(node: syntax.Call, own: frozenset[str]) -> Iterator[Path]:
    if node.function in _ARITHMETIC and any(_is_double(part) for part in node.arguments):
        for part in node.arguments:
            use = _use(part, own)
            if use is not None and use.path[0] == "traits" and len(use.path) > 1:
                yield use.rest


def _is_double(node: syntax.Node) -> bool:
    match node:
        case syntax.Literal(number=number):
            return isinstance(number, float)
        case syntax.Call(function=function, arguments=arguments):
            return function == "double" or (function in _ARITHMETIC and any(_is_double(part) for part in arguments))
    return False


def renamed(text: str, reads: Reading, fields: Collection[str]) -> str:
    """The expression with `traits.field` as `trait_field_` for each of the fields, but where has() asks for it."""
    spans = {}
    for use in reads.uses:
        if use.path[0] == "traits" and len(use.path) > 1 and use.path[1] in fields and not (use.tested and len(use.path) == 2):
            end = text.index(use.path[1], use.offsets[1]) + len(use.path[1])
            if text[use.offsets[1]] in "\"'":
                end = text.index("]", end) + 1
            spans[use.offsets[0]] = (end, f"trait_{use.path[1]}_")
    for start in sorted(spans, reverse=True):
        end, name = spans[start]
        text = text[:start] + name + text[end:]
    return text


def _ranges(node: syntax.Node, own: frozenset[str]) -> Iterator[Range]:
    """The list that is gone through, unless it is one for sure: the fields of an object come in no order."""
    if isinstance(node, syntax.Comprehension) and isinstance(node.start, syntax.Group):
        return
    if isinstance(node, syntax.Group) and node.is_list:
        return
    yield Range(node.offset, _use(node, own))


def unknown(uses: Iterable[Use], known: names.Known) -> Iterator[findings.Problem]:
    """Names and fields that do not exist."""
    for use in uses:
        index = names.unknown(use.path, known)
        if index is not None:
            details = {
                "name": ".".join(use.path[: index + 1]),
                "where": " here" if index == 0 and names.advice(use.path, index, known) else "",
                "known": suggestions.Later(names.told, use.path, index, known),
            }
            yield findings.Problem(use.offsets[index], findings.UnknownName, details)
        elif use.variable in ("event", "entry"):
            # Whole, or in brackets: its time could not be a timestamp then.
            details = {"name": use.variable, "where": " as a value", "known": f"Name its field: {use.variable}.data."}
            yield findings.Problem(use.offsets[0], findings.UnknownName, details)


def unordered(ranges: Iterable[Range]) -> Iterator[findings.Problem]:
    """A `map` or `filter` over something that may be an object."""
    return (findings.Problem(each.offset, findings.NoOrder, {}) for each in ranges if each.use is None)
