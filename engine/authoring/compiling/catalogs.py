"""Catalogs: a compiled bundle together with the objects that evaluate expressions, render templates and look up time zones.

The CLI and the worker call `bundle` for a directory of YAML files, and the demo calls `load`. `engine/replay/definitions.py`
calls `of` with bundles, some of which were read back from the topic `journey.bundles`.
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
"""The time zones for all catalogs.

All catalogs share `_EXPRESSIONS`, `_TEMPLATES` and `_ZONES`. So an expression or a template that was compiled for one bundle is
not compiled again for the next bundle.
"""


def load(path: pathlib.Path | str) -> catalog.Catalog:
    """Return the catalog of a directory of YAML files.

    Raises `errors.BundleError` with all findings that are errors, if there are any.
    """
    return of(bundle(path))


def bundle(path: pathlib.Path | str) -> definition.Bundle:
    """Return the compiled bundle of a directory of YAML files.

    Raises `errors.BundleError` with all findings that are errors, if there are any.
    """
    result = compiler.compile_directory(path)
    if result.bundle is None:
        told = "\n".join(f"  {finding}" for finding in result.errors)
        raise errors.BundleError(f"The journeys in {pathlib.Path(path).as_posix()} cannot be used:\n{told}\n")
    return result.bundle


def of(live: definition.Bundle, others: Iterable[definition.Bundle] = ()) -> catalog.Catalog:
    """Return the catalog in which the bundle `live` is the live bundle.

    `others` are older bundles: instances may still be pinned to the versions of their journeys.
    """
    versions = {journey.version: journey for other in others for journey in other.journeys}
    return catalog.Catalog(live, _EXPRESSIONS, _TEMPLATES, versions, _ZONES)
