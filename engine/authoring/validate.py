"""Documents to models: what pydantic says of a document, as findings at their places."""

from typing import Any, TypeVar

import pydantic

from engine.authoring import findings, language, load

_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def validated(document: load.Document, model: type[_Model]) -> tuple[_Model | None, list[findings.Finding]]:
    """The model of a document, or everything that keeps it from being one."""
    try:
        return model.model_validate(document.data), []
    except pydantic.ValidationError as exc:
        told = [_finding(document, model, error) for error in exc.errors(include_url=False)]
        return None, list(dict.fromkeys(_unshadowed(told)))


def _finding(document: load.Document, model: type[pydantic.BaseModel], error: Any) -> findings.Finding:
    path = _path(document, error["loc"])
    kind, last = error["type"], error["loc"][-1] if error["loc"] else ""
    if kind == "extra_forbidden":
        place = document.place((*path, last) if path[-1:] != (last,) else path, key=True)
        if last in language.COMING:
            return findings.NotYet.at(place, key=last)
        known = document.value(path[:-1] if path[-1:] == (last,) else path)
        return findings.UnknownKey.at(place, key=last, known=_siblings(model, known, error["loc"]))
    if kind == "missing":
        return findings.MissingKey.at(document.place(path), key=last)
    if kind == "string_pattern_mismatch" and "a-z0-9-" in str(error.get("ctx", {}).get("pattern", "")):
        return findings.WrongName.at(document.place(path), detail=f"{str(document.value(path))[:60]!r} is not a name")
    detail = str(error["msg"]).removeprefix("Value error, ")
    return findings.WrongValue.at(document.place(path), detail=detail[:1].lower() + detail[1:])


def _path(document: load.Document, loc: tuple[str | int, ...]) -> load.Path:
    """The parts of pydantic's location that are keys of the document; the others name alternatives of a union."""
    path: load.Path = ()
    for part in loc:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _unshadowed(told: list[findings.Finding]) -> list[findings.Finding]:
    """A union reports each alternative: keep what says most (an unknown or missing key) at each place."""
    by_place: dict[tuple[int, int], list[findings.Finding]] = {}
    for finding in told:
        by_place.setdefault((finding.line, finding.column), []).append(finding)
    kept = []
    for group in by_place.values():
        named = [finding for finding in group if finding.code in ("DLG120", "DLG121", "DLG123")]
        durations = [finding for finding in group if "duration" in finding.message]
        kept.extend(named or durations[:1] or group[:1])
    return sorted(kept, key=lambda finding: (finding.line, finding.column, finding.code))


def _siblings(model: type[pydantic.BaseModel], value: Any, loc: tuple[str | int, ...]) -> str:
    """The keys of the model that the unknown key stands in, found by the schema's own names."""
    at: Any = model
    for part in loc[:-1]:
        at = _inside(at, part) or at
    fields = at.model_fields if isinstance(at, type) and issubclass(at, pydantic.BaseModel) else {}
    return ", ".join(field.alias or name for name, field in fields.items()) or "see the schema"


def _inside(at: Any, part: str | int) -> Any:
    """The model that a location part leads to."""
    if not (isinstance(at, type) and issubclass(at, pydantic.BaseModel)):
        return None
    for name, field in at.model_fields.items():
        if part in (name, field.alias):
            return _model_of(field.annotation, None)
    return _model_of(at, str(part))


def _model_of(annotation: Any, named: str | None) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation if named is None or annotation.__name__ == named else None
    for inner in getattr(annotation, "__args__", ()):
        found = _model_of(inner, named)
        if found is not None:
            return found
    return None
