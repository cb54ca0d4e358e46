"""The pages of docs/: their links lead somewhere, and the glossary explains the words that the engine uses."""

import pathlib
import re
from typing import Final

import pytest

from tests.contract import pages

GLOSSARY: Final = pages.DOCS / "glossary.md"
ENTRY: Final = re.compile(r"^- \*\*(.+?)\*\*: (.+?[^.]\.) (\[.+\]\(.+\)|`.+`)$")
WORDS: Final = {
    "event",
    "journey",
    "bundle",
    "instance",
    "step",
    "decision",
    "action",
    "message",
    "attempt",
    "receipt",
    "policy",
    "trait",
    "segment",
    "trace",
    "history",
}
"""The words with one meaning each in code, docs and command line."""
OWN: Final = {
    "version",
    "batch",
    "chunk",
    "partition record",
    "base",
    "tail",
    "claim",
    "mark of a store",
    "live bundle",
    "pinned version",
    "held message",
    "deferred message",
    "kept event",
    "visit",
    "arming number",
    "lateness",
    "dead letter",
    "trait window",
    "cap",
    "quiet hours",
    "holdout",
    "exposure",
}
"""Further terms of the engine's own."""


def entries() -> list[tuple[str, str, str]]:
    """Each word of the glossary with its sentence and the place where it lives."""
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("- ")]
    found = [ENTRY.fullmatch(line) for line in lines]
    assert all(found), [line for line, each in zip(lines, found, strict=True) if each is None]
    return [(each[1].lower(), each[2], each[3]) for each in found if each is not None]


def test_the_glossary_explains_every_word() -> None:
    """Each word of the engine stands in the glossary, once, and so does each further term."""
    words = [word for word, _, _ in entries()]
    assert set(words) >= WORDS | OWN
    assert len(words) == len(set(words))


def test_a_word_is_explained_in_one_sentence() -> None:
    """One plain sentence: it ends once, and it is short."""
    for word, sentence, _ in entries():
        assert sentence.count(". ") == 0, word
        assert len(sentence) < 180, word


def test_a_word_lives_where_the_glossary_says() -> None:
    """A file that the glossary names exists; its links are checked as those of every page."""
    named = [place.strip("`") for _, _, place in entries() if place.startswith("`")]
    assert [path for path in named if not (pages.ROOT / path).is_file()] == []


@pytest.mark.parametrize("page", sorted(pages.DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(pages.DOCS)))
def test_the_links_of_a_page_lead_somewhere(page: pathlib.Path) -> None:
    """Each link of a page in docs/ to a file or a heading of the repository leads to one that exists."""
    assert pages.broken(page, page.read_text()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    """A missing file and a missing heading are found; a link to another site is not looked at."""
    text = "# One\n\n[a](#one) [b](#two) [c](glossary.md) [d](nowhere.md) [e](glossary.md#nothing) [f](https://example.org)\n"
    assert pages.broken(GLOSSARY, text) == ["#two", "nowhere.md", "glossary.md#nothing"]
