"""Templates in Liquid, rendered by python-liquid.

The decider renders messages with `LiquidTemplates`, and the linter calls `check`, `paths`, `plain` and `blank`. The check is
strict: an unknown field is a problem. Rendering is lenient: a missing field renders empty and is listed in the result. Each text
is parsed once. `renderer.py` has the rules of rendering.
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
"""The texts of a body in which Liquid escapes values for HTML, as (channel, key): `("email", "html")`."""
_ONE_LINE: Final = frozenset((name, field.name) for name, field in _FIELDS if field.one_line)
"""The texts of a body that are sent as a single line, as (channel, key): `("email", "subject")`."""


class LiquidTemplates:
    """The implementation of the port `ports.Templates` with Liquid."""

    def __init__(self) -> None:
        self._plain = renderer.Environment(autoescape=False)
        self._html = renderer.Environment(autoescape=True)

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: expression_scope.Scope
    ) -> ports.Rendered | None:
        """Render a message for one channel, in the first of `languages` in which the template has a body for this channel.

        `bodies` is `{language: {channel: body}}`. The result is None if no language has a body for the channel. `names` is the
        scope with the values of the placeholders.
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
    """Return a text, or each text of a list, as a single line in which each run of white space is one space."""
    return [_line(each) for each in filled] if isinstance(filled, list) else " ".join(str(filled).split())


_OPEN: Final = re.compile(r"\{[{%]")
_LONGEST: Final = 5_000
_GAP: Final = re.compile(r"\s{50}")
_checking: Final = renderer.Environment(autoescape=False)
_nothing: Final = liquid.RenderContext(_checking.from_string(""))


def check(text: str, known: declared_names.Known) -> Iterator[findings.Problem]:
    """Yield every problem of a Liquid text that can be found without the data of a customer.

    `known` has the names that the text may use.
    """
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
    """Yield the path of each field that a Liquid text reads, with its offset in the text.

    For the text `{{ profile.name }}`, yield `(("profile", "name"), 3)`. A path ends before an index (`items[0]`) and before a
    name that comes from another field (`items[event.data.key]`). For an invalid text, yield nothing; `check` reports the text.
    """
    try:
        analysis = _parsed(text)[1]
    except exceptions.LiquidError:
        return
    for variables in analysis.globals.values():
        yield from ((_path(variable), variable.span.index) for variable in variables)


def plain(text: str) -> str:
    """Return a Liquid text without its placeholders and tags: `Hi !` for `Hi {{ profile.name }}!`."""
    return blank(text, "")


def blank(text: str, by: str = "\n") -> str:
    """Return a Liquid text in which `by` replaces each character of a placeholder or tag.

    If `by` is a single character, all characters outside of placeholders and tags keep their offsets.
    """
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
    """Yield the start and the end of each placeholder and tag in a Liquid text, as offsets.

    A placeholder or tag without its closing brackets ends at the end of the text.
    """
    at = 0
    while (opened := _OPEN.search(text, at)) is not None:
        closed = text.find("}}" if opened.group() == "{{" else "%}", opened.end())
        at = len(text) if closed < 0 else closed + 2
        yield opened.start(), at


def _bound(text: str) -> None:
    """Raise LiquidSyntaxError for a placeholder or tag for which Liquid's parser would need minutes.

    This is a placeholder or tag with more than `_LONGEST` characters, or with 50 white-space characters in a row: the parser
    reads the same white space again and again.
    """
    for start, end in _spans(text):
        markup = text[start:end]
        if len(markup) > _LONGEST or _GAP.search(markup):
            what = f"it is longer than {_LONGEST:,} characters" if len(markup) > _LONGEST else "it has too much white space"
            raise exceptions.LiquidSyntaxError(what, token=token.Token("markup", markup[:2], start, text))


def _path(variable: Any) -> tuple[str, ...]:
    return tuple(itertools.takewhile(lambda segment: isinstance(segment, str), variable.segments))


def _filtered(nodes: Iterable[Any]) -> Iterator[expressions.FilteredExpression]:
    """Yield every expression that may have filters in a list of Liquid nodes, also inside nested tags."""
    for node in nodes:
        for expression in node.expressions():
            if isinstance(expression, expressions.FilteredExpression):
                yield expression
        yield from _filtered(node.children(_nothing, include_partials=False))


def _misused(expression: expressions.FilteredExpression) -> Iterator[findings.Problem]:
    """Yield a problem for each use of Dalang's own filters that fails for every customer.

    A use fails if the number of arguments is wrong, if a date pattern has an unknown letter, or if a filter for times gets a
    constant text that is not a time.
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
    """Return the offset in the text at which a Liquid error occurred.

    Some errors of Liquid have no offset, for example if a text ends before a tag is closed. Then each placeholder and tag is
    parsed alone, and the result is the start of the first with the same error; if there is none, the length of the text.
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
