"""The linter of traits.yaml: expressions that read what they may, values that fit, moments that can be foretold.

Called by `lint.py`, also for what the traits and segments declare to every other expression.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from engine.authoring import expressions, fields, findings, moments, names, places, traits
from engine.authoring.directory import File

_MOST: Final = 20
"""Problems of one text: who mends these sees the rest."""


def declared(written: Mapping[str, traits.Trait]) -> names.Known:
    """Trait -> what is known of its value: the fields of rfm, a list, a time where the expression gives one."""
    return {name: _value(trait) for name, trait in written.items()}


def _value(trait: traits.Trait) -> names.Known | names.Kind | None:
    if trait.compute == "rfm":
        return dict.fromkeys(names.RFM)
    if trait.compute == "distinct":
        return "list"
    if trait.compute in ("first", "last", "most_frequent") and trait.value is not None:
        return "time" if expressions.kind(trait.value, names.TRAIT) == "TIMESTAMP" else None
    return None


def check(file: File[traits.TraitsFile], scope: names.Workspace) -> Iterator[findings.Finding]:
    """All traits, then all segments."""
    for name, trait in file.model.traits.items():
        path: places.Path = ("traits", name)
        number: fields.Wanted = "number" if trait.compute in traits.OF_NUMBERS else "value"
        for key, text, wanted in (("when", trait.when, "condition"), ("value", trait.value, number)):
            if text is not None:
                yield from _said(file, (*path, key), expressions.check(text, names.TRAIT, wanted))  # type: ignore[arg-type]
        for key in traits.BANDS:
            bands = getattr(trait, key)
            if bands is not None and any(low >= high for low, high in itertools.pairwise(bands)):
                yield findings.BandsOutOfOrder.at(file.document.place((*path, key)), key=key)
    for name, text in file.model.segments.items():
        problems = tuple(itertools.islice(expressions.check(text, scope.segment(), "condition"), _MOST))
        yield from _said(file, ("segments", name), problems or moments.check(text))


def _said(
    file: File[traits.TraitsFile], path: places.Path, problems: Iterator[findings.Problem] | tuple[findings.Problem, ...]
) -> Iterator[findings.Finding]:
    for each in itertools.islice(problems, _MOST):
        yield each.kind.at(file.document.place(path, each.offset), **each.details)
