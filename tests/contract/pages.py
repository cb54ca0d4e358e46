"""Pages of docs/ as the contract tests read them: headings, links, and the rules of docs/semantics.md."""

import pathlib
import re
from typing import Final, NamedTuple

ROOT: Final = pathlib.Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
SEMANTICS: Final = DOCS / "semantics.md"

_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_TEST: Final = re.compile(r"`([\w/]+\.py::\w+)`")


class Rule(NamedTuple):
    """One rule of docs/semantics.md: its chapter, its name, what it states, its examples and its tests."""

    chapter: str
    name: str
    statement: str
    examples: tuple[str, ...]
    tests: tuple[str, ...]


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and mkdocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def headings(text: str) -> list[str]:
    """The headings of a page; what stands in a code block is none."""
    return [found[2] for found in _HEADING.finditer(_FENCE.sub("", text))]


def anchors(text: str) -> set[str]:
    """The anchors that a link may name on a page."""
    return {anchor(heading) for heading in headings(text)}


def links(text: str) -> list[str]:
    """The targets of a page's links; what stands in a code block is none."""
    return _LINK.findall(_FENCE.sub("", text))


def broken(page: pathlib.Path, text: str) -> list[str]:
    """The links of a page to files or headings of the repository that do not exist."""
    found = []
    for link in links(text):
        if re.match(r"\w+:", link):
            continue
        file, _, heading = link.partition("#")
        target = page.parent / file
        known = target.exists() and (not heading or heading in anchors(target.read_text() if file else text))
        if not known:
            found.append(link)
    return found


def rules(text: str) -> list[Rule]:
    """The rules of a page: `##` is a chapter, `###` a rule, and a paragraph `Tests:` names the tests."""
    found, chapter = [], ""
    for part in re.split(r"^(?=##+ )", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        level, _, name = heading.partition(" ")
        if level == "##":
            chapter = name
            continue
        told, _, tests = body.partition("\nTests: ")
        examples = tuple(_FENCE.findall(told))
        statement = " ".join(_FENCE.sub("", told).split())
        found.append(Rule(chapter, name, statement, examples, tuple(_TEST.findall(tests))))
    return found
