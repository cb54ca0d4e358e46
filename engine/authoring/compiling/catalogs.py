"""Catalogs: a bundle with Dalang's own expressions, templates and zones, ready to decide with.

`bundle` is called by the CLI and the worker for a directory, and `load` by the demo. `of` is called by
`engine/replay/definitions.py`, also for bundles that were read back from `journey.bundles`.
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
"""Shared by all catalogs, with the two above: an expression or a text stays compiled when the next bundle comes."""


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
    """Return the catalog of a compiled bundle; `others` are older bundles, on whose versions instances may still be."""
    versions = {journey.version: journey for other in others for journey in other.journeys}
    return catalog.Catalog(live, _EXPRESSIONS, _TEMPLATES, versions, _ZONES)
