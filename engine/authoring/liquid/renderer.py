"""The Liquid environment, which renders a text without the features of Liquid that depend on the machine or the clock.

Only `templates.py` uses this module. A placeholder or a tag that cannot be rendered is left out of the result, and the text
around it is still rendered. The name of its field is added to `Rendering.missing`. Nothing here reads the clock, the machine's
time zone or files of the machine.
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
    """The state of one message while it is rendered.

    `names` is the scope, and `language` the language of the text. `missing` collects the names of fields that rendered empty, in
    their order, as the keys of a dict. `contexts` is `{autoescape: Liquid context}`; `autoescape` is True only for HTML.
    """

    __slots__ = ("_tongue", "_zone", "contexts", "language", "missing", "names", "values")

    def __init__(self, names: expression_scope.Scope, language: str, missing: dict[str, None]) -> None:
        self.names, self.language, self.missing = names, language, missing
        self.values = _Values(names)
        self.contexts: dict[bool, liquid.RenderContext] = {}
        self._tongue: locale_formats.Tongue | None = None
        self._zone: datetime.tzinfo | None = None

    @property
    def tongue(self) -> locale_formats.Tongue:
        """The formats of dates and numbers for the text's language; for the policy's language if the text's is not known."""
        if self._tongue is None:
            self._tongue = locale_formats.of(self.language, self.names.policy.language)
        return self._tongue

    @property
    def zone(self) -> datetime.tzinfo:
        """The customer's time zone if the scope has one; otherwise the policy's time zone, or UTC if that one is not known."""
        if self._zone is None:
            self._zone = self.names.zone or public_calendars.Zones().zone(self.names.policy.timezone) or datetime.UTC
        return self._zone


class _Values(dict[str, Any]):
    """The names of a scope with their values, in the form for Liquid; each value is computed when Liquid first reads it."""

    __slots__ = ("names",)

    def __init__(self, names: expression_scope.Scope) -> None:
        self.names = names

    def __missing__(self, root: str) -> Any:
        if root not in expression_scope.NAMES:
            raise KeyError(root)
        value = self[root] = _shown(root, self.names.value(root))
        return value

    def __bool__(self) -> bool:
        return True  # otherwise Liquid would replace this mapping, which is empty at first, by a new dict


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
"""Dalang's own filters, as `{name: (number of arguments, function)}`.

The function is called with the rendering, the value before the filter, and the arguments of the filter.
"""

TIMES: Final = ("date", "tanggal", "hari", "jam")


class Environment(liquid.Environment):
    """A Liquid environment that parses strictly and renders leniently.

    Parsing raises every error. Rendering leaves out each placeholder or tag that fails, and adds the name of its field to
    `Rendering.missing`.
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
        """Return the text with its placeholders filled, and add each field that renders empty to `rendering.missing`."""
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
        """Parse the text, and pair each of its nodes with the function that fills the node without Liquid.

        The function is None for a node that only Liquid can render. With `autoescape`, this is every node, because only Liquid
        escapes values.
        """
        template = self.from_string(text)
        filling = [(node, None if self.autoescape else fast_placeholders.of(node, FILTERS)) for node in template.nodes]
        return template, tuple(filling)

    def _outputs(self, template: liquid.BoundTemplate, filling: _Filling, rendering: Rendering) -> str:
        """Return the rendered text of a template without tags.

        Raises OutputStreamLimitError if the text is longer than `_MOST_BYTES`.
        """
        texts = []
        for node, fill in filling:
            filled = None if fill is None else fill(rendering)
            texts.append(self._output(node, template, rendering) if filled is None else filled)
        text = "".join(texts)
        if len(text) > _MOST_BYTES:
            raise exceptions.OutputStreamLimitError("output stream limit reached", token=None)
        return text

    def _output(self, node: Any, template: liquid.BoundTemplate, rendering: Rendering) -> str:
        """Return the text of one node, rendered by Liquid.

        All nodes of a message share one Liquid context, because making a context costs more than rendering a node. Sharing is
        safe: only tags change the context, and a text with tags is not rendered here.
        """
        context = rendering.contexts.get(self.autoescape)
        if context is None:
            rendering.contexts[self.autoescape] = context = _context(template, rendering)
        buffer = io.StringIO()
        node.render(context, buffer)
        return buffer.getvalue()

    def error(self, exc: Any, msg: str | None = None, token: Any = None) -> None:
        """Handle an error that Liquid reports: raise it during parsing, and note it during rendering.

        During rendering, the name of the error's class is added to `Rendering.missing`, and the rendering continues. An error
        about a resource limit, such as too many loops, is always raised.
        """
        fault = exc if isinstance(exc, exceptions.LiquidError) else exc(msg, token=token)
        if self._rendering is None or isinstance(fault, exceptions.ResourceLimitError):
            raise fault
        self._rendering.missing[type(fault).__name__] = None

    def left_out(self, node: Any) -> None:
        """Add the field of a node that could not be rendered to `Rendering.missing`, without its filters: `entry.data.due`."""
        first = next(iter(node.expressions()), None)
        told = str(first.left if isinstance(first, expressions.FilteredExpression) else first or node.token.value)
        if self._rendering is not None:
            self._rendering.missing[told[:100]] = None

    def _filter(self, function: "_Filter") -> Callable[..., Any]:
        """Return a function of `FILTERS` in the form in which Liquid calls a filter: with the value and the arguments.

        The filter is not applied to a missing field. If the function cannot write the value, a FilterArgumentError is raised, and
        the placeholder is left out.
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
            """A missing field: its text is empty, and rendering it or looping over it adds its name to `Rendering.missing`."""

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
    """Return a Liquid context without Liquid's variables `now` and `today`, which read the clock.

    A check of the template's text would not be enough: a placeholder such as `{{ [entry.data.field] }}` takes the name of the
    variable from an event.
    """
    context = liquid.RenderContext(template, globals=rendering.values)
    context.scope = chain_map.ReadOnlyChainMap(context.locals, context.globals, context.counters)
    return context


def _shown(root: str, value: Any) -> Any:
    """Return the value of a scope name in the form for templates, where each time is an RFC 3339 text in UTC.

    `root` is the scope name. Only `now`, `event`, `entry` and `traits` can contain a datetime.
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
    """Return a subclass of a Liquid node class; its nodes render nothing if they fail, and are noted in `Rendering.missing`.

    So the text around the node is still rendered. Without the subclass, an error of Python would stop the whole text: Liquid's
    filters and tags do not catch, for example, a division by text or a loop to infinity.
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
