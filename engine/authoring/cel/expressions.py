"""Expressions in CEL, checked, compiled and evaluated.

The decider evaluates expressions with `CelExpressions`, the linter calls `check`, and the compiler calls `compiled`. Each
expression is compiled once, at its first evaluation. To save time, CEL receives only the fields that the expression reads, not
the whole event. The value of an expression that is a single path, such as `profile.phone`, is looked up without CEL; the result
is the same.
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
    """An expression that is ready to be evaluated; `program` is CEL's compiled form.

    `bindings` has a tuple for each CEL variable: its name, the function that gets its value from a scope, and the fields that CEL
    receives (None: the whole value). `lists` are the paths that a `map` or `filter` loops over. `fetch` is a function that looks
    up the value without CEL; only an expression that is a single path has this function. `clocked` is True if the expression
    calls `days_since` or `local_hour`.
    """

    program: Any
    reads: field_reads.Reading
    bindings: tuple[tuple[str, Callable[[expression_scope.Scope], Any], _TREE | None], ...]
    lists: tuple[field_reads.Use, ...]
    fetch: Callable[[expression_scope.Scope], Any] | None
    shortcuts: fast_conditions.Shortcuts | None
    traits: bool
    """True if the expression reads traits.

    Such an expression may need another program at each evaluation: the value of a trait may be a time, and CEL's Python binding
    accepts a time only as a variable that is declared with this type.
    """
    clocked: bool


class CelExpressions:
    """The implementation of the port `ports.Expressions` with CEL."""

    def __init__(self) -> None:
        self._compiled: dict[str, _Compiled] = {}
        self._clock = environment.Clock()
        self._environment = environment.make(self._clock)
        self._timed: dict[tuple[str, ...], Any] = {}
        self._screens: dict[str, ports.Screen | None] = {}

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        """Return the value of an expression as a Python value; a time is a datetime in UTC.

        `names` is the scope with the values of the expression's variables. Raises `errors.EvaluationError` if the expression has
        no value, for example because a field is missing.
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
        """Return the paths that the expression reads, with their values in the scope `names`: `{"event.data.total": 275000}`.

        A path to a missing field is left out.
        """
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
        """Return a function that takes an event, and returns True if the condition is certainly false for this event.

        The engine calls the function to skip events that cannot have an effect. The result is None if no part of the condition
        can be evaluated from the event alone.
        """
        if condition.text not in self._screens:
            try:
                short = fast_conditions.of(tree(condition.text), _of_event)
            except RuntimeError:
                short = None  # the text is not a valid expression; `evaluate` will raise an error for it
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
        """Return the CEL program for this evaluation, in which each trait with a time as its value is a typed variable.

        For such a trait, the method adds the variable `trait_<name>_` to `data`, and the program reads this variable instead of
        `traits.<name>`. In the mapping `data["traits"]`, the time is replaced by its RFC 3339 text.
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
    """Return an expression in its form for a bundle: its text, its path in the YAML, and the scope names that it uses."""
    return definition.Expression(text, positions.shown(path), roots(text))


def roots(text: str) -> tuple[str, ...]:
    """Return the scope names that an expression uses, sorted: `("event", "profile")`.

    For an invalid expression the result is empty; `check` reports such an expression.
    """
    try:
        return tuple(sorted({use.path[0] for use in _read(text).uses}))
    except RuntimeError:
        return ()


def paths(text: str) -> tuple[field_reads.Path, ...]:
    """Return the paths that an expression reads, such as `("event", "data", "total")` for `event.data.total`.

    For an invalid expression the result is empty; `check` reports such an expression.
    """
    try:
        return tuple(use.path for use in _read(text).uses)
    except RuntimeError:
        return ()


def fields_of(text: str, name: str) -> tuple[str, ...] | None:
    """Return the fields that an expression reads below one scope name, sorted; None if the expression reads the whole value.

    For the expression `traits.orders > traits.limit` and the name `traits`, the result is `("limit", "orders")`.
    """
    uses = [use for use in _read(text).uses if use.path[0] == name]
    return tuple(sorted({use.path[1] for use in uses})) if all(len(use.path) > 1 for use in uses) else None


def kind(text: str, known: declared_names.Tree) -> str:
    """Return CEL's name for the type of an expression's result, such as `BOOL`; `DYN` if the type cannot be known.

    `known` has the names that the expression may use, with the kinds of their values.
    """
    try:
        return str(_environment(known.kinds, frozenset()).compile(text).return_type().name()).split("<")[0]
    except RuntimeError:
        return "DYN"


def check(text: str, known: declared_names.Tree, wanted: fields.Wanted) -> Iterator[findings.Problem]:
    """Yield every problem of an expression that can be found without the data of a customer.

    `known` has the names that the expression may use, and `wanted` is the kind of value that it has to return.
    """
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
        # A path inside has() must not be declared as a variable: CEL would then read the value of the variable, instead of
        # checking that the field exists.
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


# Functions that fetch the values of an expression's variables from a scope.


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
    """Return the function that fetches the value of a CEL variable from a scope.

    `tree` has the fields that CEL receives. For the variable `traits`, the function computes only the traits in `tree`.
    """
    if name != "traits" or tree is None:
        return _GETTERS[name]
    wanted = frozenset(tree)
    return lambda names: names.traits(wanted)


def _bound(compiled: _Compiled, names: expression_scope.Scope) -> dict[str, Any]:
    """Return the values that CEL receives for one evaluation, as `{variable: value}`.

    Raises ValueError if a `map` or `filter` loops over an object, because CEL loops over the fields of an object in a different
    order each time.
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
    """Add the path `name`, `rest` to `trees`, which has the fields that CEL will receive: `{"event.data": {"total": None}}`.

    None means that CEL receives the whole value. Then no field below this value is added.
    """
    if name in trees and trees[name] is None:
        return
    if not rest:
        trees[name] = None
    else:
        _grow(trees.setdefault(name, {}), rest[0], rest[1:])


def _double(value: Any, path: field_reads.Path) -> Any:
    """Return the value with the whole number at `path` inside it converted to a double.

    CEL cannot calculate with a whole number and a double together. A trait that is a sum over events is a whole number for one
    customer and a double for another (docs/semantics.md#numeric-traits-compare-as-numbers).
    """
    if not path:
        return float(value) if type(value) is int else value
    if type(value) is not dict or path[0] not in value:
        return value
    return {**value, path[0]: _double(value[path[0]], path[1:])}


def _fetched(use: field_reads.Use) -> Callable[[expression_scope.Scope], Any] | None:
    """Return the function that fetches the value of a path from a scope.

    The result is None for the whole `event` or `entry`, and for a path that begins with an unknown name.
    """
    if use.variable == "traits" and use.rest:
        wanted = use.rest[:1]
        return _below(lambda names: names.traits(wanted), use.rest)
    get = _GETTERS.get(use.variable)
    return None if get is None else _below(get, use.rest)


def _of_event(use: field_reads.Use) -> Callable[[inputs.Event], Any] | None:
    """Return the function that fetches the value of a path from an event; None if the path is not a field of `event`."""
    of, _, name = use.variable.partition(".")
    return _below(operator.attrgetter(name), use.rest) if of == "event" and name else None


def _below(get: Callable[[Any], Any], rest: field_reads.Path) -> Callable[[Any], Any]:
    """Return a function that calls `get`, and then follows the field names `rest` inside the value that `get` returns.

    The function returns `_ABSENT` if a field is missing.
    """
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


# Functions that call CEL, with a cache.


def tree(text: str) -> syntax_tree.Node:
    """Return the syntax tree of an expression; raises RuntimeError if the text is not a valid CEL expression."""
    return syntax_tree.decode(_checking.compile(text, disable_check=True).serialize())


@functools.lru_cache(maxsize=10_000)
def _read(text: str) -> field_reads.Reading:
    return field_reads.read(tree(text))


@functools.lru_cache(maxsize=64)
def _environment(kinds: declared_names.Kinds, tested: frozenset[str]) -> Any:
    return environment.make(environment.Clock(), (each for each in kinds.paths if each[0] not in tested))


_checking: Final = environment.make(environment.Clock())
