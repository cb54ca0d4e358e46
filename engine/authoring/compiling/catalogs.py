"""Catalogs: a bundle together with the CEL, Liquid and zone implementations that the decider needs.

The CLI and the worker call `bundle` for a directory, and the demo calls `load`. `engine/replay/definitions.py` calls `of`, also
for bundles that were read from `journey.bundles`.
"""

import pathlib
from collections.abc import Iterable
from typing import Final

from engine.authoring import public_calendars
from engine.authoring.cel import expressions
from engine.authoring.compiling import compile as compiler
from engine.authoring.liquid import templates
from engine.core import errors
from engine.core.context import catalog
from engine.core.model import definition

_EXPRESSIONS: Final = expressions.CelExpressions()
_TEMPLATES: Final = templates.LiquidTemplates()
_ZONES: Final = public_calendars.Zones()
"""All catalogs share this object and the two above, so expressions and texts stay compiled when a new bundle comes."""


def load(path: pathlib.Path | str) -> catalog.Catalog:
    """Return the catalog of a directory; raises `errors.BundleError` with all error findings if it cannot be used."""
    return of(bundle(path))


def bundle(path: pathlib.Path | str) -> definition.Bundle:
    """Return the compiled bundle of a directory; raises `errors.BundleError` with all error findings if it cannot be used."""
    result = compiler.compile_directory(path)
    if result.bundle is None:
        told = "\n".join(f"  {finding}" for finding in result.errors)
        raise errors.BundleError(f"The journeys in {pathlib.Path(path).as_posix()} cannot be used:\n{told}\n")
    return result.bundle


def of(live: definition.Bundle, others: Iterable[definition.Bundle] = ()) -> catalog.Catalog:
    """Return the catalog of a compiled bundle; `others` are older bundles that instances may still be on."""
    versions = {journey.version: journey for other in others for journey in other.journeys}
    return catalog.Catalog(live, _EXPRESSIONS, _TEMPLATES, versions, _ZONES)
