"""Templates over whatever data there is."""

import datetime
import zoneinfo
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.authoring.liquid import filters, locale_formats, templates
from engine.core.context import expression_scope, ports
from engine.core.model import definition, inputs, state

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
    around = expression_scope.Scope(state.Customer("ayu"), definition.Policy(timezone="America/New_York"), NOW, event, event)
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


@given(
    st.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2100, 1, 1)),
    st.sampled_from(["Asia/Jakarta", "Asia/Jayapura", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    st.sampled_from(sorted(locale_formats.TONGUES)),
)
def test_a_date_is_the_customers_own(at: datetime.datetime, zone: str, language: str) -> None:
    """Whatever is written can be read back as the same moment, over zones and DST; its names are those of its own day."""
    moment = at.replace(tzinfo=datetime.UTC, microsecond=0)
    around = zoneinfo.ZoneInfo(zone)
    tongue = locale_formats.TONGUES[language]
    written = filters.date(moment.isoformat(), "%F %T%z|%A|%B|%a|%b|%-d|%j", tongue, around)
    told, day, month, short_day, short_month, number, of_year = written.split("|")
    assert datetime.datetime.fromisoformat(told) == moment
    local = datetime.date.fromisoformat(told[:10])
    assert (tongue.days.index(day), tongue.months.index(month) + 1) == (local.weekday(), local.month)
    assert (tongue.short_days.index(short_day), tongue.short_months.index(short_month) + 1) == (local.weekday(), local.month)
    assert (int(number), int(of_year)) == (local.day, (local - datetime.date(local.year, 1, 1)).days + 1)
