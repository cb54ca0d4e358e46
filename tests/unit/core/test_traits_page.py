"""The page about traits, run."""

import json
import pathlib
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any

import pytest

from engine.authoring.cel import expressions
from engine.authoring.compiling import catalogs
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state
from engine.core.traits import compaction, evaluate
from tests.unit.core import story

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "traits.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| `(.*)` \| (.*) \|$", PAGE, re.MULTILINE)
JAKARTA = zoneinfo.ZoneInfo("Asia/Jakarta")
NOW = inputs.instant("2026-11-24T03:30:00Z")
JOURNEY = story.written("any", "enter: {event: order.placed, reentry: never}\nsteps: [{id: out, exit: done}]\n")


def block(kind: str) -> str:
    return PAGE.split(f"```{kind}\n")[1].split("```")[0]


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> tuple[definition.Trait, ...]:
    directory = tmp_path_factory.mktemp("page")
    (directory / "policy.yaml").write_text(story.POLICY)
    (directory / "any.yaml").write_text(JOURNEY)
    (directory / "traits.yaml").write_text(block("yaml"))
    return catalogs.load(directory).bundle.traits


def told(value: Any) -> Any:
    return inputs.text(value) if hasattr(value, "isoformat") else value


def test_the_page_tells_the_truth(defined: tuple[definition.Trait, ...]) -> None:
    """Each trait of docs/traits.md is, after the page's events, what the page says; through CEL."""
    cel, kept = expressions.CelExpressions(), dict[str, state.Tally]()
    tallies: Mapping[str, state.Tally] = kept
    for line in block("json").splitlines():
        given = json.loads(line)
        at = inputs.instant(given["time"])
        event = inputs.Event("e", given["type"], at, at, "ayu", "t", given["data"])
        names = expression_scope.Scope(state.Customer("ayu"), definition.Policy(), at, event)
        of = [each for each in defined if event.type in each.of]
        tallies = evaluate.take(of, tallies, event, at, JAKARTA, lambda each, names=names: cel.evaluate(each, names))  # type: ignore[misc]
    actual = {name: told(value) for name, value in evaluate.values(defined, tallies, NOW, JAKARTA).items()}
    assert {name: json.loads(value) for name, value, _ in ROWS} == actual
    assert sorted(name for name, _, _ in ROWS) == sorted(each.name for each in defined)


def test_the_page_tells_the_truth_of_nothing(defined: tuple[definition.Trait, ...]) -> None:
    """What a trait is before anything was counted, as the page says."""
    empty = evaluate.values(defined, {}, NOW, JAKARTA)
    assert {name for name, _, nothing in ROWS if nothing == "missing"} == {each.name for each in defined} - set(empty)
    for name, _, nothing in ROWS:
        if nothing.startswith("`"):
            assert json.loads(nothing.strip("`")) == empty[name]


def test_the_page_says_the_bounds() -> None:
    """The numbers of the section about bounds are those of the code."""
    for number in (compaction.ALL_BYTES, compaction.EACH_BYTES, compaction.BUCKETS, compaction.VALUES):
        assert f"{number:,}" in PAGE.split("## Bounds")[1]
