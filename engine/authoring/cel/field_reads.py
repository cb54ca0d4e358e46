"""The paths that a CEL expression reads, such as `event.data.total`, and the lists that its macros loop over.

`expressions.py`, `constants.py`, `change_moments.py` and `fast_conditions.py` call this module with the syntax tree of an
expression. Only the text of the expression is examined here, never the value of a field.
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
    """One path in an expression.

    `path` has the parts of the path: `("event", "data", "total")` for `event.data.total`. `offsets` has the position of each part
    in the text of the expression, in characters.
    """

    path: Path
    offsets: tuple[int, ...]
    variable: str
    """The CEL variable that contains the value: `event.data` for the path `event.data.total`, `profile` for `profile.name`."""
    rest: Path
    """The parts of the path after the variable: `("total",)` for the path `event.data.total`."""
    tested: bool = False
    """True if the path is the argument of `has(…)`, which checks that a field exists and does not read its value."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """The value that a `map` or `filter` loops over.

    `use` is the path of the value; None if the value is not a path. `offset` is its position in the text of the expression.
    """

    offset: int
    use: Use | None


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """Everything that one expression reads.

    `uses` are its paths, `ranges` the values that its macros `map` and `filter` loop over, and `functions` the names of its
    functions and operators. `direct` is the path if the whole expression is a single path; otherwise None.
    """

    uses: tuple[Use, ...]
    ranges: tuple[Range, ...]
    direct: Use | None
    functions: frozenset[str]
    doubles: tuple[Path, ...]
    """The traits that the expression combines with a double by `+`, `-`, `*` or `/`, as paths below `traits`: `("spend",)`.

    CEL cannot calculate with a whole number and a double together, so the values of these traits have to be doubles.
    """


def read(root: syntax_tree.Node) -> Reading:
    """Return the paths, lists and functions of the expression with the syntax tree `root`."""
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
    """Yield each node of a syntax tree, with the variable names that the macros around the node define.

    In `event.data.items.all(x, x > 0)`, the macro `all` defines the name `x` for `x > 0`. A path such as `event.data.total` is
    yielded as one node, without its parts. `own` are the names that are defined around the given node.
    """
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
    """Return the path that a node forms, such as `event.data.total` or `event.data["total"]`; None if the node is not a path.

    `own` are the names that macros around the node define. A path never begins with such a name.
    """
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
    # Each field of an event, such as `event.time`, is a separate CEL variable, because this Python binding of CEL accepts a
    # timestamp only as a whole variable, not as a field of one.
    own_variable = path[0] in ("event", "entry") and len(path) > 1 and parts[1][2] and path[1] in FIELDS
    depth = 2 if own_variable else 1
    tested = isinstance(whole, syntax_tree.Select) and whole.test
    return Use(path, tuple(offset for _, offset, _ in parts), ".".join(path[:depth]), path[depth:], tested)


def path_of(node: syntax_tree.Node) -> Use | None:
    """Return the path that a node forms, such as `event.data.total`; None if the node is not a path.

    The node must not stand inside a macro such as `map`: the macro's own variable would look like a path.
    """
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
    """Return the text of an expression with `traits.<field>` replaced by the variable `trait_<field>_`, for each of `fields`.

    `reads` are the paths of the expression. `has(traits.<field>)` is not replaced, because has() takes a field, not a variable.
    """
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
    """Yield the value that a `map` or `filter` loops over, unless the value is certainly a list.

    The value is checked later. An object would be an error, because the fields of an object have no order.
    """
    if isinstance(node, syntax_tree.Comprehension) and isinstance(node.start, syntax_tree.Group):
        return
    if isinstance(node, syntax_tree.Group) and node.is_list:
        return
    yield Range(node.offset, _use(node, own))


def unknown(uses: Iterable[Use], known: declared_names.Known) -> Iterator[findings.Problem]:
    """Yield a problem for each path with a name or field that does not exist.

    `known` has the names that the expression may use. A path that is the whole `event` or `entry` is also a problem, because CEL
    receives only the fields of an event.
    """
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
            # The path is the whole event, or its field is in brackets: `event["time"]`. CEL could not treat the time of such an
            # event as a timestamp.
            details = {"name": use.variable, "where": " as a value", "known": f"Name its field: {use.variable}.data."}
            yield findings.Problem(use.offsets[0], findings.UnknownName, details)


def unordered(ranges: Iterable[Range]) -> Iterator[findings.Problem]:
    """Yield a problem for each `map` or `filter` over a value that may be an object, because an object's fields have no order.

    A path is not a problem here: `expressions.py` checks its value at every evaluation.
    """
    return (findings.Problem(each.offset, findings.NoOrder, {}) for each in ranges if each.use is None)
