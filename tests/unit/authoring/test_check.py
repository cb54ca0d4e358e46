import json
import pathlib
import shutil
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from engine.cli import check


@pytest.fixture
def run() -> Any:
    app = typer.Typer()
    app.command()(check.check)
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


def test_no_findings_exit_0(run: Any, shop: Any) -> None:
    """Nothing on standard output: a pipe stays empty."""
    result = run(shop.root)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No findings.\n")


def test_an_error_exits_1_with_its_line(run: Any, shop: Any) -> None:
    """`file:line:column CODE sentence`, and what to do."""
    shop.replace("cart.yaml", "wait: 45m", "wait: 45")
    result = run(shop.root)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    told = "A duration is a whole number and s, m, h, d or w, like 45m."
    assert f"{shop.root.as_posix()}/cart.yaml:14:11 DLG622 {told}" == lines[0]
    assert lines[1] == "    For example: 45m. (More: dalang schema finding DLG622)"


def test_a_path_that_does_not_exist_is_told_with_the_folder(
    run: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is in the wrong folder reads which one it is, and what to do."""
    monkeypatch.chdir(tmp_path)
    result = run("journeys")
    words = " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == 2
    assert "Invalid value for PATH: journeys does not exist in" in words
    assert tmp_path.name in words.replace(" ", "")
    assert "Go to the folder that holds it, or give another path." in words


def test_a_missing_policy_is_told(run: Any, shop: Any) -> None:
    """A channel that no policy declares: the hint says that there is no policy.yaml, or, with one, that it has no channels."""
    shop.write("policy.yaml", "policy: {timezone: Asia/Jakarta}\n")
    hint = "    Add it under policy.channels in policy.yaml. "
    assert f"{hint}It has no channels yet. (More: dalang schema finding DLG633)" in run(shop.root).stdout
    (shop.root / "policy.yaml").unlink()
    told = run(shop.root).stdout
    assert f"{hint}There is no policy.yaml in this directory: create it. (More: dalang schema finding DLG633)" in told
    assert "It has no channels yet" not in told


def test_warnings_alone_exit_0(run: Any, shop: Any) -> None:
    """They are printed, and are fine."""
    shop.replace("cart.yaml", "purpose: marketing", "purpose: support")
    result = run(shop.root)
    assert result.exit_code == 0
    assert "DLG670" in result.stdout
    assert result.stderr == "0 errors, 1 warning\n"


@pytest.mark.parametrize("arguments", [("--format", "json"), ("--json",)])
def test_json_has_the_fields_of_the_contract(run: Any, shop: Any, arguments: tuple[str, ...]) -> None:
    """file, line, column, code, severity, message, hint."""
    shop.replace("cart.yaml", "owner:", "ownr:")
    found = json.loads(run(shop.root, *arguments).stdout)["findings"]
    assert [each["code"] for each in found] == ["DLG621", "DLG620"]
    assert {"file", "line", "column", "code", "severity", "message", "hint"} == set(found[0])
    assert (found[1]["severity"], found[1]["line"], found[1]["column"]) == ("error", 2, 1)


def test_json_of_nothing_is_an_empty_list(run: Any, shop: Any) -> None:
    """So that a program need not look twice."""
    assert json.loads(run(shop.root, "--json").stdout) == {"findings": []}


def test_github_shows_findings_at_their_lines(run: Any, shop: Any) -> None:
    """As workflow commands, one line each."""
    shop.replace("cart.yaml", "event.data.total", "evnt.data.total")
    line = run(shop.root, "--format", "github").stdout
    assert line.startswith(f"::error file={shop.root.as_posix()}/cart.yaml,line=7,col=9,title=DLG651::`evnt` does not")
    assert line.count("\n") == 1


def test_a_path_that_does_not_exist_is_usage(run: Any) -> None:
    """Exit 2, with a sentence."""
    result = run("nowhere")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_file_is_checked_with_what_stands_around_it(run: Any, shop: Any) -> None:
    """Its own findings alone, a template's too; a fault elsewhere is not its business."""
    shop.replace("cart.yaml", "event.data.total", "evnt.data.total")
    shop.replace("templates/reminder.id.yaml", "profile.name", "profil.name")
    for name, code in (("cart.yaml", "DLG651"), ("templates/reminder.id.yaml", "DLG661")):
        found = json.loads(run(shop.root / name, "--json").stdout)["findings"]
        assert [code] == [each["code"] for each in found]
    assert run(shop.root / "policy.yaml").exit_code == 0


def test_several_paths_say_each_thing_once(run: Any, shop: Any) -> None:
    """A directory and a file in it."""
    shop.replace("cart.yaml", "wait: 45m", "wait: 45")
    assert run(shop.root, shop.root / "cart.yaml").stdout.count("DLG622 ") == 1


def test_the_version_before_shows_the_holes_of_a_migration(run: Any, shop: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`--base DIR`: a step that can be waited on, that is gone and that no line leads from."""
    before = tmp_path_factory.mktemp("before")
    shutil.copytree(shop.root, before, dirs_exist_ok=True)
    shop.replace("cart.yaml", "id: cool-off", "id: pause")
    shop.replace("cart.yaml", "steps:", "on_update: migrate\nsteps:")
    assert run(shop.root).exit_code == 0
    result = run(shop.root, "--base", before)
    assert result.exit_code == 1
    assert f"{shop.root.as_posix()}/cart.yaml:12:12 DLG694 Instances that wait at `cool-off`" in result.stdout
    shop.replace("cart.yaml", "steps:", "migrations: {cool-off: pause}\nsteps:")
    assert run(shop.root, "--base", before).exit_code == 0
    (before / "cart.yaml").write_text("{")
    assert run(shop.root, "--base", before).exit_code == 2


def test_what_repeats_is_counted_in_every_format(run: Any, shop: Any) -> None:
    """Twenty of a kind, and one finding that says how many more there are; the exit code is that of the errors."""
    shop.write("policy.yaml", "policy:\n" + "".join(f"  k{number}: 1\n" for number in range(1_020)))
    told = "And 1,000 more of DLG620 in this file."
    text = run(shop.root)
    assert text.exit_code == 1
    assert f"{shop.root.as_posix()}/policy.yaml:22:3 DLG620 {told}" in text.stdout.splitlines()
    assert text.stderr == "1,020 errors, 0 warnings\n"
    found = json.loads(run(shop.root, "--json").stdout)["findings"]
    assert [each["message"] for each in found[20:]] == [told]
    assert {"file", "line", "column", "code", "severity", "message", "hint"} == set(found[20])
    lines = run(shop.root, "--format", "github").stdout.splitlines()
    assert f"policy.yaml,line=22,col=3,title=DLG620::{told}" in lines[20]
    assert len(lines) == 21
