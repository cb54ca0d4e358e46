"""The public contract, made from the models: JSON Schemas of the records, and the AsyncAPI 3 document of the topics.

Called by `dalang schema`, which writes the folder `schemas/`. CI fails if that folder differs from the models. A change of a
record's shape needs a new schema version, an upcaster (code that converts the old shape), and a saved history as a test.
"""

import inspect
import json
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from engine import __version__
from engine.authoring.language import journey_file
from engine.core.model import actions, decisions, inputs
from engine.runtime.kafka import topics

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TIME: Final = {"type": "string", "format": "date-time"}


def files() -> dict[str, str]:
    """Return the text of every file of `schemas/`, by file name."""
    documents = {
        "event.schema.json": event(),
        "decision.schema.json": decision(),
        "action.schema.json": action(),
        **journey_file.schemas(),
        "asyncapi.json": asyncapi(),
    }
    return {name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in documents.items()}


def event() -> dict[str, Any]:
    """Return the JSON Schema of an event on `customer.events`: a CloudEvent 1.0 in the JSON format, structured mode."""
    return {
        "$schema": _DRAFT,
        "$id": "dalang/event.schema.json",
        "title": "Event",
        "description": "A fact from outside. The record's key is the subject.",
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1},
            "type": {"type": "string", "minLength": 1},
            "subject": {"type": "string", "description": "The customer's id; required but for " + _without_subject()},
            "time": {**_TIME, "description": "When it happened; the recorded time where it is missing."},
            "recordedtime": {**_TIME, "description": "When the log took it; believed in files and by --clock stream."},
            "kafkapartition": {"type": ["integer", "string"]},
            "kafkaoffset": {"type": ["integer", "string"]},
            "kafkakey": {"type": "string"},
            "data": {"description": "What the type says."},
        },
        "if": {"properties": {"type": {"enum": sorted(inputs.WITHOUT_SUBJECT)}}},
        "else": {"required": ["subject"]},
    }


def decision() -> dict[str, Any]:
    """Return the JSON Schema of a decision, with the shape of `data` for each decision type."""
    shapes, definitions = _shapes(decisions.PAYLOADS.values())
    fields = ("id", "type", "customer", "at", "journey", "version", "instance", "step", "cause", "data")
    text = {"type": "string"}
    return {
        "$schema": _DRAFT,
        "$id": "dalang/decision.schema.json",
        "title": "Decision",
        "description": "A recorded fact on journey.events. Fields that hold their default are left out of `data`.",
        "type": "object",
        "required": list(fields),
        "properties": {
            **dict.fromkeys(fields, text),
            "at": {**_TIME, "description": "Logical time."},
            "type": {"enum": list(decisions.PAYLOADS)},
            "late": {"type": "boolean", "description": "A timer led to it that could not fire when it was due."},
            "data": {"type": "object"},
        },
        "additionalProperties": False,
        "oneOf": [
            {"properties": {"type": {"const": name}, "data": shape}}
            for name, shape in zip(decisions.PAYLOADS, shapes, strict=True)
        ],
        "$defs": definitions,
    }


def action() -> dict[str, Any]:
    """Return the JSON Schema of an action."""
    (shape,), definitions = _shapes([actions.Action])
    return {"$schema": _DRAFT, "$id": "dalang/action.schema.json", "title": "Action", **shape, "$defs": definitions}


def _shapes(types: Iterable[type]) -> tuple[Iterable[dict[str, Any]], dict[str, Any]]:
    """Return the JSON Schema of each of these msgspec types, and `{name: JSON Schema}` of the types that they refer to.

    The descriptions in the schemas are docstrings. Python 3.13 strips the indentation of docstrings and 3.11 does not, so the
    indentation is removed here.
    """
    shapes, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    for each in definitions.values():
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    return shapes, definitions


def asyncapi() -> dict[str, Any]:
    """Return the topics as an AsyncAPI 3.0 document; "receive" and "send" are from Dalang's point of view."""
    messages = {
        topics.EVENTS: ("event", "receive", "Everything that happens to a customer; kept for 30 days by default."),
        topics.DECISIONS: ("decision", "send", "What was decided; kept for 90 days by default."),
        **{name: ("action", "send", f"Requests to {channel}; kept for 7 days.") for channel, name in topics.ACTIONS.items()},
        topics.DEAD_LETTERS: ("deadLetter", "send", "Records that were no events, as they came; kept for 30 days."),
        topics.BUNDLES: ("bundle", "send", "Compiled bundles with their sources, by bundle id; compacted. Dalang's own."),
        topics.STATE: ("state", "send", "States with the offset of their last input; compacted. Dalang's own."),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dalang",
            "version": __version__,
            "description": "Kafka topics; the key is the customer's id.",
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic, name, told) for topic, (name, _, told) in messages.items()},
        "operations": {
            f"{action}{_id(topic)[:1].upper()}{_id(topic)[1:]}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{_id(topic)}"},
            }
            for topic, (_, action, _) in messages.items()
        },
        "components": {
            "messages": {
                **{
                    name: {"payload": {"schemaFormat": _FORMAT, "schema": {"$ref": f"./{name}.schema.json"}}}
                    for name in ("event", "decision", "action")
                },
                "deadLetter": {"headers": _dead_letter_headers(), "contentType": "application/octet-stream"},
                "bundle": {"contentType": "application/json"},
                "state": {"contentType": "application/msgpack"},
            }
        },
    }


_FORMAT: Final = "application/schema+json;version=2020-12"


def _channel(topic: str, message: str, told: str) -> dict[str, Any]:
    return {
        "address": topic,
        "description": told,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _dead_letter_headers() -> dict[str, Any]:
    names = {"topic": "Where it stood.", "partition": "", "offset": "", "reason": "Why it was put aside."}
    sometimes = {
        "customer": "Whose it was, where one record is about many (timer.due).",
        "bytes": "Its size, where it was too large for this topic and only its beginning is here.",
    }
    return {
        "type": "object",
        "required": list(names),
        "properties": {name: {"type": "string", "description": told} for name, told in {**names, **sometimes}.items()},
    }


def _id(topic: str) -> str:
    head, *rest = topic.split(".")
    return head + "".join(part.capitalize() for part in rest)


def _without_subject() -> str:
    return ", ".join(sorted(inputs.WITHOUT_SUBJECT)) + "."
