"""Templates in Liquid, rendered by python-liquid.

The decider renders with `LiquidTemplates`, and the linter calls `check` and `paths`. A check is strict. Rendering is lenient:
a missing field renders empty and is listed. A text is compiled once. `renderer.py` holds the rules of rendering.
"""

import datetime
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import liquid
from liquid import exceptions, token
from liquid.builtin import expressions

from engine.authoring.findings import findings, suggestions
from engine.authoring.language import declared_names
from engine.authoring.liquid import filters, renderer
from engine.core.context import expression_scope, ports
from engine.core.model import channels

_FIELDS: Final = [(channel.name, field) for channel in channels.TABLE for body in channel.bodies for field in body.fields]
_HTML: Final = frozenset((name, field.name) for name, field in _FIELDS if field.html)
"""The texts whose placeholders are escaped for HTML, as (channel, key of the body)."""
_ONE_LINE: Final = frozenset((name, field.name) for name, field in _FIELDS if field.one_line)
"""The texts that are made one line, as (channel, key of the body)."""


class LiquidTemplates:
    """The port `ports.Templates`, implemented with Liquid."""

    def __init__(self) -> None:
        self._plain = renderer.Environment(autoescape=False)
        self._html = renderer.Environment(autoescape=True)

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> ports.Rendered | None:
        """Render the body for one channel in the first of `languages` that has it; None if no language has one.

        `bodies` is `{language: {channel: body}}`.
        """
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                missing: dict[str, None] = {}
                rendering = renderer.Rendering(names, language, missing)
                content = {}
                for key, value in body.items():
                    filled = self._filled(self._html if (channel, key) in _HTML else self._plain, value, rendering)
                    content[key] = _line(filled) if (channel, key) in _ONE_LINE else filled
                return ports.Rendered(language, content, tuple(missing))
        return None

    def _filled(self, environment: renderer.Environment, value: Any, rendering: renderer.Rendering) -> Any:
        match value:
            case str():
                return environment.filled(value, rendering)
            case dict():
                return {key: self._filled(environment, each, rendering) for key, each in value.items()}
            case list():
                return [self._filled(environment, each, rendering) for each in value]
        return value


def _line(filled: object) -> object:
    """Return the text, or each text of a list, as one line, with one space for each run of white space."""
    return [_line(each) for each in filled] if isinstance(filled, list) else " ".join(str(filled).split())


_OPEN: Final = re.compile(r"\{[{%]")
_LONGEST: Final = 5_000
_GAP: Final = re.compile(r"\s{50}")
_checking: Final = renderer.Environment(autoescape=False)
_nothing: Final = liquid.RenderContext(_checking.from_string(""))


def check(text: str, known: declared_names.Known) -> Iterator[findings.Problem]:
    """Yield every problem of a Liquid text that can be found without a customer."""
    try:
        template, analysis = _parsed(text)
    except exceptions.LiquidError as exc:
        yield findings.Problem(_offset(exc, text), findings.BadTemplate, {"why": _why(exc)})
        return
    for name, spans in analysis.filters.items():
        if name not in _checking.filters:
            details = {"name": name, "known": suggestions.later(name, _checking.filters)}
            yield from (findings.Problem(span.index, findings.UnknownFilter, details) for span in spans)
    for expression in _filtered(template.nodes):
        yield from _misused(expression)
    for variables in analysis.globals.values():
        for variable in variables:
            yield from _unknown(_path(variable), variable.span.index, known)


def paths(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the fields that a text names, each with its offset.

    A path ends before an index, and before a field whose name is computed. An invalid template gives no paths; `check` reports
    it.
    """
    try:
        analysis = _parsed(text)[1]
    except exceptions.LiquidError:
        return
    for variables in analysis.globals.values():
        yield from ((_path(variable), variable.span.index) for variable in variables)


def plain(text: str) -> str:
    """Return the text without its placeholders and tags."""
    return blank(text, "")


def blank(text: str, by: str = "\n") -> str:
    """Return the text with each character of its placeholders and tags replaced by a line break; all offsets stay the same."""
    parts: list[str] = []
    done = 0
    for start, end in _spans(text):
        parts += text[done:start], by * (end - start)
        done = end
    return "".join((*parts, text[done:]))


@functools.lru_cache(1024)  # `check` and `paths` read the same texts
def _parsed(text: str) -> tuple[liquid.BoundTemplate, Any]:
    _bound(text)
    template = _checking.from_string(text)
    return template, template.analyze(include_partials=False)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each placeholder and tag; one that is never closed ends with the text."""
    at = 0
    while (opened := _OPEN.search(text, at)) is not None:
        closed = text.find("}}" if opened.group() == "{{" else "%}", opened.end())
        at = len(text) if closed < 0 else closed + 2
        yield opened.start(), at


def _bound(text: str) -> None:
    """Raise LiquidSyntaxError for markup that Liquid's parser would need minutes for: long runs of white space."""
    for start, end in _spans(text):
        markup = text[start:end]
        if len(markup) > _LONGEST or _GAP.search(markup):
            what = f"it is longer than {_LONGEST:,} characters" if len(markup) > _LONGEST else "it has too much white space"
            raise exceptions.LiquidSyntaxError(what, token=token.Token("markup", markup[:2], start, text))


def _path(variable: Any) -> tuple[str, ...]:
    return tuple(itertools.takewhile(lambda segment: isinstance(segment, str), variable.segments))


def _filtered(nodes: Iterable[Any]) -> Iterator[expressions.FilteredExpression]:
    """Yield every value with filters, also inside nested tags."""
    for node in nodes:
        for expression in node.expressions():
            if isinstance(expression, expressions.FilteredExpression):
                yield expression
        yield from _filtered(node.children(_nothing, include_partials=False))


def _misused(expression: expressions.FilteredExpression) -> Iterator[findings.Problem]:
    """Yield the uses of Dalang's own filters that can never work.

    The fault may be the number of arguments, a letter of a date pattern, or a constant that is not a time.
    """
    for index, each in enumerate(expression.filters or ()):
        wanted, _ = renderer.FILTERS.get(each.name, (None, None))
        if wanted is None:
            continue
        given = [getattr(argument.value, "value", None) for argument in each.args]
        try:
            if len(given) != wanted:
                raise ValueError(f"it takes {wanted or 'no'} argument{'s' * (wanted != 1)}, not {len(given) or 'none'}")
            if each.name == "date" and isinstance(given[0], str):
                filters.check(given[0])
            if each.name in renderer.TIMES and index == 0 and isinstance(expression.left, expressions.StringLiteral):
                filters.moment(expression.left.value, datetime.UTC)
        except ValueError as exc:
            details = {"name": each.name, "why": str(exc)}
            yield findings.Problem(each.token.start_index, findings.MisusedFilter, details)


def _why(exc: exceptions.LiquidError) -> str:
    cause = exc.__cause__ if exc.__cause__ is not None and exc.token is None else exc
    return str(getattr(cause, "message", cause)).split("\n")[0].rstrip(".")[:200]


def _offset(exc: exceptions.LiquidError, text: str) -> int:
    """Return the offset of the fault that `exc` reports.

    If Liquid reports only an unexpected end, return the start of the first placeholder or tag with the same fault by itself.
    """
    index = getattr(exc.token, "start_index", 0)
    if 0 <= index <= len(text):
        return int(index)
    for start, end in _spans(text):
        try:
            _checking.from_string(text[start:end])
        except exceptions.LiquidError as alone:
            if _why(alone) == _why(exc):
                return start
    return len(text)


def _unknown(path: tuple[str, ...], offset: int, known: declared_names.Known) -> Iterator[findings.Problem]:
    index = declared_names.unknown(path, known)
    if index is not None:
        details = {"name": ".".join(path[: index + 1]), "known": suggestions.Later(declared_names.told, path, index, known)}
        yield findings.Problem(offset, findings.UnknownTemplateName, details)
