"""The public contract in `schemas/` is what the models give, and what the engine writes is what the contract says."""

import copy
import json
import pathlib
from typing import Any

import jsonschema
import msgspec
import pytest
from ruamel.yaml import YAML

from engine.authoring.compiling import catalogs
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs
from engine.replay import histories, replayer
from engine.runtime import public_schemas
from engine.runtime.kafka import topics
from examples.shop import make_events

ROOT = pathlib.Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
HASH = "9f2c4be1a07d5533c8e1b6aa"

EVENT = {
    "specversion": "1.0",
    "id": "evt-8812",
    "source": "shop/web",
    "type": "cart.updated",
    "subject": "cust-1042",
    "time": "2026-11-22T03:00:00Z",
    "data": {"cart_id": "k-77", "total": 275000, "items": [{"sku": "KOPI-250", "qty": 2}]},
}
DECISION = {
    "id": HASH,
    "type": "message.requested",
    "customer": "cust-1042",
    "at": "2026-11-22T03:45:00Z",
    "journey": "cart-abandonment",
    "version": "sha256:ab12",
    "instance": HASH,
    "step": "nudge",
    "cause": "evt-8812",
    "data": {
        "message_id": HASH,
        "attempt": 1,
        "channel": "whatsapp",
        "place": 0,
        "to": {"phone": "+6281234567890"},
        "purpose": "marketing",
        "template": "cart-reminder",
        "language": "id",
        "content": {"text": "Halo"},
    },
}
ACTION = {
    "id": f"{HASH}/1",
    "message_id": HASH,
    "channel": "whatsapp",
    "customer": "cust-1042",
    "to": {"phone": "+6281234567890"},
    "purpose": "marketing",
    "template": "cart-reminder",
    "language": "id",
    "content": {"text": "Halo"},
    "journey": "cart-abandonment",
    "version": "sha256:ab12",
    "step": "nudge",
    "requested_at": "2026-11-22T03:45:00Z",
    "send_before": "2026-11-22T13:00:00Z",
    "expires_at": "2026-11-22T15:45:00Z",
    "attempt": 1,
}


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def problems(name: str, document: Any) -> list[str]:
    return [error.message for error in validator(name).iter_errors(document)]


def test_the_files_are_what_the_models_give() -> None:
    """`schemas/` holds exactly the files that `dalang schema write` makes."""
    assert {path.name: path.read_text() for path in SCHEMAS.glob("*.json")} == public_schemas.files()


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda path: path.name)
def test_each_is_a_json_schema(path: pathlib.Path) -> None:
    """Each schema is valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_the_asyncapi_document_names_every_topic_and_points_nowhere_else() -> None:
    """Every topic is a channel of the AsyncAPI document, and every reference in it is resolved."""
    document = json.loads((SCHEMAS / "asyncapi.json").read_text())
    assert {each["address"] for each in document["channels"].values()} == {spec.name for spec in topics.Topics().specs()}

    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for each in node for found in references(each)]
        if not isinstance(node, dict):
            return []
        return [value for key, value in node.items() if key == "$ref"] + references(list(node.values()))

    for reference in references(document):
        file, _, pointer = reference.partition("#")
        at = document if not file else json.loads((SCHEMAS / file).read_text())
        for part in pointer.strip("/").split("/") if pointer else ():
            at = at[part]
        assert at


@pytest.mark.parametrize(("name", "document"), [("event", EVENT), ("decision", DECISION), ("action", ACTION)])
def test_the_documented_example_is_valid(name: str, document: dict[str, Any]) -> None:
    """The examples of the documentation are what the schemas describe."""
    assert problems(name, document) == []


@pytest.mark.parametrize(
    ("name", "document", "change"),
    [
        ("event", EVENT, {"subject": None}),
        ("event", EVENT, {"specversion": "0.3"}),
        ("event", EVENT, {"id": ""}),
        ("decision", DECISION, {"type": "message.sent"}),
        ("decision", DECISION, {"at": None}),
        ("decision", DECISION, {"data": {"message_id": HASH}}),
        ("decision", DECISION, {"type": "branch.taken", "data": {}}),
        ("action", ACTION, {"to": None}),
        ("action", ACTION, {"attempt": "1"}),
    ],
)
def test_what_lacks_something_is_refused(name: str, document: dict[str, Any], change: dict[str, Any]) -> None:
    """A missing field, an unknown type, a wrong kind of value is refused."""
    changed = {key: value for key, value in {**copy.deepcopy(document), **change}.items() if value is not None}
    assert problems(name, changed)


def test_an_event_of_the_engines_own_needs_no_subject() -> None:
    """`timer.due` may lack a subject in the schema as in the decoder."""
    assert problems("event", {**{k: v for k, v in EVENT.items() if k != "subject"}, "type": "timer.due"}) == []


def test_every_type_of_decision_is_in_the_schema() -> None:
    """Every type that the engine can record is a case of the schema."""
    cases = validator("decision").schema["oneOf"]
    assert [case["properties"]["type"]["const"] for case in cases] == list(decisions.PAYLOADS)


class _Sample(replayer.Outlet):
    """Some of each type, as they are written."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.decisions: dict[str, list[bytes]] = {}
        self.actions: list[bytes] = []

    def decided(self, decision: decisions.Decision) -> None:
        kept = self.decisions.setdefault(decision.type, [])
        if len(kept) < self.most:
            kept.append(decisions.encode(decision))
            self.actions.extend(actions.encode(action) for action in decider.react(decision))


def test_what_the_engine_writes_is_valid(shop: pathlib.Path) -> None:
    """Every type of decision that a shop's half year leads to, and the actions, are as the schemas say, and read back."""
    sample = _Sample(40)
    replayer.Replayer(catalogs.load(ROOT / "journeys"), replayer.Options(until=inputs.instant(make_events.UNTIL)), sample).run(
        histories.FileHistory(shop / "history.jsonl").lines()
    )
    checks = validator("decision")
    for lines in sample.decisions.values():
        for line in lines:
            assert [error.message for error in checks.iter_errors(json.loads(line))] == []
            assert decisions.encode(decisions.decode(line)) == line
    assert {"journey.entered", "journey.refused", "message.requested", "message.reported"} <= set(sample.decisions)
    checks = validator("action")
    assert [error.message for line in sample.actions for error in checks.iter_errors(json.loads(line))] == []
    assert sample.actions


@pytest.mark.parametrize("name", list(decisions.PAYLOADS))
def test_a_decision_of_each_type_is_valid(name: str) -> None:
    """A payload of each type, made of the least that its fields take, is valid."""
    payload = decisions.PAYLOADS[name]
    made = {field.encode_name: _least(field.type) for field in msgspec.structs.fields(payload) if field.required}
    assert problems("decision", {**DECISION, "type": name, "data": made}) == []
    assert isinstance(decisions.decode(json.dumps({**DECISION, "type": name, "data": made}).encode()).data, payload)


def _least(type_: Any) -> Any:
    """A value of a field's type."""
    shape = msgspec.json.schema(type_)
    if "$ref" in shape:
        return {"id": "e", "type": "t", "time": "2026-11-22T03:00:00Z", "recorded": "2026-11-22T03:00:00Z"}
    if "enum" in shape:
        return shape["enum"][0]
    if "anyOf" in shape:
        return None
    if shape.get("format") == "date-time":
        return "2026-11-22T03:00:00Z"
    return {"string": "x", "integer": 1, "boolean": True, "number": 0.5, "object": {}, "array": []}[shape["type"]]


@pytest.mark.parametrize("path", sorted((ROOT / "journeys").rglob("*.yaml")), ids=lambda path: path.stem)
def test_the_example_files_are_valid(path: pathlib.Path) -> None:
    """An editor that checks journeys, policy and templates by the schemas finds nothing in the examples."""
    kind = "template" if path.parent.name == "templates" else path.stem if path.stem in ("policy", "traits") else "journey"
    document = json.loads(json.dumps(YAML(typ="safe").load(path)))
    assert problems(kind, document) == []
    assert problems(kind, {**document, "colour": "red"})
