"""CEL: the one module that knows `cel_expr_python`. It compiles expressions once and evaluates them over a scope.

Names are bound by their dotted paths (`event.data`, `consent.marketing.any`), so that a misspelt one is an error of the
type checker, and an evaluation converts only what the expression reads. Google's runtime is the judge of every meaning.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from cel_expr_python import cel

from engine.core import actions, definition, errors, scope

_STRINGS: Final = re.compile(r"""r?("{3}.*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", re.DOTALL)
_NAME: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")

_EVENT: Final = {
    "id": cel.Type.STRING,
    "type": cel.Type.STRING,
    "source": cel.Type.STRING,
    "subject": cel.Type.STRING,
    "time": cel.Type.TIMESTAMP,
    "data": cel.Type.DYN,
}
_TEXTS: Final = {"journey": ("name", "title", "owner", "purpose"), "policy": ("timezone", "language")}
_DECLARED: Final[Mapping[str, Any]] = {
    "profile": cel.Type.DYN,
    "now": cel.Type.TIMESTAMP,
    "steps": cel.Type.Map(cel.Type.STRING, cel.Type.Map(cel.Type.STRING, cel.Type.STRING)),
    **{f"{root}.{field}": type_ for root in ("event", "entry") for field, type_ in _EVENT.items()},
    **{f"{root}.{field}": cel.Type.STRING for root, fields in _TEXTS.items() for field in fields},
    **{f"consent.{p}.{c}": cel.Type.BOOL for p in definition.PURPOSES for c in (*actions.CHANNELS, "any")},
}
_ERROR_PLACE: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")


class NotCel(errors.DalangError):
    """This is not a CEL expression that fits here."""

    code = "DLG202"
    hint = ""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class _Program(msgspec.Struct, frozen=True):
    """A compiled expression with the declared names that it reads."""

    run: Callable[..., Any]
    bound: tuple[str, ...]


_environment: Final = cel.NewEnv(variables=dict(_DECLARED))


def roots(text: str) -> tuple[str, ...]:
    """The names of a scope that an expression uses, in the scope's order."""
    used = {path.split(".")[0] for path in paths(text)}
    return tuple(name for name in scope.NAMES if name in used)


def paths(text: str) -> tuple[str, ...]:
    """The dotted names in an expression, texts in quotes left out: `event.data.total`."""
    return tuple(dict.fromkeys(_NAME.findall(_STRINGS.sub("''", text))))


def compiled(text: str, *, condition: bool = False) -> Any:
    """The compiled expression; `NotCel` with the offset of the offending character if it is none."""
    try:
        expression = _environment.compile(text)
    except RuntimeError as exc:
        found = _ERROR_PLACE.search(str(exc))
        if found is None:
            raise NotCel(str(exc).split("\n")[0], 0) from None
        told = found[3].split(" (in container")[0]
        raise NotCel(told, _offending(text, told, _offset(text, int(found[1]), int(found[2])))) from None
    if condition and expression.return_type().name() not in ("BOOL", "DYN"):
        kind = expression.return_type().name().lower()
        raise NotCel(f"a condition must be true or false, this gives a {kind}", 0)
    return expression


class CelExpressions:
    """The port of the core, by CEL. Compiles each text once; one activation serves all conditions of a scope."""

    def __init__(self) -> None:
        self._programs: dict[str, _Program] = {}

    def evaluate(self, expression: definition.Expression, names: scope.Scope) -> Any:
        """The value as plain Python; whatever CEL calls an error, a missing field first of all, is `EvaluationError`."""
        program = self._programs.get(expression.text) or self._compile(expression.text)
        if names.memo is None:
            names.memo = {}
        activation = names.memo.get(program.bound)
        try:
            if activation is None:
                activation = _environment.Activation(_bindings(program.bound, names))
                names.memo[program.bound] = activation
            value = program.run(activation)
            if value.type() != cel.Type.ERROR:
                return value.plain_value()
            told = str(value.value())
        except Exception as exc:  # noqa: BLE001 - the binding raises several kinds; all mean that there is no value
            told = str(exc)
        raise errors.EvaluationError(told.split("\n")[0].strip()) from None

    def inputs(self, expression: definition.Expression, names: scope.Scope) -> Mapping[str, Any]:
        """Each dotted path that the expression reads with its value, where it has one."""
        found: dict[str, Any] = {}
        for path in paths(expression.text):
            root, *fields = path.split(".")
            if root in expression.names:
                value = names.value(root)
                for field in fields:
                    value = value.get(field) if isinstance(value, Mapping) else None
                found[path] = value
        return found

    def _compile(self, text: str) -> _Program:
        used = paths(text)
        bound = tuple(name for name in _DECLARED if any(path == name or path.startswith(name + ".") for path in used))
        program = _Program(compiled(text).eval, bound)
        self._programs[text] = program
        return program


def _bindings(bound: tuple[str, ...], names: scope.Scope) -> dict[str, Any]:
    """The values of the declared names that exist now; CEL tells of the others itself."""
    values: dict[str, Any] = {}
    for name in bound:
        root, *fields = name.split(".")
        value = names.value(root)
        for field in fields:
            value = None if value is None else value.get(field)
        if value is not None:
            values[name] = value
    return values


def _offset(text: str, line: int, column: int) -> int:
    before = text.split("\n")[: line - 1]
    return min(sum(len(each) + 1 for each in before) + column - 1, max(len(text) - 1, 0))


def _offending(text: str, told: str, offset: int) -> int:
    """CEL points at the last dot of an undeclared name; the part of it that is wrong is the first that is not declared."""
    undeclared = re.fullmatch(r"undeclared reference to '([\w.]+)'", told)
    if undeclared is None:
        return offset
    start = max(text.rfind(undeclared[1], 0, offset + len(undeclared[1])), 0)
    known = ""
    for part in undeclared[1].split("."):
        if not any(name.startswith(f"{known}{part}.") or name == f"{known}{part}" for name in _DECLARED):
            break
        known += f"{part}."
    return start + len(known)
