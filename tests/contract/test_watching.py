"""Dashboard, alerts and the page about them, against the worker's registry: each number that is asked for exists.

promtool, where it is there (Debian: the package prometheus), reads every expression and runs the alerts' own tests.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from engine.core import errors, fold_driver
from engine.runtime.monitoring import metrics

ROOT = pathlib.Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
PROMTOOL = os.environ.get("DALANG_PROMTOOL") or shutil.which("promtool")

NAME = re.compile(r"\b(?:dalang|process)_[a-z_]+\b")
NOT_NAMES = re.compile(r'"[^"]*"|\b(?:by|on|group_left|without) \([^)]*\)')
"""Values in quotes, and lists of labels."""
GROUPED = re.compile(r"\b(?:by|on|group_left|without) \(([^)]*)\)")
SELECTED = re.compile(r"(\w+)\{([^}]*)\}")
FROM_PROMETHEUS = {"job", "instance"}

RULES: dict[str, Any] = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "rules"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "interval": {"type": "string"},
                    "rules": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["alert", "expr", "labels", "annotations"],
                            "additionalProperties": False,
                            "properties": {
                                "alert": {"pattern": "^Dalang[A-Z][A-Za-z]+$"},
                                "expr": {"type": "string"},
                                "for": {"pattern": "^[0-9]+[smh]$"},
                                "labels": {
                                    "type": "object",
                                    "required": ["severity"],
                                    "properties": {"severity": {"enum": ["warning", "critical"]}},
                                },
                                "annotations": {
                                    "type": "object",
                                    "required": ["summary"],
                                    "properties": {"summary": {"type": "string", "pattern": r"\.$"}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""A file of alerting rules as Prometheus reads it, and with what each of ours has."""


def registry() -> dict[str, tuple[str, str, set[str]]]:
    """Every metric of a worker by its family: kind, help and labels; gauges of partitions as they are with one."""
    counted = metrics.Metrics()
    counted.standings = (metrics.Standing(number=0, loaded=True),)
    labels = {each._name: set(each._labelnames) for each in vars(counted).values() if hasattr(each, "_labelnames")}
    found = {}
    for family in counted.registry.collect():
        seen = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.name] = (family.type, family.documentation, labels.get(family.name, set()) | seen)
    return found


SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}


def series() -> dict[str, set[str]]:
    """Every name that an expression may ask for, with its labels."""
    return {
        name + suffix: labels | ({"le"} if suffix == "_bucket" else set())
        for name, (kind, _, labels) in registry().items()
        for suffix in SUFFIXES[kind]
    }


def alerts() -> list[dict[str, Any]]:
    document = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")
    rules: list[dict[str, Any]] = [rule for group in document["groups"] for rule in group["rules"]]
    return rules


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "dashboard.json").read_text())
    return found


def shown() -> list[str]:
    """The expressions of the dashboard, with a range where Grafana puts one."""
    found = dashboard()
    asked = [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]
    asked += [each["expr"] for each in found["annotations"]["list"]]
    asked += [each["query"]["query"] for each in found["templating"]["list"]]
    return [each.replace("$__rate_interval", "5m") for each in asked]


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in alerts()), *shown()])
def test_what_is_asked_for_exists(expression: str) -> None:
    """Each metric of an expression is one of a worker's, and so is each label by which it is chosen or grouped."""
    known, asked = series(), set(NAME.findall(NOT_NAMES.sub("", expression)))
    assert asked | {"up"} <= set(known) | {"up"}
    assert asked or "up{" in expression
    chosen = {
        (name, label)
        for name, matchers in SELECTED.findall(expression)
        for label in re.findall(r"(\w+)[=!]", matchers)
        if label not in FROM_PROMETHEUS
    }
    assert {(name, label) for name, label in chosen if label not in known[name]} == set()
    labels = {label for name in asked for label in known[name]} | FROM_PROMETHEUS
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",")}
    assert grouped <= labels


def test_every_number_is_shown() -> None:
    """The dashboard leaves no family of Dalang's out, so that a new one gets its place."""
    asked = {name for expression in shown() for name in NAME.findall(expression)}
    told = registry()
    missing = [
        name
        for name, (kind, _, _) in told.items()
        if name.startswith("dalang_") and not asked & {name + suffix for suffix in SUFFIXES[kind]}
    ]
    assert missing == []


def test_the_dashboard_can_be_laid_out() -> None:
    """Ids are each one panel's, nothing lies over anything else, each panel says what it shows, and asks the data source."""
    found = dashboard()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids)) > 20
    taken: dict[tuple[int, int], int] = {}
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in (
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        ):
            assert taken.setdefault(cell, panel["id"]) == panel["id"]
    assert {panel["type"] for panel in found["panels"]} == {"row", "stat", "timeseries"}
    for panel in found["panels"]:
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEF")[: len(panel["targets"])]
        (source,) = {json.dumps(each["datasource"], sort_keys=True) for each in (panel, *panel["targets"])}
        provided = YAML(typ="safe").load(GRAFANA / "provisioning" / "datasources" / "prometheus.yaml")["datasources"][0]
        assert json.loads(source) == {"type": provided["type"], "uid": provided["uid"]}


def test_alerts_are_rules_as_prometheus_reads_them() -> None:
    """Each has a severity and a sentence; names are used once; labels in a sentence are those that the expression leaves."""
    jsonschema.validate(YAML(typ="safe").load(PROMETHEUS / "alerts.yml"), RULES)
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names)) > 10
    known = {label for labels in series().values() for label in labels} | FROM_PROMETHEUS
    for rule in alerts():
        told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {label.strip() for group in GROUPED.findall(rule["expr"]) for label in group.split(",")}
        assert told <= (grouped or known)


def test_each_alert_has_a_test_of_its_own() -> None:
    """The file of promtool's tests names every alert."""
    text = (PROMETHEUS / "alerts.test.yml").read_text()
    assert [rule["alert"] for rule in alerts() if rule["alert"] not in text] == []


@pytest.mark.skipif(PROMTOOL is None, reason="NOT TESTED: expressions and alerts by promtool, because there is none here")
def test_promtool_accepts_and_proves_the_alerts() -> None:
    """Configuration and rules are valid, and each alert fires when it should, and only then."""
    assert PROMTOOL is not None
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run([PROMTOOL, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="NOT TESTED: the dashboard's expressions by promtool, because there is none here")
def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: pathlib.Path) -> None:
    """Each is an expression of PromQL; the variable of a journey is a pattern."""
    assert PROMTOOL is not None
    rules = [
        {"record": f"shown:{number}", "expr": each.replace("$journey", ".*")}
        for number, each in enumerate(shown())
        if not each.startswith("label_values")
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "shown", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.skipif(PROMTOOL is None, reason="NOT TESTED: names of metrics by promtool, because there is none here")
def test_promtool_finds_no_fault_with_the_names() -> None:
    """Names and units are those that Prometheus' own linter asks for."""
    assert PROMTOOL is not None
    counted = metrics.Metrics()
    counted.standings = (metrics.Standing(number=0, loaded=True),)
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=counted.text(), capture_output=True, check=False)
    told = [line for line in (done.stdout + done.stderr).decode().splitlines() if line.startswith("dalang_")]
    assert told == []


PAGE = (ROOT / "docs" / "watching.md").read_text()


def test_the_page_tells_the_numbers_that_there_are() -> None:
    """Its table is the registry: names as Prometheus shows them, kinds, labels and help texts."""
    rows = {
        name + ("" if kind == "histogram" else SUFFIXES[kind][0]): [kind, ", ".join(sorted(labels)), told]
        for name, (kind, told, labels) in registry().items()
        if name.startswith("dalang_")
    }
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `dalang_")]
    assert {name.strip("`"): told for name, *told in cells} == rows
    assert len(cells) == len(rows)


def test_the_page_says_what_to_do_for_each_alert() -> None:
    """Each alert has a section under its name, critical ones say so; there is none for an alert that is gone."""
    told = dict(re.findall(r"^### (\w+)\n\n(.+)", PAGE, re.MULTILINE))
    assert set(told) == {rule["alert"] for rule in alerts()}
    critical = {rule["alert"] for rule in alerts() if rule["labels"]["severity"] == "critical"}
    assert {name for name, text in told.items() if text.startswith("Critical.")} == critical


def test_the_page_asks_for_numbers_that_there_are() -> None:
    """A metric that the text names exists, by a name that Prometheus or the table gives it."""
    known = set(series()) | set(registry())
    assert {name for name in NAME.findall(PAGE) if not name.startswith("process_")} <= known


def test_every_reason_of_a_dead_letter_is_told_and_watched() -> None:
    """The table of reasons is the errors' own, and each reason is watched by exactly the alert that it names."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \| (Dalang\w+) \|$", PAGE, re.MULTILINE)
    told = {reason: sentence for reason, sentence, _ in rows}
    known = {each.reason: (each.__doc__ or "").splitlines()[0] for each in errors.Malformed.__subclasses__()}
    ours = {fold_driver.FAILED, fold_driver.UNKNOWN_BUNDLE}
    assert {reason: sentence for reason, sentence in told.items() if reason not in ours} == known
    assert ours <= set(told)
    watched = {
        rule["alert"]: re.findall(r'dalang_dead_letters_total\{reason(=~|!~|=)"([^"]+)"', rule["expr"])[0]
        for rule in alerts()
        if "dead_letters" in rule["expr"]
    }
    for reason, _, named in rows:
        matching = [name for name, (how, what) in watched.items() if (re.fullmatch(what, reason) is not None) == (how != "!~")]
        assert matching == [named]
