"""The linter's checks of traits.yaml: expressions, bands that do not rise, and segments that change at unpredictable times.

Called by `lint/__init__.py`. `policies.py` calls `declared`, because all other expressions may use the names of traits.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Literal

from engine.authoring.cel import change_moments, expressions
from engine.authoring.files import positions
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings
from engine.authoring.language import declared_names, fields, traits_file
from engine.authoring.lint import text_problems
from engine.core.model import definition


def declared(written: Mapping[str, traits_file.Trait]) -> declared_names.Known:
    """Return for each trait what is known about its value, as `{trait: kind or names of fields}`.

    The value of `rfm` has fields, and the value of `distinct` is a list. The value of `first`, `last` or `most_frequent` is a
    time if the trait's expression returns a time. Of all other values nothing is known (None).
    """
    return {name: _value(trait) for name, trait in written.items()}


@functools.lru_cache(maxsize=1_000)
def _is_time(text: str) -> bool:
    return expressions.kind(text, declared_names.TRAIT) == "TIMESTAMP"


def _value(trait: traits_file.Trait) -> declared_names.Known | declared_names.Kind | None:
    if trait.compute == "rfm":
        return dict.fromkeys(declared_names.RFM)
    if trait.compute == "distinct":
        return "list"
    if trait.compute in ("first", "last", "most_frequent") and trait.value is not None:
        return "time" if _is_time(trait.value) else None
    return None


def check(file: File[traits_file.TraitsFile], scope: declared_names.Workspace) -> Iterator[findings.Sighting]:
    """Yield findings about all traits and segments of traits.yaml.

    `scope` holds the names that the conditions of segments may use.
    """
    written, known = text_problems.Texts(file.document), scope.segment()
    for path, text, wanted in _texts(file.model):
        yield from written.found(path, wanted, text, functools.partial(_problems, wanted=wanted, known=known))
    for name, trait in file.model.traits.items():
        for key in traits_file.BANDS:
            bands = getattr(trait, key)
            if bands is not None and any(low >= high for low, high in itertools.pairwise(bands)):
                yield findings.BandsOutOfOrder.at(file.document.place(("traits", name, key)), key=key)


def _texts(model: traits_file.TraitsFile) -> Iterator[tuple[positions.Path, str, fields.Wanted | Literal["segment"]]]:
    for name, trait in model.traits.items():
        if trait.when is not None:
            yield ("traits", name, "when"), trait.when, "condition"
        if trait.value is not None:
            yield ("traits", name, "value"), trait.value, "number" if trait.compute in definition.OF_NUMBERS else "value"
    for name, text in model.segments.items():
        yield ("segments", name), text, "segment"


def _problems(text: str, wanted: fields.Wanted | Literal["segment"], known: declared_names.Tree) -> Iterator[findings.Problem]:
    if wanted != "segment":
        yield from expressions.check(text, declared_names.TRAIT, wanted)
        return
    found = tuple(expressions.check(text, known, "condition"))
    yield from found or change_moments.check(text)
