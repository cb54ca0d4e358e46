"""The checklists of CONTRIBUTING.md are enough: with a toy for each list, a copy of the tree passes its checks.

The toys are in `toys.py`. All four are in one copy, and mypy looks at the packages that they touch: the test shall take less
than a minute of processor time.
"""

import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Any, Final

import pytest

from tests.contract import pages, toys

PAGE: Final = pages.ROOT / "CONTRIBUTING.md"
BIN: Final = pathlib.Path(sys.executable).parent
LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "benchmarks", "chaos")

JOURNEY: Final = """
journey: toys
title: Toys!
owner: tests@toko.example
purpose: transactional
status: live
enter: {event: go, reentry: never}
steps:
  - id: tell
    send: {template: hello, channels: [{channel: toychannel, success: read, fallback_after: 1h}]}
  - id: far
    branch:
      - {if: traits.far == 9.0, then: [{id: call, toy_step: {url: "'https://toko.example'", data: {far: traits.far}}}]}
"""
FILES: Final = {
    "toys.yaml": JOURNEY,
    "policy.yaml": """
policy:
  consent: {transactional: implied}
  channels: {toychannel: {address: profile.phone, cost: 300, reports: [accepted, delivered, read, failed]}}
""",
    "traits.yaml": "traits: {far: {of: go, compute: farthest, value: event.data.n}}\n",
    "templates/hello.id.yaml": 'toychannel: {text: "Hai {{ profile.name }}", button: Beli}\n',
}


def lists() -> dict[str, list[str]]:
    """The files that each checklist names at the beginnings of its lines, as patterns."""
    found = {}
    for part in PAGE.read_text().split("\n### ")[1:]:
        title, _, body = part.partition("\n")
        files = re.findall(r"^\d+\. `([^`]+)`:", body, re.MULTILINE)
        found[title] = [re.sub(r"<\w+>", "*", file) for file in files]
    return found


def run(root: pathlib.Path, *command: str) -> str:
    """The output of a command that must succeed in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def dalang(root: pathlib.Path, *arguments: str) -> str:
    return run(root, sys.executable, "-m", "engine.cli.app", *arguments)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The tree with the toys, edited as the checklists say, and with the generated files written again."""
    root = tmp_path_factory.mktemp("contributing") / "tree"
    shutil.copytree(pages.ROOT, root, ignore=LEFT_OUT)
    for toy in toys.ALL.values():
        for name, edits in toy.items():
            path = root / name
            if isinstance(edits, str):
                assert not path.exists(), name
                path.write_text(edits)
                continue
            text = path.read_text()
            for old, new in edits:
                assert text.count(old) == 1, (name, old)
                text = text.replace(old, new)
            path.write_text(text)
    dalang(root, "schema", "write")
    (root / "docs" / "settings.md").write_text(dalang(root, "schema", "settings"))
    (root / "docs" / "rights.md").write_text(dalang(root, "schema", "rights"))
    run(root, sys.executable, "-m", "tests.histories.record", "parcel-call")
    return root


def test_there_is_a_toy_for_each_checklist() -> None:
    """No checklist is left unproven."""
    assert set(toys.ALL) == set(lists())


@pytest.mark.parametrize("title", toys.ALL)
def test_a_checklist_names_every_file_and_no_other(title: str) -> None:
    """The files that the toy edits are those that the checklist names: none is missing, and none is needless."""
    patterns = lists()[title]
    assert [name for name in toys.ALL[title] if not any(fnmatch.fnmatch(name, each) for each in patterns)] == []
    assert [each for each in patterns if not fnmatch.filter(toys.ALL[title], each)] == []


def test_a_file_that_a_checklist_names_exists() -> None:
    """A file that is not the new one itself is in the tree, and the links of the page lead somewhere."""
    named = [each for files in lists().values() for each in files]
    assert [each for each in named if "*" not in each and not (pages.ROOT / each).is_file()] == []
    assert pages.broken(PAGE, PAGE.read_text()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy", "engine/core", "engine/authoring", "tests/unit/core/test_toy_step.py"),
        ("lint-imports", "--no-cache"),
        ("python", "-m", "engine.cli.app", "schema", "check"),
        ("python", "-m", "engine.cli.app", "check", "journeys"),
        ("python", "-m", "tests.contract.timed_assertions"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_checks_pass_with_the_toys(copy: pathlib.Path, command: tuple[str, ...]) -> None:
    """Each check of `make check` but the site passes in the copy."""
    run(copy, str(BIN / command[0]), *command[1:])


def test_the_tests_pass_with_the_toys(copy: pathlib.Path) -> None:
    """The tests that look at channels, steps, findings and traits pass in the copy, with the toys among their cases."""
    unit, contract = "tests/unit", "tests/contract"
    told = run(
        copy,
        *(sys.executable, "-m", "pytest", "-v", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0"),
        *(
            "--basetemp",
            str(copy.parent / "below"),
            "-k",
            "toychannel or farthest or DLG999 or toy or parcel or page or files or example or finding or literally or house",
        ),
        *(f"{contract}/test_channels.py", f"{contract}/test_settings.py", f"{contract}/test_errors.py"),
        *(f"{contract}/test_schemas.py::test_the_files_are_what_the_models_give", f"{contract}/test_schemas.py::{EXAMPLES}"),
        *(f"{contract}/test_lint_examples.py::{each}" for each in FINDINGS),
        *(f"{unit}/authoring/test_reference.py", f"{unit}/authoring/test_journey_file.py", f"{unit}/authoring/test_lint.py"),
        *(f"{unit}/authoring/test_journeys.py", f"{unit}/runtime/test_codec_and_clock.py", "tests/histories"),
        *(f"{contract}/test_rules.py",),
        *(f"{unit}/core/test_traits.py", f"{unit}/core/test_toy_step.py", "tests/property/test_traits.py"),
    )
    for case in (
        "test_channels.py::test_a_journey_may_send_on_it[toychannel]",
        "[DLG999]",
        "[farthest",
        "test_a_saved_history_gives_the_same_decisions[parcel-call]",
        "test_the_journeys_of_the_house_have_no_findings",
        "test_the_prefix_stands_in_front_literally",
        "toy_step",
    ):
        assert case in told


EXAMPLES: Final = "test_the_example_files_are_valid"
FINDINGS: Final = (
    "test_every_finding_has_an_example",
    "test_an_example_gives_exactly_its_finding[DLG999]",
    "test_the_pages_are_what_the_findings_give",
)


def test_a_journey_uses_the_toys(copy: pathlib.Path) -> None:
    """The check gives the toy finding alone; a replay sends on the toy channel, and then takes the toy step by the toy trait."""
    directory = copy.parent / "toys"
    for name, text in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    told = json.loads(dalang(copy, "check", str(directory), "--format", "json"))
    assert [(each["file"], each["code"]) for each in told["findings"]] == [(str(directory / "toys.yaml"), "DLG999")]
    head = {"specversion": "1.0", "source": "t", "subject": "ayu"}
    events: list[dict[str, Any]] = [
        {**head, "id": "a", "type": "customer.identified", "data": {"traits": {"name": "Ayu\nN", "phone": "+62812"}}},
        {**head, "id": "b", "type": "go", "data": {"n": -9}},
    ]
    for minute, event in enumerate(events):
        event["time"] = f"2026-11-22T03:0{minute}:00Z"
    given, sent = copy.parent / "events.jsonl", copy.parent / "actions.jsonl"
    given.write_text("".join(json.dumps(each) + "\n" for each in events))
    dalang(copy, "replay", str(given), "--journeys", str(directory), "--actions", str(sent))
    found = [json.loads(line) for line in sent.read_text().splitlines()]
    assert [(each["channel"], each["to"], each["content"]) for each in found] == [
        ("toychannel", {"toy_id": "+62812"}, {"text": "Hai Ayu N", "button": "Beli"}),
        ("webhook", {"url": "https://toko.example"}, {"data": {"far": 9.0}}),
    ]
