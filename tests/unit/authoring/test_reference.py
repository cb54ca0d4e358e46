import json
import pathlib
import re
from typing import Any

import pytest
import ruamel.yaml
import typer.testing

from engine.authoring.docs import behaviour, reference
from engine.authoring.language import journey_file
from engine.cli import schema

ROOT = pathlib.Path(__file__).parents[3]


def test_the_page_is_what_the_models_give() -> None:
    """docs/reference.md is made, and made again whenever a model changes: `dalang schema write`."""
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == reference.page()


def keys(node: Any) -> set[str]:
    if isinstance(node, list):
        return {key for each in node for key in keys(each)}
    if not isinstance(node, dict):
        return set()
    return set(node.get("properties", {})) | {
        key for name, below in node.items() if name not in ("default", "examples") for key in keys(below)
    }


@pytest.mark.parametrize("kind", journey_file.FILES)
def test_every_key_of_every_file_is_in_it(kind: str) -> None:
    """With its type, its meaning and an example."""
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.*) \| (.+) \| (.+) \|$", reference.page(), re.MULTILINE)
    said = {key: cells for key, *cells in rows}
    for key in keys(journey_file.schemas()[f"{kind}.schema.json"]):
        type_, _, meaning, example = said[key]
        assert type_ != "anything", key
        assert meaning.strip(), key
        assert example.startswith("`"), key


MODELS: dict[str, Any] = {
    name: model for each in journey_file.schemas().values() for name, model in each.get("$defs", {}).items()
}


def test_every_kind_of_step_has_its_behaviour() -> None:
    """A step's section says what it does, with a rule of docs/semantics.md and a complete journey that uses it."""
    page = reference.page()
    for step in (name for name in MODELS if name.endswith("Step")):
        section = page.partition(f"### {step}\n")[2].partition("\n### ")[0]
        assert re.search(r"\]\(semantics\.md#[\w-]+\)", section), step
        assert re.search(r"In use: \[[\w-]+\.yaml\]\(\.\./journeys/", section), step


def keys_of_file(node: Any) -> set[str]:
    if isinstance(node, list):
        return {key for each in node for key in keys_of_file(each)}
    return set(node) | {key for below in node.values() for key in keys_of_file(below)} if isinstance(node, dict) else set()


@pytest.mark.parametrize("model", behaviour.OF)
def test_a_file_that_is_named_beside_a_part_uses_it(model: str) -> None:
    """It has the keys that the part must have; of a part that must have none, one of those that it may have."""
    properties = {*MODELS[model]["properties"]}
    required = {*MODELS[model].get("required", ())} - {"id"}
    for file in behaviour.OF[model].used_in:
        used = keys_of_file(ruamel.yaml.YAML(typ="safe").load((ROOT / "journeys" / f"{file}.yaml").read_text()))
        assert required <= used, file
        assert properties & used, file


def test_no_cell_has_a_tag() -> None:
    """`<name>` outside of code would be an HTML tag, and nobody would see it."""
    assert re.findall(r"<\w+", re.sub(r"`[^`]*`", "", reference.page())) == []


def test_every_link_of_it_leads_somewhere() -> None:
    """Each anchor is the heading of a section."""
    page = reference.page()
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^##+ (.+)$", page, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert links <= headings
    assert {"enter", "split", "quietrule", "trait"} <= links


def test_defaults_are_as_they_are_written() -> None:
    """In the schemas too: an editor that fills one in writes 1m, not 60000."""
    schemas = journey_file.schemas()
    assert schemas["policy.schema.json"]["$defs"]["Policy"]["properties"]["late_after"]["default"] == "1m"
    assert schemas["journey.schema.json"]["properties"]["holdout"]["default"] == "0%"
    assert schemas["journey.schema.json"]["$defs"]["UntilDate"]["properties"]["offset"]["default"] == "0s"


def test_the_command_writes_what_it_checks(tmp_path: pathlib.Path) -> None:
    """`schema write` makes the schemas and the page, `schema check` finds the one that was changed."""
    run = typer.testing.CliRunner().invoke
    where = [str(tmp_path / "schemas"), "--reference", str(tmp_path / "docs" / "page.md"), "--lint", str(tmp_path / "lint")]
    assert run(schema.app, ["check", *where]).exit_code == 1
    assert run(schema.app, ["write", *where]).exit_code == 0
    assert run(schema.app, ["check", *where]).output == ""
    assert json.loads((tmp_path / "schemas" / "traits.schema.json").read_text())["title"] == "TraitsFile"
    (tmp_path / "docs" / "page.md").write_text("changed")
    told = run(schema.app, ["check", *where])
    assert told.exit_code == 1
    assert "page.md is not what the models say; run `dalang schema write`" in told.output
