"""Templates over whatever data there is."""

import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.authoring import templates
from engine.core import definition, inputs, ports, scope, state

NOW = inputs.instant("2026-11-22T03:05:00Z")
PORT = templates.LiquidTemplates()
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
TIMES = st.datetimes(timezones=st.just(datetime.UTC)).map(lambda at: at.isoformat())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | TIMES
    | st.dates().map(str)
    | st.sampled_from(["5", "1e99", "now"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FILTERS = sorted(PORT._plain.filters)


def render(text: str, data: dict[str, Any], language: str) -> ports.Rendered:
    event = inputs.Event("evt-1", "order.placed", NOW, NOW, "ayu", "shop", data)
    around = scope.Scope(state.Customer("ayu"), definition.Policy(timezone="America/New_York"), NOW, event, event)
    rendered = PORT.render({language: {"sms": {"text": text}}}, (language,), "sms", around)
    assert rendered is not None
    return rendered


@given(st.sampled_from(FILTERS), st.lists(JSON, min_size=1, max_size=3), st.sampled_from(["id", "en", "zz"]))
def test_no_data_stops_a_message(name: str, values: list[Any], language: str) -> None:
    """Any filter, ours or Liquid's, over any JSON: the text around it is always there, and the same again."""
    data = dict(zip("vab", values, strict=False))
    arguments = ", ".join(f"entry.data.{each}" for each in "ab"[: len(values) - 1])
    text = f"<{{{{ entry.data.v | {name}{': ' + arguments if arguments else ''} }}}}>"
    first = render(text, data, language)
    assert first.content["text"][0] + first.content["text"][-1] == "<>"
    assert first == render(text, data, language)
