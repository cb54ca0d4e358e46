"""The rules of the language and of the fold are proven by tests that exist: `rules.yaml` says by which.

A rule there is a sentence of the design, shortened; each test that is listed is a function with a docstring, and at least one of
them says the rule in its words. A rule without a test, or a test that was renamed, fails here.
"""

import ast
import functools
import pathlib
import re
from typing import Any

import pytest
import ruamel.yaml

HERE = pathlib.Path(__file__).parent
TESTS = HERE.parent
RULES: dict[str, dict[str, list[str]]] = ruamel.yaml.YAML(typ="safe").load((HERE / "rules.yaml").read_text())
SEMANTICS = {f"Semantics {number}" for number in range(1, 13)}
RULINGS = {f"Rulings, {of}" for of in ("entries", "steps", "messages", "traits", "what a fold depends on", "commands", "replay")}
LANGUAGE = {"Journey language", "Steps", "Expressions", "Policy, traits, segments, templates"}
ALL = [(f"{chapter}: {rule}", tests) for chapter, rules in RULES.items() for rule, tests in rules.items()]


@functools.cache
def told(file: str) -> dict[str, str]:
    """Test -> its docstring, of one file."""
    found = (TESTS / folder / file for folder in ("", "unit"))
    path = next((each for each in found if each.is_file()), None)
    body: Any = [] if path is None else ast.parse(path.read_text()).body
    tests = (each for each in body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {each.name: ast.get_docstring(each) or "" for each in tests if each.name.startswith("test_")}


def words(text: str) -> set[str]:
    """What carries the meaning: words by their first five letters."""
    return {word[:5] for word in re.findall(r"[a-z_0-9]{3,}", text.lower())} - {
        "the",
        "and",
        "for",
        "that",
        "not",
        "its",
        "until",
    }


@pytest.mark.parametrize(("rule", "tests"), ALL, ids=[rule for rule, _ in ALL])
def test_a_rule_has_its_tests(rule: str, tests: list[str]) -> None:
    """For each rule there is a test whose docstring is that sentence, shortened or not."""
    docstrings = []
    for test in tests:
        file, _, name = test.partition("::")
        assert name in told(file), f"{test} does not exist"
        docstrings.append(told(file)[name])
    assert all(docstrings), "a test without its rule"
    _, _, sentence = rule.partition(": ")
    assert max(len(words(sentence) & words(each)) for each in docstrings) >= 2, docstrings


def test_every_chapter_has_its_rules() -> None:
    """The twelve semantics, the rulings and the language are all there, and none is empty."""
    assert set(RULES) == SEMANTICS | RULINGS | LANGUAGE
    assert all(tests for rules in RULES.values() for tests in rules.values())


def test_a_test_that_is_not_there_is_found() -> None:
    """A listed test that does not exist fails, and so does a file that does not."""
    for test in ("core/test_time.py::test_of_nobody", "core/test_nothing.py::test_x"):
        with pytest.raises(AssertionError, match="does not exist"):
            test_a_rule_has_its_tests("x: y", [test])
