"""The reference page of the language, made from the same models as the JSON Schemas.

`dalang schema write` writes the page to docs/reference.md, and `dalang schema check` reports a page that differs from the models.
The page shows every key with its type, its default (or `required`), its meaning and an example. The sentences about the behaviour
of the engine come from `behaviour.py`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.authoring.docs import behaviour, markdown
from engine.authoring.language import journey_file

Schema = Mapping[str, Any]

_TITLES: Final = {
    "journey": ("A journey", "`<name>.yaml`: one file, one journey."),
    "policy": ("The policy", "`policy.yaml`: what holds for every journey of the directory."),
    "traits": ("Traits and segments", "`traits.yaml`: values computed from a customer's events, and named conditions over them."),
    "template": ("A template", "`templates/<name>.<language>.yaml`: one body for each channel."),
}
_HEAD: Final = """\
# The language

This page says what may be written in the files of a directory of journeys; [the tutorial](tutorial.md) writes a first one.
[Semantics](semantics.md) says what the engine then does, rule by rule, and the [glossary](glossary.md) explains the words. The
files named after "In use" are complete and tested. `dalang schema write` makes this page from the models in `engine/authoring`;
do not edit it. A directory of journeys holds four kinds of file:

{contents}

Durations are a whole number and `s`, `m`, `h`, `d` or `w`. Where a type says CEL, the text is an expression
([cel.dev](https://cel.dev)) over `event`, `entry`, `profile`, `consent`, `traits`, `segments`, `steps`, `now`, `journey` and
`policy`, with `days_since(timestamp)`, `local_hour(timestamp)` and `distance_km(lat, lon, lat, lon)`. Unknown keys are errors.
"""


def page() -> str:
    """Return the text of docs/reference.md."""
    schemas = journey_file.schemas()
    contents = "\n".join(
        f"* [{_TITLES[kind][0]}](#{_anchor(_TITLES[kind][0])}): {_TITLES[kind][1]}" for kind in journey_file.FILES
    )
    parts = [_HEAD.format(contents=contents)]
    for kind in journey_file.FILES:
        title, told = _TITLES[kind]
        schema = schemas[f"{kind}.schema.json"]
        parts.append(f"## {title}\n\n{told}\n\n{_table(schema)}")
        parts += (_section(name, below) for name, below in _in_order(schema))
    return "\n".join(parts)


def _section(name: str, schema: Schema) -> str:
    told = " ".join(str(schema.get("description", "")).split())
    return f"### {name}\n\n{told}\n\n{_behaviour(name)}{_table(schema)}"


def _behaviour(name: str) -> str:
    """Return the paragraph about the behaviour of a model; empty text if `behaviour.py` has no entry for the model.

    `name` is the name of the model, such as `SendStep`.
    """
    found = behaviour.OF.get(name)
    if found is None:
        return ""
    files = ", ".join(f"[{file}.yaml](../journeys/{file}.yaml)" for file in found.used_in)
    return found.told + (f" In use: {files}." if files else "") + "\n\n"


def _in_order(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Return the models in the schema of a file, as (name, schema); each model comes after the first model that refers to it."""
    definitions = schema.get("$defs", {})
    seen: list[str] = list(_named(schema.get("properties", {})))
    for name in seen:  # the list grows during the loop
        seen += (other for other in _named(definitions[name].get("properties", {})) if other not in seen)
    return ((name, definitions[name]) for name in dict.fromkeys(seen))


def _named(node: Any) -> Iterator[str]:
    """Yield the names of the models to which `node`, a part of a JSON Schema, refers with `$ref`."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield _of_reference(node)
        for key, below in node.items():
            if key not in ("examples", "default", "discriminator"):
                yield from _named(below)
    elif isinstance(node, list):
        for below in node:
            yield from _named(below)


def _of_reference(node: Schema) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _table(schema: Schema) -> str:
    rows, required = [], schema.get("required", ())
    for key, field in schema.get("properties", {}).items():
        default = "**required**" if key in required else _default(field.get("default"))
        meaning = field.get("description", "").replace("<", "&lt;")  # otherwise a browser would hide `<name>` as an HTML tag
        rows.append((f"`{key}`", _type(field), default, meaning, _example(field)))
    return "\n".join(markdown.table(("key", "type", "default", "meaning", "example"), rows)) + "\n"


def _type(field: Schema) -> str:
    """Return the type of a field in words, from its JSON Schema: `list of text`, `whole number`."""
    if "$ref" in field:
        name = _of_reference(field)
        return f"[{name}](#{_anchor(name)})"
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$comment" in field:
        return str(field["$comment"])
    variants = field.get("anyOf") or field.get("oneOf")
    if variants:
        return " or ".join(dict.fromkeys(_type(each) for each in variants if each.get("type") != "null"))
    match field.get("type"):
        case "array":
            return f"list of {_type(field.get('items', {}))}"
        case "object":
            return _mapping(field)
    return _PLAIN.get(str(field.get("type")), "anything")


_PLAIN: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`", "null": "null"}


def _mapping(field: Schema) -> str:
    below = field.get("additionalProperties") or next(iter(field.get("patternProperties", {}).values()), None)
    keys = field.get("propertyNames", {})
    names = _type(keys) if "enum" in keys else "name"
    return f"{names} → {_type(below)}" if isinstance(below, dict) and below else "keys with values"


def _default(value: Any) -> str:
    if value is None:
        return ""
    if value == "":
        return "empty"
    return f"`{value}`" if isinstance(value, str) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _example(field: Schema) -> str:
    examples = field.get("examples", ())
    return " ".join(f"`{_written(each)}`" for each in examples)


def _written(value: Any) -> str:
    """Return an example as it is written in YAML: as JSON, but a text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")
