"""Shortcuts of conditions say what CEL says, or nothing."""

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.authoring.cel import expressions
from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state
from tests.unit.core import story

VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["a", "b", "", "é", 0, 1, -1, 2**63, -(2**63), 2**70, 1.0, 0.5, float("inf"), True, False, None, [], {}]),
    st.text(max_size=3),
    st.integers(-3, 3),
)
SIDES = ["event.data.x", "event.data.y", "profile.x", "entry.data.x", "'a'", "'é'", "1", "-1", "1.0", "event.data.deep.x"]
comparisons = st.builds(
    lambda left, operator, right: f"{left} {operator} {right}",
    st.sampled_from(SIDES[:4]),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.sampled_from(SIDES),
)
parts = st.one_of(comparisons, st.sampled_from(SIDES[:4]))
conditions = st.one_of(
    comparisons,
    st.builds(" && ".join, st.lists(parts, min_size=2, max_size=3)),
    st.builds(" && ".join, st.lists(comparisons, min_size=2, max_size=3)),
    st.builds(lambda a, b, c: f"{a} && ({b} || {c})", comparisons, comparisons, comparisons),
    st.builds(lambda a, b: f"!({a}) && {b}", comparisons, comparisons),
)
data = st.dictionaries(st.sampled_from(["x", "y", "deep"]), VALUES)


class WithoutShortcuts(expressions.CelExpressions):
    """CEL for everything."""

    def _compile(self, text: str) -> Any:
        compiled = super()._compile(text)
        return dataclasses.replace(compiled, shortcuts=None)

    def evaluate(self, expression: definition.Expression, names: expression_scope.Scope) -> Any:
        self._compiled[expression.text] = self._compile(expression.text)
        return super().evaluate(expression, names)


SHORT, LONG = expressions.CelExpressions(), WithoutShortcuts()


def said(by: expressions.CelExpressions, text: str, names: expression_scope.Scope) -> Any:
    try:
        return by.evaluate(definition.Expression(text, "if"), names)
    except errors.EvaluationError:
        return "error"


@given(conditions, data, data, data)
def test_a_shortcut_says_what_cel_says(text: str, one: dict[str, Any], two: dict[str, Any], profile: dict[str, Any]) -> None:
    """With and without its shortcuts a condition is true, false or an error for the same events."""
    at = story.at("10:00")
    event, entry = (inputs.Event("e", "go", at, at, "ayu", "t", each) for each in (one, two))
    names = expression_scope.Scope(state.Customer("ayu", profile=profile), definition.Policy(), at, event, entry)
    assert said(SHORT, text, names) == said(LONG, text, names)


@given(conditions, data, data, data)
def test_what_the_event_alone_makes_false_is_false(
    text: str, one: dict[str, Any], two: dict[str, Any], profile: dict[str, Any]
) -> None:
    """A condition that its screen stops is false for CEL, and no error, whoever the event is about."""
    at = story.at("10:00")
    event, entry = (inputs.Event("e", "go", at, at, "ayu", "t", each) for each in (one, two))
    screen = SHORT.screen(definition.Expression(text, "if"))
    if screen is not None and screen(event):
        names = expression_scope.Scope(state.Customer("ayu", profile=profile), definition.Policy(), at, event, entry)
        assert said(LONG, text, names) is False
