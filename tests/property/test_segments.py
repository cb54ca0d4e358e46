"""Segments and traits made at random: what compiles, and when passing time changes a segment."""

import datetime
import itertools
import json
import pathlib
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.authoring.cel import change_moments, expressions
from engine.authoring.compiling import compile as compiler
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state

NOW = inputs.instant("2026-11-22T03:00:00Z")
MILLISECOND = datetime.timedelta(milliseconds=1)
TIMES = {"profile.a": "2026-11-01T00:00:00Z", "profile.b": "2026-11-20T17:00:00.5Z"}

times = st.sampled_from([f"timestamp({name})" for name in TIMES] + ["timestamp('2026-11-15T12:00:00Z')"])
operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
lengths = st.sampled_from(["36h", "1h30m", "-5m", "500ms", "0s"])
days = st.one_of(st.integers(-3, 20), st.sampled_from([0.1, 0.3333, 1.5, 6.125]))


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """A comparison with the clock in one of the forms that can be foretold."""
    at, operator, length, number = draw(times), draw(operators), draw(lengths), draw(days)
    forms = [
        f"days_since({at}) {operator} {number}",
        f"{number} {operator} days_since({at})",
        f"now - {at} {operator} duration('{length}')",
        f"now {operator} {at}",
        f"{at} {operator} now",
        f"{at} + duration('{length}') {operator} now",
        f"now - duration('{length}') {operator} {at}",
    ]
    return draw(st.sampled_from(forms))


conditions = st.recursive(
    st.one_of(comparisons(), st.sampled_from(["profile.yes", "!profile.yes"])),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=4,
)


def _value(text: str, now: datetime.datetime, port: expressions.CelExpressions) -> Any:
    profile = {"yes": True, **{name.removeprefix("profile."): text for name, text in TIMES.items()}}
    return port.evaluate(
        definition.Expression(text, "x"), expression_scope.Scope(state.Customer("c", profile=profile), definition.Policy(), now)
    )


@given(text=conditions, apart=st.lists(st.integers(0, 40 * 86_400_000), min_size=2, max_size=6))
def test_a_segment_changes_at_its_moments_and_nowhere_else(text: str, apart: list[int]) -> None:
    """Between two times without a moment a segment is what it was, to the millisecond."""
    assert list(change_moments.check(text)) == []
    port = expressions.CelExpressions()
    foretold = sorted(_value(each.at.text, NOW, port) + each.offset * MILLISECOND for each in change_moments.of(text, "x"))
    start = inputs.instant("2026-10-30T00:00:00Z")
    looked = {start + each * MILLISECOND for each in apart}
    looked |= {at + step * MILLISECOND for at in foretold for step in (-2, -1, 0, 1, 2)}
    ordered = sorted(looked)
    for before, after in itertools.pairwise(ordered):
        if not any(before < at <= after for at in foretold):
            assert _value(text, before, port) == _value(text, after, port)


@pytest.mark.parametrize("text", ["days_since(timestamp(profile.a)) >= 19.125", "now > timestamp(profile.b)"])
def test_a_segment_does_change_at_a_moment(text: str) -> None:
    """One millisecond before it is what it was."""
    port = expressions.CelExpressions()
    (moment,) = change_moments.of(text, "x")
    at = _value(moment.at.text, NOW, port) + moment.offset * MILLISECOND
    assert (_value(text, at - MILLISECOND, port), _value(text, at, port)) == (False, True)


words = st.from_regex(r"\A[a-z][a-z0-9_]{0,7}\Z").filter(
    lambda name: name not in ("in", "as", "if", "for", "let", "var", "null", "true")
)


@st.composite
def traits(draw: st.DrawFn) -> dict[str, Any]:
    """A trait without a fault."""
    compute = draw(st.sampled_from(definition.COMPUTES))
    written: dict[str, Any] = {"of": draw(st.sampled_from(["order.placed", ["a", "b"]])), "compute": compute}
    if draw(st.booleans()):
        written["when"] = draw(st.sampled_from(["event.data.x > 1", "has(event.data.y)", "profile.vip", True]))
    if compute != "count":
        written["value"] = draw(st.sampled_from(["event.data.total", "profile.points", "event.data.a + event.data.b"]))
    if compute == "rfm" or draw(st.booleans()):
        written["within"] = f"{draw(st.integers(1, 500))}{draw(st.sampled_from('smhdw'))}"
    if compute == "rfm":
        for key in ("recency", "frequency", "monetary"):
            written[key] = sorted(draw(st.lists(st.integers(0, 10**6), min_size=4, max_size=4, unique=True)))
    return written


@given(written=st.dictionaries(words, traits(), max_size=5), conditions=st.lists(conditions, max_size=3), data=st.data())
@settings(max_examples=40, deadline=None)
def test_random_traits_and_segments_compile(written: dict[str, Any], conditions: list[str], data: st.DataObject) -> None:
    """Whatever the language allows gives a bundle, the same each time, whose segments read declared traits alone."""
    segments = {f"s{index}": text for index, text in enumerate(conditions)}
    for index, name in enumerate(written):
        segments[f"t{index}"] = f"has(traits.{name}) && {data.draw(comparisons())}"
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "traits.yaml").write_text(json.dumps({"traits": written, "segments": segments}))
        head = {"journey": "j", "owner": "o", "purpose": "support", "status": "live"}
        (root / "j.yaml").write_text(
            json.dumps({**head, "enter": {"event": "e", "reentry": "never"}, "steps": [{"id": "s", "wait": "1m"}]})
        )
        result = compiler.compile_directory(root, NOW.date())
        assert result.errors == ()
        assert result.bundle == compiler.compile_directory(root, NOW.date()).bundle
    assert result.bundle is not None
    assert {trait.name for trait in result.bundle.traits} == set(written)
    for segment in result.bundle.segments:
        assert set(segment.traits) <= set(written)
        assert bool(segment.traits) == segment.name.startswith("t")
