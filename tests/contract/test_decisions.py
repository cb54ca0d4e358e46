"""The pages of docs/decisions: one index that names each page once, plain file names, known statuses, and no mention of a
decision that does not exist.
"""

import pathlib
import re
from typing import Final, NamedTuple

import pytest

from tests.contract import pages

FOLDER: Final = pages.DOCS / "decisions"
INDEX: Final = FOLDER / "README.md"
STATUSES: Final = re.compile(r"(Accepted|Superseded by \[\d{3}\]\(\d{3}-[\w-]+\.md\)|Retired: .+)( \(\d{4}-\d{2}-\d{2}\))?")
SECTIONS: Final = ("Context", "Decision", "Consequences")
NAMED: Final = re.compile(r"\b(?:[Dd]ecisions? |decisions/)(\d{3}(?:(?:, | and )\d{3})*)\b|\[(\d{3})\]\(")
"""A mention by number: `decision 002`, `decisions 002 and 003`, `docs/decisions/002`, `[002](…)`."""
FILED: Final = re.compile(r"\bdecisions/(\d{3}-[\w-]+\.md)")
"""A mention by file: `docs/decisions/002-….md`."""
TEXTS: Final = {".py", ".md", ".yaml", ".yml", ".toml", ".json"}


class Page(NamedTuple):
    """A decision: the name of its file, its title, its status, and the headings of its sections."""

    file: str
    title: str
    status: str
    sections: tuple[str, ...]


class Entry(NamedTuple):
    """A line of the index: the title and the file that it links, and the status that it shows."""

    title: str
    file: str
    status: str


def page(path: pathlib.Path) -> Page:
    """Read one decision; a page without a status has an empty one."""
    text = path.read_text()
    title, *sections = pages.headings(text)
    status = re.search(r"^# .+\n\nStatus: (.+)\n\n", text)
    return Page(path.name, title, status[1] if status else "", tuple(sections))


def entries() -> list[Entry]:
    """Return the lines of the index, in their order."""
    lines = re.findall(r"^- \[(.+?)\]\((.+?)\)\. (.+)$", INDEX.read_text(), re.MULTILINE)
    return [Entry(*line) for line in lines]


PAGES: Final = [page(path) for path in sorted(FOLDER.glob("*.md")) if path != INDEX]
NUMBERS: Final = {each.file[:3] for each in PAGES}


def filed(title: str) -> str:
    """Return the name of the file of a title: its words in lower case, with dashes between them."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-") + ".md"


def unknown(text: str) -> set[str]:
    """Return the numbers and the files of decisions that a text mentions and that do not exist."""
    told = {number for one, other in NAMED.findall(text) for number in re.findall(r"\d{3}", one or other)}
    return (told - NUMBERS) | (set(FILED.findall(text)) - {each.file for each in PAGES})


def mentioning() -> list[pathlib.Path]:
    """Return the files that may mention a decision."""
    found = (path for folder in ("docs", "engine", "tests") for path in (pages.ROOT / folder).rglob("*"))
    texts = [path for path in found if path.suffix in TEXTS and path != pathlib.Path(__file__) and path.is_file()]
    return [*texts, pages.ROOT / "README.md", pages.ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("each", PAGES, ids=lambda each: each.file)
def test_a_decision_is_named_by_its_title(each: Page) -> None:
    """A title is a number and a sentence, and the file is named by both."""
    assert re.fullmatch(r"\d{3}: [A-Z].+[^.]", each.title)
    assert each.file == filed(each.title)


@pytest.mark.parametrize("each", PAGES, ids=lambda each: each.file)
def test_a_decision_has_a_known_status_and_its_sections(each: Page) -> None:
    """The status is one of three, and context, decision and consequences follow in this order; refused alternatives may stand
    between the last two.
    """
    assert STATUSES.fullmatch(each.status)
    assert tuple(section for section in each.sections if section in SECTIONS) == SECTIONS
    assert set(each.sections) <= {*SECTIONS, "Alternatives that were refused"}


def test_the_index_names_each_decision_once() -> None:
    """Each page stands in the index once, with its title and its status."""
    assert sorted((each.file, each.title, each.status) for each in PAGES) == sorted(
        (each.file, each.title, each.status) for each in entries()
    )


def test_the_index_is_in_order_under_each_topic() -> None:
    """Under each topic the numbers rise, and no topic is empty."""
    topics = re.split(r"^## .+\n", INDEX.read_text(), flags=re.MULTILINE)[1:]
    assert len(topics) > 1
    for topic in topics:
        files = re.findall(r"^- \[.+?\]\((.+?)\)", topic, re.MULTILINE)
        assert files == sorted(files) != []


def test_the_index_tells_of_each_number_without_a_page() -> None:
    """A number that is missing between the first and the last is named in the index, so that nobody looks for its page."""
    (told,) = re.findall(r"^The numbers (.+) were never used", INDEX.read_text(), re.MULTILINE)
    missing = {f"{number:03}" for number in range(1, max(map(int, NUMBERS)) + 1)} - NUMBERS
    assert set(re.findall(r"\d{3}", told)) == missing
    assert len(PAGES) == len(NUMBERS)


def test_every_decision_that_is_mentioned_exists() -> None:
    """A number or a file of a decision in docs/, engine/, tests/, README.md or CHANGELOG.md is one of a page."""
    found = {str(path.relative_to(pages.ROOT)): unknown(path.read_text(encoding="utf-8")) for path in mentioning()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_the_links_to_decisions_lead_somewhere(name: str) -> None:
    """The links of the pages outside docs/ to decisions lead to files; `test_pages.py` looks at those inside."""
    path = pages.ROOT / name
    assert [link for link in pages.broken(path, path.read_text()) if "decisions/" in link] == []


def test_a_mention_of_a_decision_that_does_not_exist_is_found() -> None:
    """A wrong number is found in each way of writing it, and so is a file that was renamed."""
    ways = ("See decision 999.", "Decisions 001 and 999", "decisions 001, 998 and 999", "docs/decisions/999.", "[999](999-x.md)")
    assert [unknown(way) for way in ways] == [{"999"}, {"999"}, {"998", "999"}, {"999"}, {"999"}]
    assert unknown("docs/decisions/001-an-old-name.md") == {"001-an-old-name.md"}
    assert unknown("See decision 001, and docs/decisions/002. 999 customers decided.") == set()


def test_statuses_that_are_not_allowed_are_refused() -> None:
    """A status is a word of the three, with the page or the reason that it needs."""
    wrong = ("", "accepted", "Proposed", "Superseded by 029", "Retired", "Retired:", "Accepted, mostly")
    assert [each for each in wrong if STATUSES.fullmatch(each)] == []
