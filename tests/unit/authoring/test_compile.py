"""Compiling: flat steps, hashes that depend on what is written and on nothing else, durations."""

import os
import pathlib
import subprocess
import sys

import msgspec
import pytest

from engine.authoring import catalogs, durations
from engine.authoring import compile as compiler
from engine.core import definition, errors
from tests.unit.authoring.test_check import GOOD, directory
from tests.unit.core import story

ROOT = pathlib.Path(__file__).parents[3]

NESTED = """
enter: {event: go, reentry: never}
steps:
  - id: which
    branch:
      - {if: "true", then: [{id: a, wait: 1h}]}
      - {else: []}
  - id: answer
    wait: {for: [{event: x, then: [{id: b, wait: 1h}]}, {event: y}], timeout: 1h, on_timeout: [{id: c, exit: gone}]}
  - {id: last, wait: 1h}
"""


def test_nested_lists_go_on_at_what_follows_their_parent(tmp_path: pathlib.Path) -> None:
    """What follows a branch or a wait is for all its arms; the end of the outermost list is the end of the journey."""
    (journey,) = story.compiled(tmp_path, story.written("nested", NESTED)).bundle.journeys
    steps = journey.steps
    which, answer = steps["which"], steps["answer"]
    assert isinstance(which, definition.Branch)
    assert isinstance(answer, definition.WaitEvents)
    assert [arm.goto for arm in which.arms] == ["a", "answer"]
    assert (steps["a"].next, steps["b"].next, steps["last"].next) == ("answer", "last", None)
    assert [item.goto for item in answer.awaited] == ["b", "last"]
    assert answer.on_timeout == "c"
    assert list(steps) == ["which", "a", "answer", "b", "c", "last"]
    assert which.arms[0].condition == definition.Expression("true", "steps[0].branch[0].if", ())


def test_the_version_follows_the_journey_and_its_templates(tmp_path: pathlib.Path) -> None:
    """A version is the hash of the compiled journey with the templates it names: other files and comments do not touch it."""

    def version() -> str:
        return catalogs.bundle(tmp_path).journeys[0].version

    first = (directory(tmp_path), version())[1]
    (tmp_path / "hello.yaml").write_text("# a comment\n" + GOOD)
    (tmp_path / "templates" / "other.id.yaml").write_text("sms: {text: other}")
    assert version() == first
    (tmp_path / "templates" / "hi.id.yaml").write_text("sms: {text: changed}\nwhatsapp: {text: a}")
    changed = version()
    assert changed != first
    (tmp_path / "hello.yaml").write_text(GOOD.replace("n > 1", "n > 2"))
    assert version() not in (first, changed)


def test_a_bundle_read_back_from_json_is_the_same(tmp_path: pathlib.Path) -> None:
    """A bundle outlives its files: from its JSON it is equal, and hashes to its own id."""
    bundle = catalogs.bundle(directory(tmp_path))
    again = msgspec.json.decode(msgspec.json.encode(bundle), type=definition.Bundle)
    assert again == bundle
    assert compiler.hashed(msgspec.structs.replace(again, id="")) == bundle.id


def test_hashes_do_not_depend_on_the_run() -> None:
    """The same directory has the same id under any hash seed."""
    code = "from engine.authoring import catalogs; print(catalogs.bundle('journeys').id)"
    ids = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(ids) == 1


def test_a_directory_with_errors_gives_no_catalog(tmp_path: pathlib.Path) -> None:
    """Whoever needs the journeys is told every error, with its place."""
    with pytest.raises(errors.BundleError, match=r"hello\.yaml:4:9 DLG122"):
        catalogs.load(directory(tmp_path, GOOD.replace("live", "alive")))


def test_a_version_that_nobody_has_is_never_replaced_by_another(tmp_path: pathlib.Path) -> None:
    """A version that cannot be found is an error, not the live version."""
    with pytest.raises(errors.BundleError):
        catalogs.load(directory(tmp_path)).journey("sha256:gone")


@pytest.mark.parametrize(("text", "expected"), [("45m", 2_700_000), ("3d", 259_200_000), ("0s", 0), ("2w", 1_209_600_000)])
def test_durations(text: str, expected: int) -> None:
    """A whole number and s, m, h, d or w."""
    assert durations.milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "1", "m", "1.5h", "-1h", "1 h", "1M", "99999d", 5, None, "١h"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    """Anything else is no duration, and neither is more than ten years."""
    with pytest.raises(ValueError, match="duration"):
        durations.milliseconds(text)


def test_an_instance_whose_version_is_gone_is_parked(tmp_path: pathlib.Path) -> None:
    """A version that cannot be found parks the instance with a reason; it never falls back to another."""
    told = story.Story(
        story.compiled(tmp_path / "a", story.written("j", "enter: {event: go, reentry: never}\nsteps: [{id: p, wait: 1h}]"))
    )
    told.when("go", "10:00")
    told.catalog = story.compiled(
        tmp_path / "b", story.written("j", "enter: {event: go, reentry: never}\nsteps: [{id: q, wait: 1h}]")
    )
    (line,) = told.pass_time("11:00")
    assert line.startswith("11:00 instance.parked p No bundle here holds the journey version sha256:")
    assert told.pass_time("12:00") == []
