"""Warnings about fields in templates that probably no event and no profile has, such as a misspelt name.

Called by `compile.py` with the directory that was read. No file declares which fields events and profiles have. So the check
compares each field in a template with the fields that expressions, journeys and other templates name (decision 021).
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
"""The length up to which two names are often similar without being misspelt.

Shorter names are never compared letter by letter (`lat` and `lon`). In names of exactly this length, a changed letter is no
misspelling (`link` and `line`).
"""


_LONG: Final = 100
"""The greatest length of a name that is checked: a longer name is never taken for a misspelling."""

_MOST: Final = 50
"""The greatest number of names that are kept for one form of a name (see `_slips`), which limits the time of the check."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Use:
    """One mention of a field in a Liquid text.

    `document` and `place` say which text it is, and `offset` is the index of the mention in the text. `root` holds the names
    before the field's own path: `("event",)` for `event.data.total`.
    """

    document: positions.Document
    place: positions.Path
    offset: int
    root: Path


@dataclasses.dataclass(slots=True)
class _Field:
    """The files in which one field is named.

    `firm` is True if an expression or a step `set` or `emit` names the field. `files` is `{(template, language): mentions}`,
    for the Liquid texts that name the field. The summaries of a journey's handoffs are Liquid texts too; their key is
    `(journey, "")`.
    """

    firm: bool = False
    files: dict[tuple[str, str], list[_Use]] = dataclasses.field(default_factory=dict)


def check(read: Directory) -> Iterator[findings.Sighting]:
    """Yield a warning for each field that only one file names and that looks like a misspelling of a better known field.

    `_better` says when one field is better known than another.
    """
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
    """Return True if the field `other` is better known than a field that only the file `file` names.

    `file` is `(template, language)`, and `policy` is the policy's language. The field `other` is better known in three cases:
    an expression, a `set` or an `emit` names it; at least two other files name it; or only the same template in the policy's
    language names it, of which `file` is a translation.
    """
    name, language = file
    others = {each for each in other.files if each != file}
    return other.firm or len(others) > 1 or (language != policy and others == {(name, policy)} and file not in other.files)


def near(name: str, other: str) -> bool:
    """Return True if one of the two names is probably a misspelling of the other.

    Upper and lower case, `_` and `-` make no difference. A misspelling has one letter added, lost or changed, or two
    neighbouring letters swapped. Four differences are taken for intended: another first letter, an additional digit, a digit
    changed to another digit, and an `s` at the end (a plural). `_SHORT` explains the exceptions for short names.
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
    """Return the forms by which similar names are found: the name itself, and the name without each of its letters in turn.

    Two names that differ in one letter, or in the order of two letters, share at least one form. A name longer than `_LONG`
    has no forms.
    """
    folded = _folded(name)
    if len(folded) > _LONG:
        return set()
    return {folded, *(folded[:index] + folded[index + 1 :] for index in range(len(folded)))}


def _likely(known: Iterable[Path]) -> dict[tuple[Path, str], list[str]]:
    """Return the known fields as `{(path of the parent, form of a name): [names with this form]}`.

    `_slips` makes the forms. With this index, `check` compares a name only with names that share a form, and not with every
    name.
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
    """Add the fields that the Liquid texts of one file name to `known`.

    `file` is the key of the file, `(template, language)`, and `texts` are its texts with their paths.
    """
    seen: set[int] = set()  # positions of the texts read so far; a YAML alias has the position of its anchor
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
    """Yield `(path, text)` for the summary of each handoff of a journey; summaries are Liquid texts."""
    for path, step in walk.every(journey.steps):
        if isinstance(step, steps.HandoffStep):
            yield (*path, "handoff", "summary"), step.handoff.summary


def _firm(read: Directory) -> Iterator[Path]:
    """Yield the path of each field that an expression reads, or that a step `set` or `emit` of a journey writes.

    The path is empty for a name that is no field of a profile or of event data (see `_field`).
    """
    models: list[Any] = [*read.journeys, *filter(None, (read.policy, read.traits))]
    for file in models:
        for _, text, _ in walk.expressions(file.model):
            yield from map(_field, expressions.paths(text))
        yield from _made(file.document.plain())


def _made(value: Any) -> Iterator[Path]:
    """Yield the path of each field that a step `set` or `emit` writes; `value` is the plain YAML data of a file."""
    match value:
        case {"set": dict(fields)}:
            yield from (("profile", str(name)) for name in fields)
        case {"emit": {"data": dict(fields)}}:
            yield from (("data", str(name)) for name in fields)
        case dict() | list():
            for below in value.values() if isinstance(value, dict) else value:
                yield from _made(below)


def _field(path: Path) -> Path:
    """Return the path of a field from `profile` or `data` on; empty if the name is no field of a profile or of event data.

    For example, both `event.data.total` and `entry.data.total` have the path `("data", "total")`. Only these fields are
    checked, because nobody declares them.
    """
    if path[:1] == ("profile",):
        return path
    return path[1:] if path[:2] in (("event", "data"), ("entry", "data")) else ()
