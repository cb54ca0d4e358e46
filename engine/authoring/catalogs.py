"""Catalogs: bundles given their meaning by CEL and Liquid, ready to decide with.

Called by replays (from a directory) and by workers (from bundles that were read back from `journey.bundles`).
"""

import pathlib
from collections.abc import Iterable
from typing import Final

from engine.authoring import compile as compiler
from engine.authoring import expressions, templates
from engine.core import catalog, definition, errors

_EXPRESSIONS: Final = expressions.CelExpressions()
_TEMPLATES: Final = templates.LiquidTemplates()


def load(path: pathlib.Path | str) -> catalog.Catalog:
    """The catalog of a directory; `errors.BundleError` with all error findings if it cannot be used."""
    return of(bundle(path))


def bundle(path: pathlib.Path | str) -> definition.Bundle:
    """The compiled bundle of a directory; `errors.BundleError` with all error findings if there is none."""
    result = compiler.compile_directory(path)
    if result.bundle is None:
        told = "\n".join(f"  {finding}" for finding in result.errors)
        raise errors.BundleError(f"The journeys in {path} cannot be used:\n{told}\n")
    return result.bundle


def of(live: definition.Bundle, others: Iterable[definition.Bundle] = ()) -> catalog.Catalog:
    """The catalog with `live` in front, and every version of the other bundles for the instances that entered by them."""
    versions = {journey.version: journey for each in others for journey in each.journeys}
    return catalog.Catalog(live, _EXPRESSIONS, _TEMPLATES, versions)
