"""The Liquid environment: it renders a text, without the parts of Liquid that depend on the machine or the clock.

Only `templates.py` uses it. A placeholder or tag that cannot be rendered is left out and noted; the rest of the text is rendered.
The clock, the time zone and the files of the machine are never read.
"""

import datetime
import io
from collections.abc import Callable, ItemsView, Mapping
from typing import Any, Final

import liquid
from liquid import exceptions, undefined
from liquid.builtin import expressions
from liquid.utils import chain_map

from engine.authoring import public_calendars
from engine.authoring.liquid import fast_placeholders, filters, locale_formats
from engine.core.context import expression_scope
from engine.core.model import inputs

_MOST_LOOPS: Final = 10_000
_MOST_BYTES: Final = 1_000_000


class Rendering:
    """The state of one body while it is rendered: its scope, its language, and the names of fields that rendered empty."""

    __slots__ = ("_tongue", "_zone", "contexts", "language", "missing", "names", "values")

    def __init__(self, names: expression_scope.Scope, language: str, missing: dict[str, None]) -> None:
        self.names, self.language, self.missing = names, language, missing
        self.values = _Values(names)
        self.contexts: dict[bool, liquid.RenderContext] = {}
        self._tongue: locale_formats.Tongue | None = None
        self._zone: datetime.tzinfo | None = None

    @property
    def tongue(self) -> locale_formats.Tongue:
        """The formats of the body's language; if that language is not known, those of the policy's default language."""
        if self._tongue is None:
            self._tongue = locale_formats.of(self.language, self.names.policy.language)
        return self._tongue

    @property
    def zone(self) -> datetime.tzinfo:
        """The customer's zone if the scope has one; otherwise the zone of the workspace, or UTC."""
        if self._zone is None:
            self._zone = self.names.zone or public_calendars.Zones().zone(self.names.policy.timezone) or datetime.UTC
        return self._zone


class _Values(dict[str, Any]):
    """The names of a scope with their values; each value is made when it is first read."""

    __slots__ = ("names",)

    def __init__(self, names: expression_scope.Scope) -> None:
        self.names = names

    def __missing__(self, root: str) -> Any:
        if root not in expression_scope.NAMES:
            raise KeyError(root)
        value = self[root] = _shown(root, self.names.value(root))
        return value

    def __bool__(self) -> bool:
        return True  # Liquid replaces an empty (false) mapping by a new one of its own


_Filter = Callable[..., Any]
_Filling = tuple[tuple[Any, fast_placeholders.Filled | None], ...]

FILTERS: Final[Mapping[str, tuple[int, _Filter]]] = {
    "date": (1, lambda of, value, pattern: filters.date(value, pattern, of.tongue, of.zone)),
    "tanggal": (0, lambda of, value: filters.day(value, of.tongue, of.zone)),
    "hari": (0, lambda of, value: filters.weekday(value, of.tongue, of.zone)),
    "jam": (0, lambda of, value: filters.clock(value, of.tongue, of.zone)),
    "rupiah": (0, lambda _, value: filters.rupiah(value)),
    "ribuan": (0, lambda of, value: filters.thousands(value, of.tongue)),
    "plural": (2, lambda _, value, one, many: filters.plural(value, one, many)),
}
"""`{name of a filter: (number of its arguments, function)}`; the function gets the rendering, the value and the arguments."""

TIMES: Final = ("date", "tanggal", "hari", "jam")


class Environment(liquid.Environment):
    """A Liquid environment that parses strictly and renders leniently.

    A fault found while parsing is raised. A part that cannot be rendered is left out and noted.
    """

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
        """Return the text with its placeholders filled; note each field that renders empty in `rendering.missing`."""
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
        """Parse the text, and find for each node the function that fills the node without Liquid, if there is one.

        If values must be escaped (`autoescape`), Liquid renders every node.
        """
        template = self.from_string(text)
        filling = [(node, None if self.autoescape else fast_placeholders.of(node, FILTERS)) for node in template.nodes]
        return template, tuple(filling)

    def _outputs(self, template: liquid.BoundTemplate, filling: _Filling, rendering: Rendering) -> str:
        """Render a text without tags; raises OutputStreamLimitError if the result is longer than `_MOST_BYTES`."""
        texts = []
        for node, fill in filling:
            filled = None if fill is None else fill(rendering)
            texts.append(self._output(node, template, rendering) if filled is None else filled)
        text = "".join(texts)
        if len(text) > _MOST_BYTES:
            raise exceptions.OutputStreamLimitError("output stream limit reached", token=None)
        return text

    def _output(self, node: Any, template: liquid.BoundTemplate, rendering: Rendering) -> str:
        """Render one node by Liquid.

        A node without tags does not change its context, and making a context takes longer than rendering a node. So all nodes of
        a body share one context.
        """
        context = rendering.contexts.get(self.autoescape)
        if context is None:
            rendering.contexts[self.autoescape] = context = _context(template, rendering)
        buffer = io.StringIO()
        node.render(context, buffer)
        return buffer.getvalue()

    def error(self, exc: Any, msg: str | None = None, token: Any = None) -> None:
        """Handle an error of Liquid: raise it while parsing, note it while rendering.

        An error about a resource limit is raised in both cases.
        """
        fault = exc if isinstance(exc, exceptions.LiquidError) else exc(msg, token=token)
        if self._rendering is None or isinstance(fault, exceptions.ResourceLimitError):
            raise fault
        self._rendering.missing[type(fault).__name__] = None

    def left_out(self, node: Any) -> None:
        """Note the value of a node that could not be rendered, without its filters: `entry.data.due`."""
        first = next(iter(node.expressions()), None)
        told = str(first.left if isinstance(first, expressions.FilteredExpression) else first or node.token.value)
        if self._rendering is not None:
            self._rendering.missing[told[:100]] = None

    def _filter(self, function: "_Filter") -> Callable[..., Any]:
        """Wrap a function of `filters.py` in the form in which Liquid calls a filter.

        A missing field stays missing. For a wrong value it raises FilterArgumentError, and the placeholder is left out.
        """

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
            """A missing field: it renders empty, and is noted when it is rendered."""

            def __str__(self) -> str:
                self.note()
                return ""

            def items(self) -> ItemsView[Any, object]:  # called by the tag `for`
                self.note()
                return {}.items()

            def note(self) -> None:
                if environment._rendering is not None:
                    environment._rendering.missing[(self.hint or self.name).removesuffix(" is undefined")] = None

        return Missing


def _context(template: liquid.BoundTemplate, rendering: Rendering) -> liquid.RenderContext:
    """Make a context without Liquid's own `now` and `today`, which read the clock.

    They must not exist at all: `{{ [entry.data.field] }}` could read them under a name that comes from an event.
    """
    context = liquid.RenderContext(template, globals=rendering.values)
    context.scope = chain_map.ReadOnlyChainMap(context.locals, context.globals, context.counters)
    return context


def _shown(root: str, value: Any) -> Any:
    """Return a value in the form that a template shows: times as RFC 3339 text in UTC.

    Only the roots `now`, `event`, `entry` and `traits` may hold times; everywhere else times are text.
    """
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
    """Return a subclass of a node class. If a node of it cannot be rendered, the node is left out and noted.

    So the text around the node is still sent. It also catches Python's own errors from Liquid's filters and tags, such as a
    division by a text.
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
