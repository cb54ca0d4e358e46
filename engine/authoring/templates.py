"""Templates: Liquid, through python-liquid. The one module that imports it.

`LiquidTemplates` is what the decider renders with; `check` and `paths` are what the linter asks. Strict at check, lenient
at send: a field that is missing renders empty and is listed. A text is compiled once. Whatever could make two machines
render differently is taken out: Liquid's own filter `date` (it knows the clock and the machine's zone; ours is in
`filters.py`) and templates that include others.
"""

import datetime
import functools
import itertools
import re
import zoneinfo
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from typing import Any, Final

import liquid
from liquid import exceptions, undefined
from liquid.builtin import expressions

from engine.authoring import filters, findings, names, tongues
from engine.core import inputs, ports, scope

HTML: Final = (("email", "html"),)
"""(channel, key) of the bodies in which values are escaped."""

_MOST_LOOPS: Final = 10_000
_MOST_BYTES: Final = 1_000_000


class LiquidTemplates:
    """`ports.Templates` by Liquid."""

    def __init__(self) -> None:
        self._plain = _Environment(autoescape=False)
        self._html = _Environment(autoescape=True)

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: scope.Scope
    ) -> ports.Rendered | None:
        """The body for one channel in the first of `languages` that has it; None if no language has one."""
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                missing: dict[str, None] = {}
                rendering = _Rendering(names, language, missing)
                content = {
                    key: self._filled(self._html if (channel, key) in HTML else self._plain, value, rendering)
                    for key, value in body.items()
                }
                if channel == "whatsapp" and "parameters" in content:
                    content["parameters"] = [" ".join(str(each).split()) for each in content["parameters"]]
                return ports.Rendered(language, content, tuple(missing))
        return None

    def _filled(self, environment: "_Environment", value: Any, rendering: "_Rendering") -> Any:
        match value:
            case str():
                return environment.filled(value, rendering)
            case dict():
                return {key: self._filled(environment, each, rendering) for key, each in value.items()}
            case list():
                return [self._filled(environment, each, rendering) for each in value]
        return value


class _Rendering:
    """One body while it is rendered: over which names, in which language, and what rendered empty."""

    __slots__ = ("_tongue", "_zone", "language", "missing", "names")

    def __init__(self, names: scope.Scope, language: str, missing: dict[str, None]) -> None:
        self.names, self.language, self.missing = names, language, missing
        self._tongue: tongues.Tongue | None = None
        self._zone: datetime.tzinfo | None = None

    @property
    def tongue(self) -> tongues.Tongue:
        """How the body's language writes days and numbers; where that is not known, how the policy's does."""
        if self._tongue is None:
            self._tongue = tongues.of(self.language, self.names.policy.language)
        return self._tongue

    @property
    def zone(self) -> datetime.tzinfo:
        """The customer's zone."""
        if self._zone is None:
            self._zone = _zone(self.names)
        return self._zone


def _zone(names: scope.Scope) -> datetime.tzinfo:
    zone: Any = getattr(names, "zone", None)
    found = zone() if callable(zone) else zone
    return found if isinstance(found, datetime.tzinfo) else zoneinfo.ZoneInfo(names.policy.timezone)


_Filter = Callable[..., Any]

FILTERS: Final[Mapping[str, tuple[int, _Filter]]] = {
    "date": (1, lambda of, value, pattern: filters.date(value, pattern, of.tongue, of.zone)),
    "tanggal": (0, lambda of, value: filters.day(value, of.tongue, of.zone)),
    "hari": (0, lambda of, value: filters.weekday(value, of.tongue, of.zone)),
    "jam": (0, lambda of, value: filters.clock(value, of.tongue, of.zone)),
    "rupiah": (0, lambda _, value: filters.rupiah(value)),
    "ribuan": (0, lambda of, value: filters.thousands(value, of.tongue)),
    "plural": (2, lambda _, value, one, many: filters.plural(value, one, many)),
}
"""Name -> how many arguments it takes, and what it writes of a value in a rendering."""

_TIMES: Final = ("date", "tanggal", "hari", "jam")


class _Environment(liquid.Environment):
    """Parses strictly; while it renders, what cannot be rendered is left out and noted."""

    loop_iteration_limit = _MOST_LOOPS
    output_stream_limit = _MOST_BYTES
    local_namespace_limit = _MOST_BYTES

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=self._undefined())
        self._known: dict[str, tuple[liquid.BoundTemplate, tuple[str, ...]]] = {}
        self._rendering: _Rendering | None = None
        for tag in ("include", "render"):
            del self.tags[tag]
        for impure in ("date", "safe"):
            del self.filters[impure]
        for name, (_, function) in FILTERS.items():
            self.add_filter(name, self._filter(function))

    def filled(self, text: str, rendering: _Rendering) -> str:
        """The text with its placeholders filled; what renders empty is noted in `rendering.missing`."""
        if "{{" not in text and "{%" not in text:
            return text
        known = self._known.get(text)
        if known is None:
            template = self.from_string(text)
            roots = (root for root in template.analyze(include_partials=False).globals if root in scope.NAMES)
            self._known[text] = known = (template, tuple(roots))
        template, roots_used = known
        self._rendering = rendering
        try:
            values = {root: _shown(root, rendering.names.value(root)) for root in roots_used}
            context = liquid.RenderContext(template, globals=values)
            buffer = template._get_buffer()
            if "{%" in text:
                template.render_with_context(context, buffer)
            else:  # outputs alone need no scope of their own, which costs more than they do
                for node in template.nodes:
                    try:
                        node.render(context, buffer)
                    except exceptions.LiquidError as exc:
                        self.error(exc)
            return buffer.getvalue()
        finally:
            self._rendering = None

    def error(self, exc: Any, msg: str | None = None, token: Any = None) -> None:
        """Raise while parsing, and where a template is past all bounds; else note that something rendered empty."""
        fault = exc if isinstance(exc, exceptions.LiquidError) else exc(msg, token=token)
        if self._rendering is None or isinstance(fault, exceptions.ResourceLimitError):
            raise fault
        self._rendering.missing[_culprit(fault)] = None

    def _filter(self, function: "_Filter") -> Callable[..., Any]:
        """One of `filters.py` as Liquid calls it: a field that is not there stays so, a wrong value is an error of its place."""

        def applied(value: Any, *arguments: Any) -> Any:
            if isinstance(value, undefined.Undefined) or self._rendering is None:
                return value
            try:
                return function(self._rendering, value, *arguments)
            except (ValueError, OverflowError) as exc:
                raise exceptions.FilterArgumentError(str(exc), token=None) from None

        return applied

    def _undefined(self) -> type[undefined.Undefined]:
        environment = self

        class Missing(undefined.Undefined):
            """A field that is not there: empty, and noted as soon as it is used for output."""

            def __str__(self) -> str:
                self.note()
                return ""

            def items(self) -> ItemsView[Any, object]:  # what `for` asks for
                self.note()
                return {}.items()

            def note(self) -> None:
                if environment._rendering is not None:
                    environment._rendering.missing[(self.hint or self.name).removesuffix(" is undefined")] = None

        return Missing


def _shown(root: str, value: Any) -> Any:
    """A value as a template shows it: times as RFC 3339 in UTC. Only these roots have times that are not text yet."""
    if root == "now":
        return inputs.text(value)
    if root in ("event", "entry") and value is not None:
        return {**value, "time": inputs.text(value["time"])}
    return {name: _told(each) for name, each in value.items()} if root == "traits" else value


def _told(value: Any) -> Any:
    match value:
        case datetime.datetime():
            return inputs.text(value)
        case list() | tuple():
            return [_told(each) for each in value]
    return value


def _culprit(fault: exceptions.LiquidError) -> str:
    """What could not be rendered, as it is written: `profile.born`; the name of the fault where it has no place."""
    if fault.token is not None:
        for markup in _MARKUP.finditer(fault.token.source):
            if markup.start() <= fault.token.start_index < markup.end():
                words = markup.group()[2:-2].strip("- \n").split("|")[0].split()
                return words[-1] if words else type(fault).__name__
    return type(fault).__name__


_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_checking: Final = _Environment(autoescape=False)
_nothing: Final = liquid.RenderContext(_checking.from_string(""))


def check(text: str, known: names.Known) -> Iterator[findings.Problem]:
    """Everything that is wrong with a Liquid text, as far as it can be known without a customer."""
    try:
        template, analysis = _parsed(text)
    except exceptions.LiquidError as exc:
        yield findings.Problem(_offset(exc, text), findings.BadTemplate, {"why": _why(exc)})
        return
    for name, spans in analysis.filters.items():
        if name not in _checking.filters:
            details = {"name": name, "known": findings.meant(name, _checking.filters)}
            yield from (findings.Problem(span.index, findings.UnknownFilter, details) for span in spans)
    for expression in _filtered(template.nodes):
        yield from _misused(expression)
    for variables in analysis.globals.values():
        for variable in variables:
            yield from _unknown(_path(variable), variable.span.index, known)


def paths(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The fields that a text names, each with its offset, up to an index or a field that a value names; none if it is no
    template, which `check` finds.
    """
    try:
        analysis = _parsed(text)[1]
    except exceptions.LiquidError:
        return
    for variables in analysis.globals.values():
        yield from ((_path(variable), variable.span.index) for variable in variables)


def plain(text: str) -> str:
    """What is written in a Liquid text, without its placeholders."""
    return _MARKUP.sub("", text)


def blank(text: str) -> str:
    """The text with a line break for each character of a placeholder, so that all others keep their offsets."""
    return _MARKUP.sub(lambda markup: "\n" * len(markup.group()), text)


@functools.lru_cache(1024)  # `check` and `paths` read the same texts
def _parsed(text: str) -> tuple[liquid.BoundTemplate, Any]:
    template = _checking.from_string(text)
    return template, template.analyze(include_partials=False)


def _path(variable: Any) -> tuple[str, ...]:
    return tuple(itertools.takewhile(lambda segment: isinstance(segment, str), variable.segments))


def _filtered(nodes: Iterable[Any]) -> Iterator[expressions.FilteredExpression]:
    """Every value that goes through filters, nested tags included."""
    for node in nodes:
        for expression in node.expressions():
            if isinstance(expression, expressions.FilteredExpression):
                yield expression
        yield from _filtered(node.children(_nothing, include_partials=False))


def _misused(expression: expressions.FilteredExpression) -> Iterator[findings.Problem]:
    """Filters of ours that can never work as they are written: arguments, letters of a date, a text that is no time."""
    for index, each in enumerate(expression.filters or ()):
        wanted, _ = FILTERS.get(each.name, (None, None))
        if wanted is None:
            continue
        given = [getattr(argument.value, "value", None) for argument in each.args]
        try:
            if len(given) != wanted:
                raise ValueError(f"it takes {wanted or 'no'} argument{'s' * (wanted != 1)}, not {len(given) or 'none'}")
            if each.name == "date" and isinstance(given[0], str):
                filters.check(given[0])
            if each.name in _TIMES and index == 0 and isinstance(expression.left, expressions.StringLiteral):
                filters.moment(expression.left.value, datetime.UTC)
        except ValueError as exc:
            details = {"name": each.name, "why": str(exc)}
            yield findings.Problem(each.token.start_index, findings.MisusedFilter, details)


def _why(exc: exceptions.LiquidError) -> str:
    cause = exc.__cause__ if exc.__cause__ is not None and exc.token is None else exc
    return str(getattr(cause, "message", cause)).split("\n")[0].rstrip(".")[:200]


def _offset(exc: exceptions.LiquidError, text: str) -> int:
    """Where the fault is; where Liquid only knows that something ended too soon, the markup that alone has the same
    fault.
    """
    index = getattr(exc.token, "start_index", 0)
    if 0 <= index <= len(text):
        return int(index)
    for markup in _MARKUP.finditer(text):
        try:
            _checking.from_string(markup.group())
        except exceptions.LiquidError as alone:
            if _why(alone) == _why(exc):
                return markup.start()
    return len(text)


def _unknown(path: tuple[str, ...], offset: int, known: names.Known) -> Iterator[findings.Problem]:
    index = names.unknown(path, known)
    if index is not None:
        told = names.advice(path, index, known) or findings.meant(path[index], names.beside(path[: index + 1], known))
        details = {"name": ".".join(path[: index + 1]), "known": told}
        yield findings.Problem(offset, findings.UnknownTemplateName, details)
