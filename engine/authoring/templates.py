"""Templates: Liquid, through python-liquid. The one module that imports it.

`LiquidTemplates` is what the decider renders with; `check` is what the linter asks. Strict at check, lenient at send:
a field that is missing renders empty and is listed. A text is compiled once. Whatever could make two machines render
differently is taken out: the filter `date` (it knows the clock and the machine's zone) and templates that include
others.
"""

import decimal
import re
from collections.abc import ItemsView, Iterator, Mapping
from typing import Any, Final

import liquid
from liquid import exceptions, undefined

from engine.authoring import findings, names
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
                content = {
                    key: self._filled(self._html if (channel, key) in HTML else self._plain, value, names, missing)
                    for key, value in body.items()
                }
                return ports.Rendered(language, content, tuple(missing))
        return None

    def _filled(self, environment: "_Environment", value: Any, names: scope.Scope, missing: dict[str, None]) -> Any:
        match value:
            case str():
                return environment.filled(value, names, missing)
            case dict():
                return {key: self._filled(environment, each, names, missing) for key, each in value.items()}
            case list():
                return [self._filled(environment, each, names, missing) for each in value]
        return value


class _Environment(liquid.Environment):
    """Parses strictly; while it renders, what cannot be rendered is left out and noted."""

    loop_iteration_limit = _MOST_LOOPS
    output_stream_limit = _MOST_BYTES
    local_namespace_limit = _MOST_BYTES

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=self._undefined())
        self._known: dict[str, tuple[liquid.BoundTemplate, tuple[str, ...]]] = {}
        self._missing: dict[str, None] | None = None
        for tag in ("include", "render"):
            del self.tags[tag]
        for impure in ("date", "safe"):
            del self.filters[impure]
        self.add_filter("rupiah", rupiah)

    def filled(self, text: str, names: scope.Scope, missing: dict[str, None]) -> str:
        """The text with its placeholders filled; `missing` gets the fields that rendered empty."""
        if "{{" not in text and "{%" not in text:
            return text
        known = self._known.get(text)
        if known is None:
            template = self.from_string(text)
            roots = (root for root in template.analyze(include_partials=False).globals if root in scope.NAMES)
            self._known[text] = known = (template, tuple(roots))
        template, roots_used = known
        self._missing = missing
        try:
            context = liquid.RenderContext(template, globals={root: _shown(root, names.value(root)) for root in roots_used})
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
            self._missing = None

    def error(self, exc: Any, msg: str | None = None, token: Any = None) -> None:
        """Raise while parsing, and where a template is past all bounds; else note that something rendered empty."""
        fault = exc if isinstance(exc, exceptions.LiquidError) else exc(msg, token=token)
        if self._missing is None or isinstance(fault, exceptions.ResourceLimitError):
            raise fault
        self._missing[type(fault).__name__] = None

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
                if environment._missing is not None:
                    environment._missing[(self.hint or self.name).removesuffix(" is undefined")] = None

        return Missing


def _shown(root: str, value: Any) -> Any:
    """A value as a template shows it: times as RFC 3339 in UTC."""
    if root == "now":
        return inputs.text(value)
    if root in ("event", "entry") and value is not None:
        return {**value, "time": inputs.text(value["time"])}
    return value


def rupiah(value: Any) -> Any:
    """`275000 | rupiah` is `Rp275.000`: whole rupiah, half up, thousands with dots, as prices are written in
    Indonesia.
    """
    if isinstance(value, undefined.Undefined):
        return value
    try:
        if isinstance(value, bool):
            raise TypeError
        number = int(decimal.Decimal(str(value)).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))
    except (decimal.InvalidOperation, TypeError, ValueError, OverflowError):
        raise exceptions.FilterArgumentError("rupiah needs a number", token=None) from None
    return f"{'-' if number < 0 else ''}Rp{abs(number):,}".replace(",", ".")


_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_checking: Final = _Environment(autoescape=False)


def check(text: str, known: names.Known) -> Iterator[findings.Problem]:
    """Everything that is wrong with a Liquid text, as far as it can be known without a customer."""
    try:
        template = _checking.from_string(text)
        analysis = template.analyze(include_partials=False)
    except exceptions.LiquidError as exc:
        yield findings.Problem(_offset(exc, text), findings.BadTemplate, {"why": _why(exc)})
        return
    for name, spans in analysis.filters.items():
        if name not in _checking.filters:
            later = "It needs the customer's zone and comes with a later release." if name == "date" else ""
            details = {"name": name, "known": later or findings.meant(name, _checking.filters)}
            yield from (findings.Problem(span.index, findings.UnknownFilter, details) for span in spans)
    for variables in analysis.globals.values():
        for variable in variables:
            yield from _unknown(variable.segments, variable.span.index, known)


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


def _unknown(segments: Any, offset: int, known: names.Known) -> Iterator[findings.Problem]:
    path = []
    for segment in segments:
        if not isinstance(segment, str):
            break  # an index, or a field that another value names
        path.append(segment)
    index = names.unknown(path, known)
    if index is not None:
        told = names.advice(path, index, known) or findings.meant(path[index], names.beside(path[: index + 1], known))
        details = {"name": ".".join(path[: index + 1]), "known": told}
        yield findings.Problem(offset, findings.UnknownTemplateName, details)
