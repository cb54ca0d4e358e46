"""Warnings about fields in templates that are probably misspelt, and so are never filled.

Called by `compile.py` with the files of the directory. The fields of events and profiles are not declared anywhere. So the check
compares each field with similar fields elsewhere in the directory (decision 021). It only warns.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from engine.authoring.cel import expressions
from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps
from engine.authoring.liquid import templates

Path = tuple[str, ...]

_SHORT: Final = 4
"""The length of names for which only some slips are looked for, because short names are often similar.

Shorter names are never compared letter by letter (lat and lon). In names of this length, a changed letter is no slip (link and
line).
"""


_LONG: Final = 100
"""The greatest length of a name that is compared."""

_MOST: Final = 50
"""The most similar names that are compared with one name."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Use:
    """A field in a template's text: the place of the text, the offset in it, and the path before `data` or the profile."""

    document: positions.Document
    place: positions.Path
    offset: int
    root: Path


@dataclasses.dataclass(slots=True)
class _Field:
    """One field of events or profiles.

    `firm` is true if an expression, a `set` or an `emit` uses the field. `files` are the texts that use it, as (template,
    language), or as (journey, "") for texts in a journey.
    """

    firm: bool = False
    files: dict[tuple[str, str], list[_Use]] = dataclasses.field(default_factory=dict)


def check(read: Directory) -> Iterator[findings.Sighting]:
    """Yield a warning for each field that only one template file uses and whose name is nearly that of a better known field."""
    known = _fields(read)
    likely = _likely(known)
    policy = read.policy.model.policy.language if read.policy is not None else "id"
    for path, field in known.items():
        if field.firm or len(field.files) != 1:
            continue
        ((file, uses),) = field.files.items()
        names = dict.fromkeys(name for slip in _slips(path[-1]) for name in likely.get((path[:-1], slip), ()))
        better = [name for name in names if _better(known[(*path[:-1], name)], file, policy) and near(path[-1], name)]
        for use in uses if better else ():
            name, meant = (".".join((*use.root, *each)) for each in (path, (*path[:-1], min(better))))
            yield hazards.UnsuppliedField.at(use.document.place(use.place, use.offset), name=name, meant=meant)


def _better(other: _Field, file: tuple[str, str], policy: str) -> bool:
    """Return True if the other field is better known than a field that only this file uses.

    It is if an expression, a `set` or an `emit` uses it, if two other files use it, or if the same template in the policy's
    language uses it.
    """
    name, language = file
    others = {each for each in other.files if each != file}
    return other.firm or len(others) > 1 or (language != policy and others == {(name, policy)} and file not in other.files)


def near(name: str, other: str) -> bool:
    """Return True if a name looks like a typing error of another name.

    A typing error is another case, or one letter added, lost, changed or swapped. Not counted are digits, an s at the end and the
    first letter, because names often differ in them on purpose.
    """
    if name == other:
        return False
    a, b = sorted((_folded(name), _folded(other)), key=len)
    if a == b:
        return True
    if len(a) < _SHORT or len(b) - len(a) > 1 or a[0] != b[0] or b == a + "s":
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :] and not b[start].isdigit()
    if a[start + 1 :] == b[start + 1 :]:
        return len(a) > _SHORT and not (a[start].isdigit() and b[start].isdigit())
    return a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]


def _slips(name: str) -> set[str]:
    """Return the name, and the name without any one letter.

    Two names that differ by one typing error have at least one of these in common.
    """
    folded = _folded(name)
    if len(folded) > _LONG:
        return set()
    return {folded, *(folded[:index] + folded[index + 1 :] for index in range(len(folded)))}


def _likely(known: Iterable[Path]) -> dict[tuple[Path, str], list[str]]:
    """Return `{(path before a field, name with at most one letter left out): [names]}`.

    This index avoids comparing every name with every other name.
    """
    likely: dict[tuple[Path, str], list[str]] = defaultdict(list)
    for path in known:
        for slip in _slips(path[-1]):
            if len(names := likely[path[:-1], slip]) < _MOST:
                names.append(path[-1])
    return likely


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _fields(read: Directory) -> dict[Path, _Field]:
    known: dict[Path, _Field] = defaultdict(_Field)
    for path in _firm(read):
        for end in range(2, len(path) + 1):
            known[path[:end]].firm = True
    for name, files in read.templates.items():
        for code, file in files.items():
            if file is not None:
                _add(known, (name, code), file.document, walk.texts(file.document.plain()))
    for journey in read.journeys:
        _add(known, (journey.model.journey, ""), journey.document, _summaries(journey.model))
    return known


def _add(
    known: dict[Path, _Field], file: tuple[str, str], document: positions.Document, texts: Iterable[tuple[positions.Path, str]]
) -> None:
    """Add the fields that Liquid texts use."""
    seen: set[int] = set()  # starts of texts; an alias starts at its anchor and names the same fields
    for place, text in texts:
        start = document.start(place)
        if start in seen:
            continue
        seen.add(start)
        for written, offset in templates.paths(text):
            path = _field(written)
            use = _Use(document, place, offset, written[: len(written) - len(path)])
            for end in range(2, len(path) + 1):
                known[path[:end]].files.setdefault(file, []).append(use)


def _summaries(journey: journey_file.Journey) -> Iterator[tuple[positions.Path, str]]:
    """Yield the Liquid texts of a journey itself: the summaries of its handoffs."""
    for path, step in walk.every(journey.steps):
        if isinstance(step, steps.HandoffStep):
            yield (*path, "handoff", "summary"), step.handoff.summary


def _firm(read: Directory) -> Iterator[Path]:
    """Yield the fields that expressions read, and the fields that steps write."""
    models: list[Any] = [*read.journeys, *filter(None, (read.policy, read.traits))]
    for file in models:
        for _, text, _ in walk.expressions(file.model):
            yield from map(_field, expressions.paths(text))
        yield from _made(file.document.plain())


def _made(value: Any) -> Iterator[Path]:
    """Yield the fields that the steps `set` and `emit` of a journey write."""
    match value:
        case {"set": dict(fields)}:
            yield from (("profile", str(name)) for name in fields)
        case {"emit": {"data": dict(fields)}}:
            yield from (("data", str(name)) for name in fields)
        case dict() | list():
            for below in value.values() if isinstance(value, dict) else value:
                yield from _made(below)


def _field(path: Path) -> Path:
    """Return the path from `profile` or `data` on, for fields of a profile or of any event's data; empty for all other paths.

    The fields of profiles and events are not declared anywhere.
    """
    if path[:1] == ("profile",):
        return path
    return path[1:] if path[:2] in (("event", "data"), ("entry", "data")) else ()
