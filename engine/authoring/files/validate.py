"""Validation of a YAML file by a pydantic model: each error of pydantic becomes a finding in the words of the journey language.

Called by `directory_reader.py` for the files of a directory, and by `simulated_receipts.py` for the file that describes the
simulated receipts of a replay.
"""

import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import pydantic
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from engine.authoring.files import positions
from engine.authoring.findings import findings, suggestions, unreadable
from engine.authoring.language import steps, template_file

M = TypeVar("M", bound=pydantic.BaseModel)
Location = tuple[str | int, ...]
"""The position of an error in pydantic's form: keys and list indices, and the names of the variants of a union."""

_NAMES: Final = ("other", "mapping", "list", "until", "time", "payday", "date", "if", "else")
_VARIANTS: Final = frozenset({"[key]", *(f"<{name}>" for name in (*_NAMES, *steps.KINDS, *template_file.FORMS))})
"""The parts of a pydantic location that are not keys in the file, because they name the variants of a union: `<send>`."""

_SHOULD_BE: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}


def validated(document: positions.Document, model: type[M]) -> tuple[M | None, list[findings.Sighting]]:
    """Return the document as an instance of the model; None with findings if the document is not valid for the model."""
    plain = document.plain()
    if not isinstance(plain, dict):
        first = next(iter(model.model_fields))
        return None, [unreadable.NotAMapping.at(document.place(()), first=first)]
    try:
        return model.model_validate(plain), []
    except pydantic.ValidationError as exc:
        found = exc.errors(include_url=False)
    except RecursionError:
        return None, [unreadable.TooDeep.at(document.place(()), limit="that")]
    return None, [_finding(error, document, model) for error in found]


def _finding(error: ErrorDetails, document: positions.Document, model: type[pydantic.BaseModel]) -> findings.Sighting:
    """Return the finding for one error of pydantic.

    A file may have thousands of errors. To save time, details that have to be searched in the model are not made here, but later
    and only for the findings that are reported.
    """
    loc = error["loc"]
    path = tuple(part for part in loc if part not in _VARIANTS)
    if error["type"] in ("extra_forbidden", "missing"):
        # For these errors the last part of the location is a key in the file, even if it is equal to the name of a variant.
        path = (*(part for part in loc[:-1] if part not in _VARIANTS), loc[-1])
    at_key = loc[-1:] == ("[key]",)
    match error["type"]:
        case "extra_forbidden":
            known = suggestions.Later(_known, loc, model)
            return findings.UnknownKey.at(document.key_place(path), key=path[-1], where=_where(path[:-1]), known=known)
        case "missing":
            example = suggestions.Later(_missing, loc, model)
            return findings.MissingKey.at(document.place(path[:-1]), key=path[-1], where=_where(path[:-1]), example=example)
        case "union_tag_not_found":
            return _no_kind(error["input"], document, path)
    place = document.key_place(path) if at_key else document.place(path)
    return findings.WrongValue.at(place, why=_why(error), example=suggestions.Later(_hint, loc, model, error))


def _no_kind(step: object, document: positions.Document, path: positions.Path) -> findings.Sighting:
    """Return the finding for a step with no key of a kind of step (`send`, `wait`, …), or with several such keys."""
    keys = list(step) if isinstance(step, dict) else []
    kinds = [key for key in keys if key in steps.KINDS]
    has = f"has {' and '.join(kinds)}" if kinds else "has none of them"
    return findings.StepKind.at(document.place(path), kinds=", ".join(steps.KINDS), has=has)


def _why(error: ErrorDetails) -> str:
    kind, given = error["type"], error["input"]
    context = error.get("ctx", {})
    if kind in _SHOULD_BE:
        return f"This should be {_SHOULD_BE[kind]}, not {_told(given)}"
    match kind:
        case "literal_error":
            return f"{_told(given)} is none of {context['expected']}".replace("'", "").replace(" or ", ", ")
        case "too_short" | "too_long" if context.get("min_length", context.get("max_length")) != 1:
            return f"This has {context.get('min_length', context.get('max_length'))} items, not {len(given)}"
        case "too_short" | "string_too_short":
            return "This is empty"
        case "string_pattern_mismatch":
            return f"{_told(given)} is not written as it should be"
        case "greater_than_equal":
            return f"This is at least {context['ge']}, not {_told(given)}"
        case "less_than_equal":
            return f"This is at most {context['le']}, not {_told(given)}"
    return error["msg"].rstrip(".")


def _told(value: object) -> str:
    match value:
        case dict():
            return "keys with values"
        case list():
            return "a list"
        case None:
            return "nothing"
        case str():
            return f"`{value[:60]}`" if value else "empty text"
    return json.dumps(value, default=str)[:60]


def _known(loc: Location, model: type[pydantic.BaseModel]) -> str:
    owner, _ = _declared(model, loc[:-1])
    return suggestions.meant(str(loc[-1]), _keys(owner))


def _missing(loc: Location, model: type[pydantic.BaseModel]) -> str:
    _, field = _declared(model, loc)
    return f"{loc[-1]}: {_example(field)}"


def _hint(loc: Location, model: type[pydantic.BaseModel], error: ErrorDetails) -> str:
    _, field = _declared(model, loc)
    if error["type"] == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", "")).replace(" or ", ", ").replace("'", "")
        guess = suggestions.meant(str(error["input"]), expected.split(", "))
        return guess.split("Known here")[0].strip() or f"Write one of them, like {expected.split(', ')[0]}."
    if error["type"] == "string_type" and isinstance(error["input"], (int, float, bool)):
        return f'Put quotes around it: "{_told(error["input"])}".'
    return f"For example: {_example(field)}." if field is not None and field.examples else ""


def _example(field: FieldInfo | None) -> str:
    example = field.examples[0] if field is not None and field.examples else "…"
    return example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)


def _where(path: Sequence[str | int]) -> str:
    return positions.shown(path) or "this file"


# Functions that find the model and the field for a location of pydantic.


def _keys(owner: type[pydantic.BaseModel] | None) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in owner.model_fields.items()) if owner is not None else ()


def _declared(
    model: type[pydantic.BaseModel], loc: Sequence[str | int]
) -> tuple[type[pydantic.BaseModel] | None, FieldInfo | None]:
    """Return the model at a location of pydantic, and the last field on the way from `model` to this location.

    The first result is None if the value at the location is not a model. The second is None if no field is on the way.
    """
    here: Any = model
    field: FieldInfo | None = None
    for part in loc:
        models = [each for each in _variants(here) if isinstance(each, type) and issubclass(each, pydantic.BaseModel)]
        if part in _VARIANTS:
            here = next((each for tag, each in _tagged(here) if tag == part), here)
        elif isinstance(part, int):
            here = next((typing.get_args(each)[0] for each in _variants(here) if typing.get_origin(each) is list), None)
        elif models:
            fields = {info.alias or name: info for name, info in models[0].model_fields.items()}
            field = fields.get(part, field)
            here = field.annotation if field is not None else None
        else:
            here = next((typing.get_args(each)[1] for each in _variants(here) if typing.get_origin(each) is dict), here)
    last = next((each for each in _variants(here) if isinstance(each, type) and issubclass(each, pydantic.BaseModel)), None)
    return last, field


def _variants(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _variants(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from _variants(each)
    else:
        yield annotation


def _tagged(annotation: Any) -> Iterator[tuple[str, Any]]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        tags = [each.tag for each in arguments[1:] if isinstance(each, pydantic.Tag)]
        if tags:
            yield tags[0], arguments[0]
        else:
            yield from _tagged(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        for each in arguments:
            yield from _tagged(each)
