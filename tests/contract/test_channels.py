"""Every use of a channel takes it from the table in `engine/core/model/channels.py`.

`test_contributing.py` runs this file in a copy of the tree with a new row, which has to pass here as every other row does.
"""

import datetime
import json
import pathlib
from typing import Any

import msgspec
import pytest

from engine.authoring.compiling import catalogs
from engine.authoring.compiling import compile as compiler
from engine.authoring.liquid import templates
from engine.core.context import expression_scope
from engine.core.model import channels, decisions, definition, inputs, state
from engine.core.rules import sms_parts
from engine.runtime.kafka import acl, topics
from tests.unit.core import story

ROOT = pathlib.Path(__file__).parents[2]
NOW = datetime.datetime(2026, 11, 22, 3, tzinfo=datetime.UTC)
COST = 100

pytestmark = pytest.mark.parametrize("row", channels.TABLE, ids=channels.NAMES)


def written(directory: pathlib.Path, row: channels.Channel, body: Any = None) -> pathlib.Path:
    """A directory with one journey that sends on the channel, with its example as the body."""
    (directory / "templates").mkdir()
    settings = {"address": "profile.at", "cost": COST, "reports": list(row.reports)}
    policy = {"consent": {"transactional": "implied"}, "channels": {row.name: settings}}
    place = {"channel": row.name, "success": row.billed, "fallback_after": "1h"}
    journey = {
        "journey": "one",
        "owner": "tests@toko.example",
        "purpose": "transactional",
        "status": "live",
        "enter": {"event": "go", "reentry": "never"},
        "steps": [{"id": "tell", "send": {"template": "hello", "channels": [place]}}],
    }
    for name, document in {
        "policy.yaml": {"policy": policy},
        "one.yaml": journey,
        "templates/hello.id.yaml": {row.name: dict(row.example) if body is None else body},
    }.items():
        (directory / name).write_text(json.dumps(document, indent=1))
    return directory


def found(directory: pathlib.Path) -> list[tuple[str, str]]:
    return [(each.file, each.code) for each in compiler.compile_directory(directory).findings]


def sent(directory: pathlib.Path) -> story.Story:
    """The story of a customer with an address, whom the journey sends the message."""
    told = story.Story(catalogs.load(directory))
    told.when("customer.identified", "00:01", traits={"at": "here"})
    told.when("go", "10:00")
    return told


def test_the_files_for_others_name_it(row: channels.Channel) -> None:
    """The schemas of a template, a policy, a journey and the topics, the reference and the page of rights."""
    schemas = {path.name: json.loads(path.read_text()) for path in (ROOT / "schemas").glob("*.json")}
    template = schemas["template.schema.json"]
    assert row.told == template["properties"][row.name]["description"]
    assert [dict(row.example)] == template["properties"][row.name]["examples"]
    for body in row.bodies:
        shape = template["$defs"][body.name]
        assert [field.name for field in body.fields] == list(shape["properties"])
        assert [field.name for field in body.fields if field.required] == shape["required"]
    policy = schemas["policy.schema.json"]["$defs"]["Policy"]["properties"]
    assert row.name in policy["channels"]["propertyNames"]["enum"]
    assert row.name in policy["failure_classes"]["propertyNames"]["enum"]
    assert row.name in schemas["journey.schema.json"]["$defs"]["Channel"]["properties"]["channel"]["enum"]
    assert f"actions.{row.name}" in {each["address"] for each in schemas["asyncapi.json"]["channels"].values()}
    assert f"| `{row.name}` | [{row.bodies[0].name}]" in (ROOT / "docs" / "reference.md").read_text()
    assert f"`actions.{row.name}`" in (ROOT / "docs" / "rights.md").read_text()


def test_a_journey_may_send_on_it(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """The check finds nothing in a policy, a template and a journey that use the channel as its row says."""
    assert found(written(tmp_path, row)) == []


def test_a_body_has_the_keys_of_the_table(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """A key that the row does not name, and a required key that is missing, are findings."""
    assert ("templates/hello.id.yaml", "DLG620") in found(written(tmp_path, row, {**row.example, "colour": "red"}))
    first = row.bodies[-1].fields[0].name
    lacking = {key: value for key, value in row.example.items() if key != first}
    (tmp_path / "templates" / "hello.id.yaml").write_text(json.dumps({row.name: lacking}))
    assert ("templates/hello.id.yaml", "DLG621") in found(tmp_path)


def test_a_policy_declares_reports_of_the_table_only(
    row: channels.Channel, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status that the row does not name is a finding, also for a row that names fewer than today."""
    written(tmp_path, row)
    few = msgspec.structs.replace(row, reports=row.reports[:1])
    monkeypatch.setattr(channels, "OF", {**channels.OF, row.name: few})
    assert [("policy.yaml", "DLG637")] * (len(row.reports) - 1) == found(tmp_path)


def test_the_compiled_policy_has_its_failure_classes(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """The usual meanings of its codes are in the bundle of a policy that names the channel."""
    bundle = compiler.compile_directory(written(tmp_path, row)).bundle
    assert bundle is not None
    assert {row.name: dict(row.failures)} == bundle.policy.failure_classes


def test_each_key_is_rendered_as_the_table_says(row: channels.Channel) -> None:
    """Values are escaped where a key is HTML, and white space is joined where a key is one line."""
    names = expression_scope.Scope(state.Customer("ayu", profile={"name": "A & B"}), definition.Policy(), NOW)
    text = "Hai\n {{ profile.name }}"
    for body in row.bodies:
        shaped = {"text": text, "texts": [text], "values": {"a": text}}
        written_ = {field.name: shaped[field.kind] for field in body.fields}
        rendered = templates.LiquidTemplates().render({"id": {row.name: written_}}, ("id",), row.name, names)
        assert rendered is not None
        for field in body.fields:
            name = "A &amp; B" if field.html else "A & B"
            filled = f"Hai {name}" if field.one_line else f"Hai\n {name}"
            assert {"text": filled, "texts": [filled], "values": {"a": filled}}[field.kind] == rendered.content[field.name]


def test_an_action_goes_to_its_topic_with_its_address(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """The action names the channel, holds the address under the row's name for it, and has a topic that exists."""
    (action,) = sent(written(tmp_path, row)).sent
    assert (row.name, {row.address: "here"}) == (action.channel, action.to)
    assert topics.ACTIONS[action.channel] in {spec.name for spec in topics.Topics().specs()}
    assert topics.ACTIONS[action.channel] in acl.page()
    parts = sms_parts.parts(str(action.content.get("text", ""))).count if row.counted_in_parts else 0
    assert parts == action.parts


def test_it_costs_its_price_when_it_is_billed(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """The status at which the row is billed adds the price; a status below it adds nothing."""
    told = sent(written(tmp_path, row))
    named: dict[str, Any] = {"message_id": told.sent[0].message_id, "channel": row.name, "attempt": 1}
    below = definition.STATUSES[: definition.STATUSES.index(row.billed)]
    for index, status in enumerate((*below, row.billed)):
        told.when(f"message.{status}", f"10:0{index + 1}", **named)
    costs = [each.data.cost for each in told.told if isinstance(each.data, decisions.MessageReported)]
    assert [*(0 for _ in below), COST] == costs


def test_free_text_goes_within_its_window_only(row: channels.Channel, tmp_path: pathlib.Path) -> None:
    """A channel without a window takes text at any time; one with a window only after the customer wrote."""
    body = next((each for each in row.bodies if {field.name for field in each.fields if field.required} == {"text"}), None)
    if body is None:
        return
    directory = written(tmp_path, row, {"text": "Halo"})
    assert (row.window is None) == bool(sent(directory).sent)
    told = story.Story(catalogs.load(directory))
    told.when("customer.identified", "00:01", traits={"at": "here"})
    told.when("message.received", "09:00", channel=row.name, text="Hai")
    told.when("go", "10:00")
    assert len(told.sent) == 1


def test_a_consent_may_name_it(row: channels.Channel) -> None:
    """A grant for this channel alone is an event that the engine takes."""
    inputs.check(inputs.Event("e", "consent.granted", NOW, NOW, "ayu", "t", {"purpose": "marketing", "channel": row.name}))
