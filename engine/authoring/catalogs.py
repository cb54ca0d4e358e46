"""Catalogs: a bundle with Dalang's own expressions and templates, ready to decide by.

Called by the replay for a directory, and by the runtime for bundles that it read back from `journey.bundles`.
"""

import pathlib
from collections.abc import Iterable
from typing import Final

from engine.authoring import calendars, expressions, templates
from engine.authoring import compile as compiler
from engine.core import catalog, definition, errors

_EXPRESSIONS: Final = expressions.CelExpressions()
_TEMPLATES: Final = templates.LiquidTemplates()
_ZONES: Final = calendars.Zones()
"""Shared by all catalogs: what is compiled once stays compiled when the next bundle comes."""


def load(path: pathlib.Path | str) -> catalog.Catalog:
    """The catalog of a directory; `errors.BundleError` with all error findings if it cannot be used."""
    return of(bundle(path))


def bundle(path: pathlib.Path | str) -> definition.Bundle:
    """The compiled bundle of a directory; `errors.BundleError` with all error findings if there is none."""
    result = compiler.compile_directory(path)
    if result.bundle is None:
        told = "\n".join(f"  {finding}" for finding in result.errors)
        raise errors.BundleError(f"The journeys in {pathlib.Path(path).as_posix()} cannot be used:\n{told}\n")
    return result.bundle


def of(live: definition.Bundle, others: Iterable[definition.Bundle] = ()) -> catalog.Catalog:
    """The catalog of a compiled bundle; `others` are earlier ones, whose versions instances may still be on."""
    versions = {journey.version: journey for other in others for journey in other.journeys}
    return catalog.Catalog(live, _EXPRESSIONS, _TEMPLATES, versions, _ZONES)
