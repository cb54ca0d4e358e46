"""The reads of a CEL expression: the paths of the fields that it reads, and the lists that it iterates over.

Called by `expressions.py` with the syntax tree, before anything is evaluated, and by `constants.py`, `change_moments.py` and
`fast_conditions.py`. No values are read here.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from engine.authoring.cel import syntax_tree
from engine.authoring.findings import findings, suggestions
from engine.authoring.language import declared_names

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
    """The variable that CEL gets for this path, such as `event.data` or `profile`."""
    rest: Path
    """The fields below the variable."""
    tested: bool = False
    """True if the path is the argument of `has(…)`, which is true if the last part exists."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The value that a `map` or `filter` iterates over: its path, or None if it is not a path."""

    offset: int
    use: Use | None


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """The reads of one expression; `direct` is set if the whole expression is one path."""

    uses: tuple[Use, ...]
    ranges: tuple[Range, ...]
    direct: Use | None
    functions: frozenset[str]
    doubles: tuple[Path, ...]
    """Traits in arithmetic with a double. CEL needs them as doubles."""


def read(root: syntax_tree.Node) -> Reading:
    """Return everything that the expression reads."""
    uses: dict[tuple[Path, tuple[int, ...]], Use] = {}
    ranges: list[Range] = []
    functions: set[str] = set()
    doubles: dict[Path, None] = {}
    for node, own in nodes(root, frozenset()):
        if isinstance(node, syntax_tree.Call):
            functions.add(node.function)
            doubles |= dict.fromkeys(_doubles(node, own))
        elif isinstance(node, syntax_tree.Comprehension) and isinstance(node.start, syntax_tree.Group):
            ranges.extend(_ranges(node.range, own))
        use = _use(node, own)
        if use is not None:
            uses[use.path, use.offsets] = use
    whole = _use(root, frozenset())
    direct = whole if whole is not None and not getattr(root, "test", False) else None
    return Reading(tuple(uses.values()), tuple(ranges), direct, frozenset(functions), tuple(doubles))


def nodes(node: syntax_tree.Node, own: frozenset[str] = frozenset()) -> Iterator[tuple[syntax_tree.Node, frozenset[str]]]:
    """Yield the nodes, each with the variables of the comprehensions around it; a path counts as one node."""
    yield node, own
    match node:
        case syntax_tree.Comprehension():
            yield from nodes(node.range, own)
            yield from nodes(node.start, own)
            for part in node.inner:
                yield from nodes(part, own | node.own)
        case syntax_tree.Group(parts=parts):
            for part in parts:
                yield from nodes(part, own)
        case syntax_tree.Select(operand=operand) if _use(node, own) is None:
            yield from nodes(operand, own)
        case syntax_tree.Call(arguments=arguments) if _use(node, own) is None:
            for part in arguments:
                yield from nodes(part, own)


def _use(node: syntax_tree.Node, own: frozenset[str]) -> Use | None:
    """Return the path of a node such as `profile.phone` or `profile["phone"]`; None for any other node."""
    parts: list[tuple[str, int, bool]] = []
    whole = node
    while True:
        match node:
            case syntax_tree.Name(name=name) if name not in own:
                parts.append((name.lstrip("."), node.offset, True))
                break
            case syntax_tree.Select(operand=operand, field=field, test=test):
                parts.append((field, node.offset + 1, not test))
                node = operand
            case syntax_tree.Call(
                function=syntax_tree.INDEX, arguments=(operand, syntax_tree.Literal(text=str(text), offset=offset))
            ):
                parts.append((text, offset, False))
                node = operand
            case _:
                return None
    parts.reverse()
    path = tuple(name for name, _, _ in parts)
    # A field of an event is a variable of its own, because only a variable can be a timestamp to this binding.
    own_variable = path[0] in ("event", "entry") and len(path) > 1 and parts[1][2] and path[1] in FIELDS
    depth = 2 if own_variable else 1
    tested = isinstance(whole, syntax_tree.Select) and whole.test
    return Use(path, tuple(offset for _, offset, _ in parts), ".".join(path[:depth]), path[depth:], tested)


def path_of(node: syntax_tree.Node) -> Use | None:
    """Return the path of a node that is in no comprehension; None if the node is not a path."""
    return _use(node, frozenset())


def _doubles(node: syntax_tree.Call, own: frozenset[str]) -> Iterator[Path]:
    if node.function in _ARITHMETIC and any(_is_double(part) for part in node.arguments):
        for part in node.arguments:
            use = _use(part, own)
            if use is not None and use.path[0] == "traits" and len(use.path) > 1:
                yield use.rest


def _is_double(node: syntax_tree.Node) -> bool:
    match node:
        case syntax_tree.Literal(number=number):
            return isinstance(number, float)
        case syntax_tree.Call(function=function, arguments=arguments):
            return function == "double" or (function in _ARITHMETIC and any(_is_double(part) for part in arguments))
    return False


def renamed(text: str, reads: Reading, fields: Collection[str]) -> str:
    """Return the expression with `traits.field` renamed to `trait_field_` for each of the fields, but not inside has()."""
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


def _ranges(node: syntax_tree.Node, own: frozenset[str]) -> Iterator[Range]:
    """Yield the value that a comprehension iterates over, unless it is certainly a list.

    If the value is an object, the result is not defined, because the fields of an object have no order.
    """
    if isinstance(node, syntax_tree.Comprehension) and isinstance(node.start, syntax_tree.Group):
        return
    if isinstance(node, syntax_tree.Group) and node.is_list:
        return
    yield Range(node.offset, _use(node, own))


def unknown(uses: Iterable[Use], known: declared_names.Known) -> Iterator[findings.Problem]:
    """Yield a problem for each name or field that does not exist."""
    for use in uses:
        index = declared_names.unknown(use.path, known)
        if index is not None:
            details = {
                "name": ".".join(use.path[: index + 1]),
                "where": " here" if index == 0 and declared_names.advice(use.path, index, known) else "",
                "known": suggestions.Later(declared_names.told, use.path, index, known),
            }
            yield findings.Problem(use.offsets[index], findings.UnknownName, details)
        elif use.variable in ("event", "entry"):
            # The whole event, or a field in brackets: its time could not be a timestamp then.
            details = {"name": use.variable, "where": " as a value", "known": f"Name its field: {use.variable}.data."}
            yield findings.Problem(use.offsets[0], findings.UnknownName, details)


def unordered(ranges: Iterable[Range]) -> Iterator[findings.Problem]:
    """Yield a problem for each `map` or `filter` over something that may be an object."""
    return (findings.Problem(each.offset, findings.NoOrder, {}) for each in ranges if each.use is None)
