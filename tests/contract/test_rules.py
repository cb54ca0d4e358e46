"""Each rule is proven by tests that exist: the rules of the engine in docs/semantics.md, those of the language in `rules.yaml`.

A rule without a test fails here, and so does a test that was renamed, or a link to a rule that is not on the page. Each listed
test is a function with a docstring, and the docstring of one of them at least says the rule in its words.
"""

import ast
import functools
import pathlib
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import ruamel.yaml

from tests.contract import pages

HERE = pathlib.Path(__file__).parent
TESTS = HERE.parent
LANGUAGE: dict[str, dict[str, list[str]]] = ruamel.yaml.YAML(typ="safe").load((HERE / "rules.yaml").read_text())
LANGUAGE_CHAPTERS = {"Journey language", "Steps", "Expressions", "Policy, traits, segments, templates"}
PAGE = pages.SEMANTICS.read_text()
RULES = pages.rules(PAGE)
CHAPTERS = [
    "Time and timers",
    "Events and duplicates",
    "Order inside one input",
    "Entries",
    "Waits and dates",
    "Messages and receipts",
    "Consent and policy",
    "Traits and segments",
    "Versions",
    "Pauses and commands",
    "Bad input",
    "Replay",
    "Limits",
]
ALL = [(rule, tests) for rules in LANGUAGE.values() for rule, tests in rules.items()]
ALL += [(rule.name, list(rule.tests)) for rule in RULES]

CITED: Final = re.compile(r"semantics\.md#([\w-]*)")
BY_NUMBER: Final = re.compile(r"\bsemantics,?(?: rules?)? \d", re.IGNORECASE)
READ: Final = ("engine", "tests", "docs", "journeys", "examples", "deploy", "schemas")
TEXTS: Final = {".py", ".md", ".yaml", ".yml", ".toml", ".json"}


@functools.cache
def told(file: str) -> dict[str, str]:
    """Test -> its docstring, of one file."""
    found = (TESTS / folder / file for folder in ("", "unit"))
    path = next((each for each in found if each.is_file()), None)
    body: Any = [] if path is None else ast.parse(path.read_text()).body
    tests = (each for each in body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {each.name: ast.get_docstring(each) or "" for each in tests if each.name.startswith("test_")}


def words(text: str) -> set[str]:
    """The words that carry the meaning, by their first five letters."""
    empty = {"the", "and", "for", "that", "not", "its", "until", "with", "are", "has"}
    return {word[:5] for word in re.findall(r"[a-z_0-9]{3,}", text.lower())} - empty


def texts() -> Iterator[pathlib.Path]:
    """The files of the repository that people write."""
    yield from (path for path in pages.ROOT.glob("*.*") if path.suffix in TEXTS)
    for folder in READ:
        yield from (path for path in (pages.ROOT / folder).rglob("*") if path.suffix in TEXTS and "vendored" not in path.parts)


def wrong(text: str) -> list[str]:
    """The citations of a text that name no rule and no chapter of docs/semantics.md, or a rule by its number."""
    known = pages.anchors(PAGE)
    return [found[0] for found in CITED.finditer(text) if found[1] not in known] + BY_NUMBER.findall(text)


@pytest.mark.parametrize(("rule", "tests"), ALL, ids=[rule for rule, _ in ALL])
def test_a_rule_has_its_tests(rule: str, tests: list[str]) -> None:
    """For each rule there is a test whose docstring is that sentence, shortened or not."""
    assert tests, "a rule without a test"
    docstrings = []
    for test in tests:
        file, _, name = test.partition("::")
        assert name in told(file), f"{test} does not exist"
        docstrings.append(told(file)[name])
    assert all(docstrings), "a test without its rule"
    assert max(len(words(rule) & words(each)) for each in docstrings) >= 2, docstrings


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_a_rule_states_itself_and_shows_an_example(rule: pages.Rule) -> None:
    """Each rule of docs/semantics.md has a name that is an anchor everywhere, a short statement, and a short example."""
    assert re.fullmatch(r"[\w '-]+", rule.name)
    assert 40 < len(rule.statement) < 700
    assert rule.examples
    assert all(example.count("\n") <= 7 for example in rule.examples)


def test_every_chapter_has_its_rules() -> None:
    """The chapters of the engine's rules and those of the language are all there, none is empty, and each name is taken once."""
    assert list(dict.fromkeys(rule.chapter for rule in RULES)) == CHAPTERS
    assert set(LANGUAGE) == LANGUAGE_CHAPTERS
    assert all(tests for rules in LANGUAGE.values() for tests in rules.values())
    assert len(pages.anchors(PAGE)) == len(pages.headings(PAGE))


def test_what_is_cited_is_a_rule() -> None:
    """Code, tests and pages cite rules by their names in docs/semantics.md, which holds them; none is cited by a number."""
    found = {str(path.relative_to(pages.ROOT)): wrong(path.read_text()) for path in texts()}
    assert {file: cited for file, cited in found.items() if cited} == {}


def test_a_test_that_is_not_there_is_found() -> None:
    """A listed test that does not exist fails, and so does a file that does not, and a rule without any."""
    for test in ("core/test_time.py::test_of_nobody", "core/test_nothing.py::test_x"):
        with pytest.raises(AssertionError, match="does not exist"):
            test_a_rule_has_its_tests("y", [test])
    with pytest.raises(AssertionError, match="a rule without a test"):
        test_a_rule_has_its_tests("y", [])


def test_a_rule_that_is_not_on_the_page_is_found() -> None:
    """A citation of a rule that the page lacks is found, and so is one by number; one of a rule or a chapter is none."""
    page = "docs/semantics" + ".md"
    assert wrong(f"See {page}#an-event-wins-a-tie, {page}#versions and {page}.") == []
    assert wrong(f"See {page}#a-timer-wins-a-tie.") == ["semantics" + ".md#a-timer-wins-a-tie"]
    for number in ("semantics" + " 2", "Semantics" + " rule 3", "semantics" + ", rules 1-4"):
        assert len(wrong(f"The event wins ({number}).")) == 1


def test_a_page_is_read_as_it_is_written() -> None:
    """A rule without the paragraph of tests has none; headings in a code block are no headings."""
    text = "# T\n\n## C\n\n### One\n\nSays so.\n\n```text\n## no\n```\n\nTests: `a/b.py::test_c`, `d.py::test_e`\n\n### Two\n\nSays.\n"
    one, two = pages.rules(text.replace("## no", "no"))
    assert (one.chapter, one.name, one.statement, one.tests) == ("C", "One", "Says so.", ("a/b.py::test_c", "d.py::test_e"))
    assert (two.name, two.examples, two.tests) == ("Two", (), ())
    assert pages.headings(text) == ["T", "C", "One", "Two"]
