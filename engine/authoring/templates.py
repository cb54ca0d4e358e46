"""Liquid: the one module that knows `python-liquid`. Strict when a bundle is checked, lenient when a message is rendered.

A body is text, or lists and mappings of texts; each text is a template over the names of an expression.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Final

import liquid
import liquid.exceptions

from engine.core import inputs, ports, scope


class BadLiquid(ValueError):
    """A Liquid text that cannot be used, with the offset of the offending character."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class UnknownName(BadLiquid):
    """A Liquid text that uses a name that no scope has."""


def rupiah(value: object) -> str:
    """An amount as it is written in Indonesia: 275000 -> Rp275.000; what is no number stays as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if isinstance(value, liquid.Undefined) else str(value)
    return ("-" if value < 0 else "") + "Rp" + f"{abs(round(value)):,}".replace(",", ".")


def _environment(*, html: bool) -> liquid.Environment:
    environment = liquid.Environment(autoescape=html)
    environment.add_filter("rupiah", rupiah)
    return environment


_TEXT: Final = _environment(html=False)
_HTML: Final = _environment(html=True)


def texts(body: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of a body with its path in it."""
    if isinstance(body, str):
        yield path, body
    elif isinstance(body, Mapping):
        for name, value in body.items():
            yield from texts(value, (*path, name))
    elif isinstance(body, (list, tuple)):
        for index, value in enumerate(body):
            yield from texts(value, (*path, index))


def check(text: str) -> tuple[str, ...]:
    """The scope names that a text uses; `BadLiquid` or `UnknownName` where it could never be rendered."""
    try:
        analysis = _TEXT.from_string(text).analyze()
    except liquid.exceptions.LiquidError as exc:
        start = exc.token.start_index if exc.token is not None else 0
        raise BadLiquid(str(exc.args[0] if exc.args else exc), max(start, 0)) from None
    for name, spans in analysis.filters.items():
        if name not in _TEXT.filters:
            raise BadLiquid(f"there is no filter {name!r}", spans[0].index)
    for name, variables in analysis.globals.items():
        if name not in scope.NAMES or name in ("traits", "segments"):
            raise UnknownName(name, variables[0].span.index)
    return tuple(analysis.globals)


class LiquidTemplates:
    """The port of the core, by Liquid. Compiles each text once."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, bool], _Text] = {}

    def render(
        self, bodies: Mapping[str, Mapping[str, Any]], languages: tuple[str, ...], channel: str, names: scope.Scope
    ) -> ports.Rendered | None:
        """The body for one channel in the first of `languages` that has it; fields that are missing render empty."""
        for language in languages:
            body = bodies.get(language, {}).get(channel)
            if body is not None:
                missing: dict[str, None] = {}
                content = self._filled(body, names, missing, "")
                return ports.Rendered(language, content, tuple(missing))
        return None

    def _filled(self, body: Any, names: scope.Scope, missing: dict[str, None], key: str) -> Any:
        match body:
            case str():
                return self._text(body, html=key == "html").render(names, missing)
            case Mapping():
                return {name: self._filled(value, names, missing, name) for name, value in body.items()}
            case list() | tuple():
                return [self._filled(value, names, missing, key) for value in body]
            case _:
                return body

    def _text(self, text: str, *, html: bool) -> "_Text":
        known = self._compiled.get((text, html))
        if known is None:
            known = self._compiled[text, html] = _Text(text, html=html)
        return known


class _Text:
    """One compiled text with the scope names that it uses; a text without placeholders is itself."""

    def __init__(self, text: str, *, html: bool) -> None:
        self.text = text
        self.plain = "{{" not in text and "{%" not in text
        self.template = None if self.plain else (_HTML if html else _TEXT).from_string(text)
        analysis = self.template.analyze() if self.template is not None else None
        self.roots = tuple(analysis.globals) if analysis else ()
        self.fields = tuple(str(v) for each in analysis.globals.values() for v in each) if analysis else ()

    def render(self, names: scope.Scope, missing: dict[str, None]) -> str:
        """The text; the paths that have no value are added to `missing`."""
        if self.template is None:
            return self.text
        values = {name: _plain(names.value(name)) for name in self.roots}
        for field in self.fields:
            if "[" not in field and not _has(values, field):
                missing[field] = None
        return self.template.render(**values)


def _plain(value: Any) -> Any:
    """Times as the RFC 3339 text that Liquid's `date` filter reads."""
    if isinstance(value, datetime.datetime):
        return inputs.text(value)
    if isinstance(value, dict) and isinstance(value.get("time"), datetime.datetime):
        return {**value, "time": inputs.text(value["time"])}
    return value


def _has(values: Mapping[str, Any], field: str) -> bool:
    at: Any = values
    for part in field.split("."):
        if isinstance(at, Mapping):
            at = at.get(part)
        elif part not in ("size", "first", "last"):
            return False
    return at is not None
