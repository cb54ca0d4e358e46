"""Liquid's environment: how a text is rendered, and what is taken out of Liquid so that it is the same everywhere.

Used by `templates.py` alone. What cannot be rendered is left out and noted, by the placeholder or tag, and never stops the
text around it. Nothing here knows the clock, the machine's zone or its files.
"""

import datetime
import io
from collections.abc import Callable, ItemsView, Mapping
from typing import Any, Final

import liquid
from liquid import exceptions, undefined
from liquid.builtin import expressions
from liquid.utils import chain_map

from engine.authoring import calendars, filters, placeholders, tongues
from engine.core import inputs, scope

_MOST_LOOPS: Final = 10_000
_MOST_BYTES: Final = 1_000_000


class Rendering:
    """One body while it is rendered: over which names, in which language, and what rendered empty."""

    __slots__ = ("_tongue", "_zone", "contexts", "language", "missing", "names", "values")

    def __init__(self, names: scope.Scope, language: str, missing: dict[str, None]) -> None:
        self.names, self.language, self.missing = names, language, missing
        self.values = _Values(names)
        self.contexts: dict[bool, liquid.RenderContext] = {}
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
        """The customer's zone, as whoever made the scope knows it; else the workspace's."""
        if self._zone is None:
            self._zone = self.names.zone or calendars.Zones().zone(self.names.policy.timezone) or datetime.UTC
        return self._zone


class _Values(dict[str, Any]):
    """The names of a scope with their values, made as they are asked for."""

    __slots__ = ("names",)

    def __init__(self, names: scope.Scope) -> None:
        self.names = names

    def __missing__(self, root: str) -> Any:
        if root not in scope.NAMES:
            raise KeyError(root)
        value = self[root] = _shown(root, self.names.value(root))
        return value

    def __bool__(self) -> bool:
        return True  # Liquid replaces a mapping that is false by one of its own


_Filter = Callable[..., Any]
_Filling = tuple[tuple[Any, placeholders.Filled | None], ...]

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

TIMES: Final = ("date", "tanggal", "hari", "jam")


class Environment(liquid.Environment):
    """Parses strictly; while it renders, what cannot be rendered is left out and noted."""

    loop_iteration_limit = _MOST_LOOPS
    output_stream_limit = _MOST_BYTES
    local_namespace_limit = _MOST_BYTES

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=self._undefined())
        self._known: dict[str, tuple[liquid.BoundTemplate, _Filling]] = {}
        self._rendering: Rendering | None = None
        for other in ("include", "render"):
            del self.tags[other]
        for tag in self.tags.values():
            if hasattr(tag, "node_class") and tag.name != "content":
                tag.node_class = _lenient(tag.node_class)
        for impure in ("date", "safe"):
            del self.filters[impure]
        for name, (_, function) in FILTERS.items():
            self.add_filter(name, self._filter(function))

    def filled(self, text: str, rendering: Rendering) -> str:
        """The text with its placeholders filled; what renders empty is noted in `rendering.missing`."""
        if "{{" not in text and "{%" not in text:
            return text
        known = self._known.get(text)
        if known is None:
            self._known[text] = known = self._parsed(text)
        template, filling = known
        self._rendering = rendering
        try:
            if "{%" in text:
                buffer = template._get_buffer()
                template.render_with_context(_context(template, rendering), buffer)
                return buffer.getvalue()
            return self._outputs(template, filling, rendering)
        finally:
            self._rendering = None

    def _parsed(self, text: str) -> tuple[liquid.BoundTemplate, _Filling]:
        """The text with what fills each of its nodes without Liquid; where values are escaped there is nothing of the kind."""
        template = self.from_string(text)
        filling = [(node, None if self.autoescape else placeholders.of(node, FILTERS)) for node in template.nodes]
        return template, tuple(filling)

    def _outputs(self, template: liquid.BoundTemplate, filling: _Filling, rendering: Rendering) -> str:
        """A text without tags."""
        texts = []
        for node, fill in filling:
            filled = None if fill is None else fill(rendering)
            texts.append(self._output(node, template, rendering) if filled is None else filled)
        text = "".join(texts)
        if len(text) > _MOST_BYTES:
            raise exceptions.OutputStreamLimitError("output stream limit reached", token=None)
        return text

    def _output(self, node: Any, template: liquid.BoundTemplate, rendering: Rendering) -> str:
        """One node by Liquid. It changes nothing, so all of a body share one context, which costs more than they do."""
        context = rendering.contexts.get(self.autoescape)
        if context is None:
            rendering.contexts[self.autoescape] = context = _context(template, rendering)
        buffer = io.StringIO()
        node.render(context, buffer)
        return buffer.getvalue()

    def error(self, exc: Any, msg: str | None = None, token: Any = None) -> None:
        """Raise while parsing, and where a template is past all bounds; else note that something rendered empty."""
        fault = exc if isinstance(exc, exceptions.LiquidError) else exc(msg, token=token)
        if self._rendering is None or isinstance(fault, exceptions.ResourceLimitError):
            raise fault
        self._rendering.missing[type(fault).__name__] = None

    def left_out(self, node: Any) -> None:
        """Note what stands first in a node that could not be rendered, without its filters: `entry.data.due`."""
        first = next(iter(node.expressions()), None)
        told = str(first.left if isinstance(first, expressions.FilteredExpression) else first or node.token.value)
        if self._rendering is not None:
            self._rendering.missing[told[:100]] = None

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


def _context(template: liquid.BoundTemplate, rendering: Rendering) -> liquid.RenderContext:
    """A context without Liquid's own `now` and `today`, which read the clock; `[entry.data.field]` could name them."""
    context = liquid.RenderContext(template, globals=rendering.values)
    context.scope = chain_map.ReadOnlyChainMap(context.locals, context.globals, context.counters)
    return context


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


def _lenient(kind: Any) -> Any:
    """A kind of node that is left out and noted where it cannot be rendered, so that what stands around it is not lost.

    Liquid's own filters and tags let errors of Python through: a division by text, a loop to infinity.
    """

    class Lenient(kind):  # type: ignore[misc]
        __slots__ = ()

        def render_to_output(self, context: Any, buffer: Any) -> int:
            try:
                return int(super().render_to_output(context, buffer))
            except exceptions.ResourceLimitError:
                raise
            except _UNRENDERED:
                context.env.left_out(self)
                return 0

    return Lenient


_UNRENDERED: Final = (
    exceptions.LiquidError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError
)  # fmt: skip
