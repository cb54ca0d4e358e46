"""Each finding has an example that gives exactly it, at its place, and a page in docs/lint."""

import datetime
import pathlib

import pytest

from engine.authoring.compiling import compile as compiler
from engine.authoring.docs import finding_pages
from engine.authoring.findings import findings

ROOT = pathlib.Path(__file__).parents[2]
CODES = [kind.code for kind in findings.kinds()]


def said(found: tuple[findings.Finding, ...]) -> list[str]:
    return [f"{each.file}:{each.line}:{each.column} {each.code}" for each in found]


def test_every_finding_has_an_example() -> None:
    """Old ones and new ones; an example of none is a slip."""
    assert sorted(finding_pages.examples()) == CODES


@pytest.mark.parametrize("code", CODES)
def test_an_example_gives_exactly_its_finding(code: str) -> None:
    """At the line and column that it names, and nothing once it is right."""
    example = finding_pages.examples()[code]
    assert said(example.found()) == [f"{example.at} {code}"]
    assert said(example.found_right()) == []


def test_the_pages_are_what_the_findings_give() -> None:
    """docs/lint is made, and made again whenever a finding or an example changes: `dalang schema write`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "lint").iterdir()} == finding_pages.pages()


def test_one_directory_with_a_defect_of_each_kind_gives_exactly_those(tmp_path: pathlib.Path) -> None:
    """One journey for each defect that issue 4 names, in one bundle: each at its line and column, none hides another."""
    base = {"templates/reminder.id.yaml": finding_pages.examples()["DLG680"].wrong["templates/reminder.id.yaml"]}
    base["policy.yaml"] = finding_pages.examples()["DLG680"].wrong["policy.yaml"]
    base["templates/more.id.yaml"] = b"sms: {text: Halo}\n"
    expected = []
    defects = ("DLG621", "DLG631", "DLG637", "DLG680", "DLG681", "DLG682", "DLG683", "DLG684", "DLG686", "DLG687", "DLG688")
    for code in (*defects, "DLG690", "DLG691", "DLG692", "DLG693", "DLG695", "DLG697", "DLG634", "DLG647", "DLG670"):
        example, name = finding_pages.examples()[code], f"{code.lower()}.yaml"
        text = example.wrong["cart.yaml"].decode().replace("journey: cart", f"journey: {code.lower()}")
        base[name] = text.encode()
        expected.append(f"{name}:{example.at.partition(':')[2]} {code}")
    for name, raw in base.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    found = compiler.compile_directory(tmp_path, datetime.date(2026, 11, 25)).findings
    assert said(found) == sorted(expected)


def test_the_example_bundle_gives_none() -> None:
    """What we show is what we mean."""
    assert compiler.compile_directory(ROOT / "journeys").findings == ()


def test_five_megabytes_are_refused_at_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in them: the size is looked at first, and they are not read."""
    (tmp_path / "cart.yaml").write_bytes(b"[" * 5_000_000)
    read: list[pathlib.Path] = []
    monkeypatch.setattr(pathlib.Path, "read_bytes", read.append)
    assert said(compiler.compile_directory(tmp_path).findings) == ["cart.yaml:1:1 DLG602"]
    assert read == []
