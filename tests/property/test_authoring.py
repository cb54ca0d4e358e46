import pathlib
import tempfile
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.authoring.cel import expressions
from engine.authoring.compiling import compile as compiler
from engine.authoring.files import yaml_reader
from engine.authoring.language import declared_names, durations
from engine.authoring.liquid import templates
from engine.core import errors
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state

READABLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff")
TEXT = st.text(READABLE, min_size=1, max_size=60)


def quoted(text: str, style: str) -> str:
    if style == "'":
        return "a: '" + text.replace("'", "''") + "'"
    if style == '"':
        return 'a: "' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"a: {style}\n  {text}\n"


@given(text=TEXT, style=st.sampled_from(["'", '"', "|", ">"]), data=st.data())
def test_every_visible_character_of_a_text_is_found_in_the_file(text: str, style: str, data: st.DataObject) -> None:
    """Line and column of a character are those of the same character in the file, in every style."""
    assume(style not in "|>" or text == text.strip())
    document, found = yaml_reader.parse("a.yaml", quoted(text, style))
    assume(document is not None and not found)
    assert document is not None
    value = document.plain()["a"]
    visible = [offset for offset, character in enumerate(value) if not character.isspace()]
    assume(visible)
    offset = data.draw(st.sampled_from(visible))
    place = document.place(("a",), offset)
    line = document.source.text.split("\n")[place.line - 1]
    assert line[place.column - 1] in (value[offset], "\\")


@given(text=st.text(max_size=200))
def test_any_text_is_a_document_or_findings(text: str) -> None:
    """Never a traceback, never both."""
    document, found = yaml_reader.parse("a.yaml", text)
    assert (document is None) == bool(found)


@given(raw=st.binary(max_size=200))
@settings(max_examples=50)
def test_any_bytes_in_any_file_are_findings(raw: bytes) -> None:
    """A directory of noise compiles to findings."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "templates").mkdir()
        for file in ("a.yaml", "policy.yaml", "templates/a.id.yaml"):
            (root / file).write_bytes(raw)
        result = compiler.compile_directory(root)
        assert result.bundle is None
        assert result.errors


_CEL = st.text(st.sampled_from("evnt.data()[]'\"+-=<>&|!? 1a,:{}é\n"), max_size=30)


@given(text=st.one_of(_CEL, st.text(max_size=30)))
def test_any_expression_has_problems_inside_its_text_or_none(text: str) -> None:
    """A check never raises, and what it finds lies in the text."""
    assume(text.isprintable() or "\n" in text)
    for problem in expressions.check(text, declared_names.Workspace(("sms",)).after(("a",)), "condition"):
        assert 0 <= problem.offset <= len(text)


@given(text=st.text(st.sampled_from("{{}}%| profile.name'x\nifend"), max_size=40))
def test_any_template_has_problems_inside_its_text_or_none(text: str) -> None:
    """As for expressions."""
    for problem in templates.check(text, declared_names.Workspace(("sms",)).after(None)):
        assert 0 <= problem.offset <= len(text)


@given(number=st.integers(0, 10**9), unit=st.sampled_from("smhdw"))
def test_a_duration_is_its_number_of_units(number: int, unit: str) -> None:
    """Up to ten years; past them it is refused."""
    length = number * durations.UNITS[unit]
    if length <= durations.LONGEST and number < 10**9:
        assert length == durations.parse(f"{number}{unit}")
    else:
        with pytest.raises(ValueError, match="duration"):
            durations.parse(f"{number}{unit}")


DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3),
    max_leaves=6,
)


@given(
    DATA, st.sampled_from(["event.data", "event.data.a", "event.data.a.b", "profile.a", 'event.data["c d"]', "event.time", "now"])
)
def test_a_bare_path_has_the_value_that_cel_gives_it(data: Any, path: str) -> None:
    """What is looked up without CEL is what CEL finds inside a list of one, or an error in both."""
    at = inputs.instant("2026-11-22T03:00:00Z")
    event = inputs.Event("evt-1", "cart.updated", at, at, "cust-1", "shop", data)
    profile = data if isinstance(data, dict) else {}
    held = expression_scope.Scope(state.Customer("cust-1", profile=profile), definition.Policy(), at, event)
    cel = expressions.CelExpressions()

    def value(text: str) -> tuple[str, Any]:
        try:
            return "value", cel.evaluate(definition.Expression(text, "", expressions.roots(text)), held)
        except errors.EvaluationError:
            return "error", None

    outcome, bare = value(path)
    assert (outcome, [bare] if outcome == "value" else None) == value(f"[{path}]")
