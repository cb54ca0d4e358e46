"""The hook of the docs' site (`docs/hook.py`); `make check` builds the whole site."""

import pathlib
import types
from typing import Any

import pytest
from mkdocs import exceptions

from docs import hook
from tests.contract import pages


def test_a_folder_in_the_navigation_stands_for_its_pages() -> None:
    """All pages of the folder, its README first; everything else stays as it is written."""
    nav: list[Any] = hook._spread(["a.md", {"Below": [{"Findings": "lint/"}, {"Decisions": "decisions/"}]}])
    first, below = nav
    findings, decisions = below["Below"]
    assert first == "a.md"
    assert findings["Findings"][0] == "lint/README.md"
    for folder, listed in (("lint", findings["Findings"]), ("decisions", decisions["Decisions"])):
        assert sorted(listed) == sorted(f"{folder}/{page.name}" for page in (pages.DOCS / folder).glob("*.md"))


@pytest.mark.parametrize(
    ("page", "written", "leads"),
    [
        (
            "a.md",
            "[x](../journeys/otp.yaml) [y](../deploy/kubernetes)",
            "[x](files/journeys/otp.yaml.md) [y](files/deploy/kubernetes.md)",
        ),
        ("lint/a.md", "[x](../../engine/core/rules/sms_parts.py#L1)", "[x](../files/engine/core/rules/sms_parts.py.md#L1)"),
        (
            "lint/a.md",
            "[x](../glossary.md#word) [y](b.md) [z](https://example.org)",
            "[x](../glossary.md#word) [y](b.md) [z](https://example.org)",
        ),
        ("a.md", "[x](../nowhere.yaml) [y](../../outside.md)", "[x](../nowhere.yaml) [y](../../outside.md)"),
    ],
)
def test_a_link_out_of_docs_leads_to_a_page_that_shows_the_file(page: str, written: str, leads: str) -> None:
    """Only a link to a file of the repository outside of docs/ changes; one that leads nowhere stays, and stops a strict build."""
    here: Any = types.SimpleNamespace(file=types.SimpleNamespace(src_uri=page))
    nothing: Any = None
    assert hook.on_page_markdown(written, here, nothing, nothing) == leads


def test_a_bar_inside_code_in_a_table_is_a_bar() -> None:
    """Its backslash goes, but only there: outside of code mkdocs reads it as GitHub does, and outside of a table it is text."""
    here: Any = types.SimpleNamespace(file=types.SimpleNamespace(src_uri="a.md"))
    nothing: Any = None
    written = "| `a \\| b` | c \\| d | `e` |\n\nA `\\|` in text.\n"
    assert hook.on_page_markdown(written, here, nothing, nothing) == "| `a | b` | c \\| d | `e` |\n\nA `\\|` in text.\n"


def test_the_page_of_a_file_shows_all_of_it() -> None:
    """A file as it stands, and of a folder each file under its name."""
    assert (pages.ROOT / "journeys" / "otp.yaml").read_text() in hook._content("journeys/otp.yaml")
    shown = hook._content("deploy/kubernetes")
    assert "\n## service.yaml\n\n`````yaml\n" in shown
    assert (pages.ROOT / "deploy" / "kubernetes" / "service.yaml").read_text() in shown


@pytest.mark.parametrize(
    ("tag", "refused"),
    [
        ('<script src="https://example.org/a.js"></script>', True),
        ('<link rel="stylesheet" href="//example.org/a.css">', True),
        ("<img alt=x src=https://example.org/a.png>", True),
        ('<script src="assets/a.js"></script><link href="../a.css"><a href="https://example.org">a link</a>', False),
    ],
)
def test_a_page_that_fetches_from_another_host_stops_the_build(tmp_path: pathlib.Path, tag: str, refused: bool) -> None:
    """Scripts, styles and images come with the site; a link that a reader may follow is none of them."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "page.html").write_text(f"<html>{tag}</html>")
    config: Any = types.SimpleNamespace(site_dir=str(tmp_path))
    if not refused:
        return hook.on_post_build(config)
    with pytest.raises(exceptions.PluginError, match=r"page\.html would fetch something from another host"):
        hook.on_post_build(config)
