"""Placeholders that need no Liquid write what Liquid writes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.authoring.liquid import fast_placeholders, renderer, templates
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state
from tests.unit.core import story

FIELDS = ["profile.name", "profile.deep.name", "profile.deep.size", "entry.data.total", "entry.data['total']", "entry.time"]
FIELDS += ["profile", "entry.data.items[0]", "profile.name.first", "now", "nobody.name", "steps.a.outcome", "'text'", "7"]
FILTERS = [
    "default: 'Kak'",
    "default: ''",
    "default: 7",
    "default: profile.other",
    "rupiah",
    "ribuan",
    "tanggal",
    "jam",
    "upcase",
]
FILTERS += ["date: '%-d %B'", "date: 'Q%q'", "plural: 'item', 'items'", "rupiah: 1", "default: 'x' | rupiah", "append: '<b>'"]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2)
) | st.sampled_from(["2026-12-25", "2026-12-25T02:00:00Z", "<b>", 1, 1.0, "1", "275000"])
placeholder = st.builds(
    lambda field, filter_: f"{{{{ {field}{filter_ and ' | ' + filter_} }}}}",
    st.sampled_from(FIELDS),
    st.sampled_from(["", *FILTERS]),
)
texts = st.lists(st.one_of(placeholder, st.sampled_from(["Halo ", ", ", "<p>"])), min_size=1, max_size=4).map("".join)
values = st.dictionaries(st.sampled_from(["name", "other", "total", "items"]), VALUES)


def filled(text: str, names: expression_scope.Scope) -> Any:
    bodies = {"id": {"sms": {"text": text}, "email": {"html": text}}}
    port = templates.LiquidTemplates()
    return [port.render(bodies, ("id",), channel, names) for channel in ("sms", "email")]


@given(texts, values, values, values)
def test_what_needs_no_liquid_is_written_as_liquid_writes_it(
    text: str, profile: dict[str, Any], deep: dict[str, Any], data: dict[str, Any]
) -> None:
    """With and without the short way a text is the same, and so is what is missing in it."""
    at = story.at("10:00")
    entry = inputs.Event("e", "go", at, at, "ayu", "t", data)
    names = expression_scope.Scope(state.Customer("ayu", profile={**profile, "deep": deep}), definition.Policy(), at, None, entry)
    short = filled(text, names)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fast_placeholders, "of", lambda *_: None)
        assert filled(text, names) == short


def test_a_field_a_default_and_a_filter_need_no_liquid() -> None:
    """The common placeholders are filled without Liquid; chains, indices and arguments that are fields are not."""
    environment = renderer.Environment(autoescape=False)

    def short(text: str) -> bool:
        return fast_placeholders.of(environment.from_string(text).nodes[0], renderer.FILTERS) is not None

    assert all(
        map(short, ["Halo", "{{ profile.name }}", "{{ profile.name | default: 'Kak' }}", "{{ entry.data.total | rupiah }}"])
    )
    assert not any(map(short, ["{{ profile.a | upcase }}", "{{ entry.data.items[0] }}", "{{ profile.a | default: profile.b }}"]))
