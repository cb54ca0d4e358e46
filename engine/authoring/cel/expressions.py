"""Expressions in CEL, evaluated by Google's runtime.

The decider evaluates with `CelExpressions`, and the linter calls `check`. An expression is compiled once. For speed, CEL gets
only the fields that an expression reads, not the whole event. A bare path (`profile.phone`) is looked up without CEL, with the
same result.
"""

import dataclasses
import datetime
import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.authoring import public_calendars
from engine.authoring.cel import constants, environment, fast_conditions, field_reads, runtime_errors, syntax_tree
from engine.authoring.files import positions
from engine.authoring.findings import findings
from engine.authoring.language import declared_names, fields
from engine.core import errors
from engine.core.context import expression_scope, ports
from engine.core.model import definition, inputs

_ABSENT: Final = object()
_TREE = dict[str, Any]

_WANTED: Final[Mapping[fields.Wanted, tuple[str, frozenset[str], str]]] = {
    "condition": ("true or false", frozenset({"BOOL", "DYN"}), "Compare it: event.data.total >= 100000."),
    "key": (
        "text or a number",
        frozenset({"STRING", "INT", "UINT", "DOUBLE", "BOOL", "DYN"}),
        "Name what tells one instance from another: event.data.cart_id.",
    ),
    "address": ("text", frozenset({"STRING", "INT", "DYN"}), "Name where the address stands: profile.phone."),
    "number": ("a number", frozenset({"INT", "UINT", "DOUBLE", "DYN"}), "Name a number: event.data.total."),
    "moment": (
        "a timestamp or its text",
        frozenset({"TIMESTAMP", "STRING", "DYN"}),
        "Name where the date stands: entry.data.departs_at.",
    ),
    "value": (
        "a value that can be kept",
        frozenset({"BOOL", "INT", "UINT", "DOUBLE", "STRING", "TIMESTAMP", "LIST", "MAP", "NULL", "DYN"}),
        "A length of time is kept as a number: days_since(entry.time).",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Compiled:
    """A compiled expression.

    `bindings` are its variables, each with the function that gets its value and the fields that CEL needs (None: all). `lists`
    are the paths that a `map` or `filter` iterates over. `fetch` is set for a bare path only, such as `profile.phone`.
    """

    program: Any
    reads: field_reads.Reading
    bindings: tuple[tuple[str, Callable[[expression_scope.Scope], Any], _TREE | None], ...]
    lists: tuple[field_reads.Use, ...]
    fetch: Callable[[expression_scope.Scope], Any] | None
    shortcuts: fast_conditions.Shortcuts | None
    traits: bool
    """True if the expression reads traits. A trait may be a time, and the CEL binding takes times as typed variables only."""
    clocked: bool


class CelExpressions:
    """The port `ports.Expressions`, implemented with CEL."""

    def __init__(self) -> None:
        self._compiled: dict[str, _Compiled] = {}
        self._clock = environment.Clock()
        self._environment = environment.make(self._clock)
        self._timed: dict[tuple[str, ...], Any] = {}
        self._screens: dict[str, ports.Screen | None] = {}

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the value as plain Python, with times as datetimes in UTC.

        Raises `errors.EvaluationError` if the expression has no value.
        """
        compiled = self._compiled.get(expression.text) or self._compile(expression.text)
        if compiled.fetch is not None:
            value = compiled.fetch(names)
            if value is _ABSENT:
                raise errors.EvaluationError(f"{expression.text}: there is no such field.")
            return value
        if compiled.shortcuts is not None:
            known = compiled.shortcuts.answer(names)
            if known is not None:
                return known
        if compiled.clocked:
            self._clock.now, self._clock.zone = names.now, _zone(names)
        try:
            data, program = _bound(compiled, names), compiled.program
            if compiled.traits:
                for path in compiled.reads.doubles:
                    data["traits"] = _double(data["traits"], path)
                program = self._for_times(expression.text, compiled, data)
            result = program.eval(data=data)
            value = result.value()
            if value is True or value is False:
                return value
            kind = result.type()
            if kind != environment.ERROR:
                return result.plain_value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as exc:
            raise errors.EvaluationError(f"{expression.text}: {runtime_errors.sentence(exc)}.") from None
        raise errors.EvaluationError(f"{expression.text}: {runtime_errors.sentence(value)}.")

    def inputs(self, expression: definition.Expression, names: expression_scope.Scope) -> Mapping[str, Any]:
        """Return the fields that the expression reads, with their values; missing fields are left out."""
        compiled = self._compiled.get(expression.text) or self._compile(expression.text)
        found = {}
        for use in compiled.reads.uses:
            if use.variable not in _GETTERS:
                continue
            value = _follow(_GETTERS[use.variable](names), use.rest)
            if value is not _ABSENT:
                found[".".join(use.path)] = value
        return found

    def screen(self, condition: definition.Expression) -> ports.Screen | None:
        """Return a function that returns True if the event alone makes the condition false.

        Return None if no part of the condition compares a field of the event.
        """
        if condition.text not in self._screens:
            try:
                short = fast_conditions.of(tree(condition.text), _of_event)
            except RuntimeError:
                short = None  # the text is no expression: `evaluate` raises for it
            self._screens[condition.text] = None if short is None else _screen(short)
        return self._screens[condition.text]

    def _compile(self, text: str) -> _Compiled:
        try:
            root = tree(text)
            reads = field_reads.read(root)
            program = self._environment.compile(text)
        except RuntimeError as exc:
            raise errors.EvaluationError(f"{text}: {runtime_errors.sentence(exc)}.") from None
        trees: dict[str, _TREE | None] = {}
        for use in reads.uses:
            if use.variable in _GETTERS:
                _grow(trees, use.variable, use.rest)
        bindings = tuple((name, _getter(name, tree), tree) for name, tree in trees.items())
        fetch = None if reads.direct is None else _fetched(reads.direct)
        lists = tuple(each.use for each in reads.ranges if each.use is not None and each.use.variable in _GETTERS)
        traits = any(use.variable == "traits" for use in reads.uses)
        clocked = not reads.functions.isdisjoint(environment.CLOCKED)
        short = fast_conditions.of(root, _fetched)
        self._compiled[text] = compiled = _Compiled(program, reads, bindings, lists, fetch, short, traits, clocked)
        return compiled

    def _for_times(self, text: str, compiled: _Compiled, data: dict[str, Any]) -> Any:
        """Return the program for this evaluation, in which each trait that is a time is a typed variable.

        The value of such a trait is added to `data` as a variable, and the program reads that variable. In `data["traits"]` the
        trait is text.
        """
        held = data["traits"]
        times = {name: each for name, each in held.items() if isinstance(each, datetime.datetime)}
        if not times:
            return compiled.program
        data["traits"] = {**held, **{name: inputs.text(each) for name, each in times.items()}}
        data |= {f"trait_{name}_": each for name, each in times.items()}
        key = (text, *times)
        program = self._timed.get(key)
        if program is None:
            declared = environment.make(self._clock, [(f"trait_{name}_", "time") for name in times])
            self._timed[key] = program = declared.compile(field_reads.renamed(text, compiled.reads, times))
        return program


def _zone(names: expression_scope.Scope) -> datetime.tzinfo:
    zone: datetime.tzinfo | None = getattr(names, "zone", None)
    return zone or _ZONES.zone(names.policy.timezone) or datetime.UTC


_ZONES: Final = public_calendars.Zones()


def compiled(text: str, path: positions.Path) -> definition.Expression:
    """Return the expression in the form that a bundle stores."""
    return definition.Expression(text, positions.shown(path), roots(text))


def roots(text: str) -> tuple[str, ...]:
    """Return the scope names that the expression uses, sorted; none for an invalid expression, which `check` reports."""
    try:
        return tuple(sorted({use.path[0] for use in _read(text).uses}))
    except RuntimeError:
        return ()


def paths(text: str) -> tuple[field_reads.Path, ...]:
    """Return the fields that the expression reads; none for an invalid expression, which `check` reports."""
    try:
        return tuple(use.path for use in _read(text).uses)
    except RuntimeError:
        return ()


def fields_of(text: str, name: str) -> tuple[str, ...] | None:
    """Return the fields of a scope name that the expression uses, sorted; None if it uses the whole value."""
    uses = [use for use in _read(text).uses if use.path[0] == name]
    return tuple(sorted({use.path[1] for use in uses})) if all(len(use.path) > 1 for use in uses) else None


def kind(text: str, known: declared_names.Tree) -> str:
    """Return CEL's name of the type of an expression's value, or DYN if the type is not known."""
    try:
        return str(_environment(known.kinds, frozenset()).compile(text).return_type().name()).split("<")[0]
    except RuntimeError:
        return "DYN"


def check(text: str, known: declared_names.Tree, wanted: fields.Wanted) -> Iterator[findings.Problem]:
    """Yield every problem of an expression that can be found without a customer."""
    try:
        reads = _read(text)
    except RuntimeError as exc:
        yield from runtime_errors.problems(text, exc)
        return
    unknown = [*field_reads.unknown(reads.uses, known), *field_reads.unordered(reads.ranges)]
    if unknown:
        yield from unknown
        return
    try:
        # A path inside has() cannot be a variable of its own: CEL would read the variable as the value.
        tested = frozenset(".".join(use.path) for use in reads.uses if use.tested)
        declared = _environment(known.kinds, tested)
        program = declared.compile(text)
    except RuntimeError as exc:
        yield from runtime_errors.problems(text, exc)
        return
    if not reads.functions.isdisjoint(constants.FUNCTIONS):
        yield from constants.impossible(tree(text), declared)
    needed, types, example = _WANTED[wanted]
    given = program.return_type().name()
    if given.split("<")[0] not in types:
        yield findings.Problem(0, findings.WrongResult, {"given": given.lower(), "wanted": needed, "example": example})


# Values.


def _field(of: str, name: str) -> Callable[[expression_scope.Scope], Any]:
    event_of, value_of = operator.attrgetter(of), operator.attrgetter(name)

    def get(names: expression_scope.Scope) -> Any:
        event = event_of(names)
        return _ABSENT if event is None else value_of(event)

    return get


def _root(name: str) -> Callable[[expression_scope.Scope], Any]:
    return lambda names: names.value(name)


_GETTERS: Final[Mapping[str, Callable[[expression_scope.Scope], Any]]] = {
    **{f"{of}.{name}": _field(of, name) for of in ("event", "entry") for name in field_reads.FIELDS},
    **{name: _root(name) for name in expression_scope.NAMES if name not in ("event", "entry", "profile", "now")},
    "profile": lambda names: names.customer.profile,
    "now": lambda names: names.now,
}


def _getter(name: str, tree: _TREE | None) -> Callable[[expression_scope.Scope], Any]:
    """Return the function that gets a variable's value. It computes only the traits that the expression reads."""
    if name != "traits" or tree is None:
        return _GETTERS[name]
    wanted = frozenset(tree)
    return lambda names: names.traits(wanted)


def _bound(compiled: _Compiled, names: expression_scope.Scope) -> dict[str, Any]:
    """Return the values that CEL gets, as `{variable: value}`.

    Raises ValueError for a `map` or `filter` over an object, because CEL's order of an object's fields is not fixed.
    """
    data = {}
    for name, get, tree in compiled.bindings:
        value = get(names)
        if value is not _ABSENT:
            data[name] = value if tree is None else _picked(value, tree)
    for each in compiled.lists:
        if isinstance(_follow(_GETTERS[each.variable](names), each.rest), dict):
            raise ValueError(f"{'.'.join(each.path)} is an object, whose fields have no order")
    return data


def _picked(value: Any, tree: _TREE) -> Any:
    if type(value) is not dict:
        return value
    return {name: value[name] if below is None else _picked(value[name], below) for name, below in tree.items() if name in value}


def _grow(trees: dict[str, Any], name: str, rest: field_reads.Path) -> None:
    """Add a path to the tree of fields that CEL gets. If a whole value is in the tree, its fields need no entries."""
    if name in trees and trees[name] is None:
        return
    if not rest:
        trees[name] = None
    else:
        _grow(trees.setdefault(name, {}), rest[0], rest[1:])


def _double(value: Any, path: field_reads.Path) -> Any:
    """Return the value with the whole number at the path turned into a double.

    CEL cannot add a whole number and a double, and whether a sum over events is one or the other depends on the events
    (docs/semantics.md#numeric-traits-compare-as-numbers).
    """
    if not path:
        return float(value) if type(value) is int else value
    if type(value) is not dict or path[0] not in value:
        return value
    return {**value, path[0]: _double(value[path[0]], path[1:])}


def _fetched(use: field_reads.Use) -> Callable[[expression_scope.Scope], Any] | None:
    """Return the function that fetches the value of a path from a scope; None if there is none."""
    if use.variable == "traits" and use.rest:
        wanted = use.rest[:1]
        return _below(lambda names: names.traits(wanted), use.rest)
    get = _GETTERS.get(use.variable)
    return None if get is None else _below(get, use.rest)


def _of_event(use: field_reads.Use) -> Callable[[inputs.Event], Any] | None:
    """Return the function that fetches the value of a path from the event alone; None if the path does not read the event."""
    of, _, name = use.variable.partition(".")
    return _below(operator.attrgetter(name), use.rest) if of == "event" and name else None


def _below(get: Callable[[Any], Any], rest: field_reads.Path) -> Callable[[Any], Any]:
    """Return the function that fetches the fields below a value."""
    if not rest:
        return get
    if len(rest) > 1:
        return lambda of: _follow(get(of), rest)
    (name,) = rest

    def one(of: Any) -> Any:
        value = get(of)
        return value.get(name, _ABSENT) if type(value) is dict else _ABSENT

    return one


def _screen(short: fast_conditions.Shortcuts) -> ports.Screen:
    if len(short.parts) > 1:
        return lambda event: short.answer(event) is False
    (part,) = short.parts
    return lambda event: part(event) is False


def _follow(value: Any, path: field_reads.Path) -> Any:
    for name in path:
        if type(value) is not dict or name not in value:
            return _ABSENT
        value = value[name]
    return value


# CEL.


def tree(text: str) -> syntax_tree.Node:
    """Return the syntax tree; raises RuntimeError if the text is not a valid expression."""
    return syntax_tree.decode(_checking.compile(text, disable_check=True).serialize())


@functools.lru_cache(maxsize=10_000)
def _read(text: str) -> field_reads.Reading:
    return field_reads.read(tree(text))


@functools.lru_cache(maxsize=64)
def _environment(kinds: declared_names.Kinds, tested: frozenset[str]) -> Any:
    return environment.make(environment.Clock(), (each for each in kinds.paths if each[0] not in tested))


_checking: Final = environment.make(environment.Clock())
