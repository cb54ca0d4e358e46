"""Filters: dates, numbers and plurals, as customers read them."""

import datetime
import json
import pathlib
import re
import zoneinfo
from typing import Any

import pytest

from engine.authoring.language import declared_names
from engine.authoring.liquid import filters, locale_formats, renderer, templates
from engine.core.context import expression_scope
from engine.core.model import definition, inputs, state

NOW = inputs.instant("2026-11-22T03:05:00Z")
PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "templates.md").read_text()
EXAMPLES = re.findall(r"^\| `(\{\{.*)` \| `(.*)` \|$", PAGE, re.MULTILINE)
ZONE = zoneinfo.ZoneInfo("Asia/Jakarta")


def rendered(
    text: str, *, language: str = "id", zone: str = "Asia/Jakarta", profile: Any = None, channel: str = "sms", **data: Any
) -> tuple[str, tuple[str, ...]]:
    event = inputs.Event("evt-1", "order.placed", NOW, NOW, "ayu", "shop", data)
    around = expression_scope.Scope(
        state.Customer("ayu", profile=profile or {}), definition.Policy(timezone=zone), NOW, event, event
    )
    given = templates.LiquidTemplates().render({language: {channel: {"text": text}}}, (language,), channel, around)
    assert given is not None
    return given.content["text"], given.missing


@pytest.mark.parametrize(("written", "expected"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_page_tells_the_truth(written: str, expected: str) -> None:
    """Each example of docs/templates.md renders as the page says."""
    given = json.loads(PAGE.split("```json")[1].split("```")[0])
    text = written.replace("\\|", "|")
    assert (expected, ()) == rendered(text, zone="Asia/Makassar", profile=given["profile"], **given["entry"]["data"])
    assert list(templates.check(text, declared_names.Workspace(None).after(None))) == []


def test_the_page_names_every_filter_and_letter() -> None:
    """No filter of ours, and no letter of a date, is a secret."""
    assert len(EXAMPLES) > 10
    assert [name for name in renderer.FILTERS if f"| {name}" not in PAGE.replace("\\|", "|")] == []
    assert [letter for letter in filters.DIRECTIVES if f"%{letter}" not in PAGE] == []


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("id", "Minggu 29 Februari 2032 23.30 1.234,5"),
        ("en", "Sunday 29 February 2032 23:30 1,234.5"),
        ("en-GB", "Sunday 29 February 2032 23:30 1,234.5"),
        ("jv", "Ahad 29 Februari 2032 23:30 1.234,5"),
        ("su", "Minggu 29 Pébruari 2032 23.30 1.234,5"),
        ("ms", "Ahad 29 Februari 2032 23:30 1,234.5"),
        ("ja", "Minggu 29 Februari 2032 23.30 1.234,5"),
    ],
)
def test_the_language_is_that_of_the_body(language: str, expected: str) -> None:
    """Names and separators by CLDR; a language that is not in the table takes the policy's."""
    text = "{{ entry.data.at | hari }} {{ entry.data.at | tanggal }} {{ entry.data.at | jam }} {{ entry.data.n | ribuan }}"
    assert rendered(text, language=language, at="2032-02-29T16:30:00Z", n=1234.5) == (expected, ())


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Asia/Jakarta", "2026-12-31 23.30 WIB +0700"),
        ("Asia/Makassar", "2027-01-01 00.30 WITA +0800"),
        ("Asia/Jayapura", "2027-01-01 01.30 WIT +0900"),
        ("America/New_York", "2026-12-31 11.30 EST -0500"),
    ],
)
def test_the_clock_is_the_customers(zone: str, expected: str) -> None:
    """One moment is another day elsewhere."""
    assert rendered('{{ entry.data.at | date: "%F %H.%M %Z %z" }}', zone=zone, at="2026-12-31T16:30:00Z") == (expected, ())


@pytest.mark.parametrize("name", ["A", "a", "B", "b", "d", "e", "m", "Y", "y", "j", "H", "I", "M", "S", "p", "F", "R", "T", "%"])
@pytest.mark.parametrize("at", ["2026-01-04T00:05:09Z", "2028-12-31T12:59:59Z", "2032-02-29T23:00:00Z"])
def test_letters_mean_what_strftime_means(name: str, at: str) -> None:
    """In English they are those of C's strftime, whose names Python gives without a locale set."""
    moment = inputs.instant(at)
    assert filters.date(at, f"%{name}", locale_formats.TONGUES["en"], datetime.UTC) == moment.strftime(f"%{name}")


def test_a_date_without_an_hour_stays_the_day_it_is() -> None:
    """A bare date is a day of the customer's own: no zone moves it; and it has no hour to tell."""
    for zone in ("Asia/Jayapura", "America/New_York"):
        assert rendered("{{ entry.data.at | tanggal }}", zone=zone, at="1969-07-20") == ("20 Juli 1969", ())
    assert rendered("[{{ entry.data.at | jam }}]", at="2026-12-25") == ("[]", ("entry.data.at",))


@pytest.mark.parametrize(
    "at", [None, 5, 1766620800, True, "", "now", "today", "besok", "25/12/2026", "2026-02-30", "2026-12-25T09:00:00", {}]
)
def test_what_is_no_time_renders_empty_and_is_listed(at: object) -> None:
    """Neither a guess nor the clock stands in: seconds could be milliseconds, a local time has no zone."""
    for name in ("tanggal", "hari", "jam", 'date: "%Y"'):
        assert rendered("[{{ entry.data.at | " + name + " }}]", at=at) == ("[]", ("entry.data.at",))


def test_a_missing_field_is_listed_by_its_own_name() -> None:
    """Through any filter."""
    for name in ("tanggal", "rupiah", "ribuan", 'plural: "a", "b"', 'date: "%Y"'):
        assert rendered("[{{ entry.data.nope | " + name + " }}]") == ("[]", ("entry.data.nope",))
    assert rendered("{{ entry.data.nope | tanggal | default: 'segera' }}") == ("segera", ())


def test_a_trait_that_is_a_time_is_written_like_any_other() -> None:
    """`traits.last_order` is a time; by itself it prints as RFC 3339."""

    class Around(expression_scope.Scope):
        def value(self, name: str) -> Any:
            return {"last_order": NOW, "days": [NOW], "n": 3} if name == "traits" else super().value(name)

    around = Around(state.Customer("ayu"), definition.Policy(), NOW)
    text = "{{ traits.last_order }} {{ traits.last_order | tanggal }} {{ traits.days[0] | jam }} {{ traits.n }}"
    given = templates.LiquidTemplates().render({"id": {"sms": {"text": text}}}, ("id",), "sms", around)
    assert given is not None
    assert given.content["text"] == "2026-11-22T03:05:00Z 22 November 2026 10.05 3"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (999, "999"),
        (1234567, "1.234.567"),
        (-1234.5, "-1.234,5"),
        ("1000", "1.000"),
        (0.1 + 0.2, "0,3"),
        (2.0005, "2,001"),
        (1e15, "1.000.000.000.000.000"),
    ],
)
def test_thousands_have_dots(number: object, expected: str) -> None:
    """At most three decimals, half up, none that says nothing."""
    assert rendered("{{ entry.data.n | ribuan }}", n=number) == (expected, ())


@pytest.mark.parametrize("number", [None, True, "banyak", "", [], {}, "1e99", "nan", "inf", 1e300])
def test_what_is_no_number_renders_empty_and_is_listed(number: object) -> None:
    """No filter writes a billion zeros, or a boolean as one."""
    for name in ("rupiah", "ribuan", 'plural: "a", "b"'):
        assert rendered("[{{ entry.data.n | " + name + " }}]", n=number) == ("[]", ("entry.data.n",))


def test_plural_has_one_word_for_one() -> None:
    """Zero, two, one and a half and minus one are many."""
    told = [rendered("{{ entry.data.n | plural: 'item', 'items' }}", n=n)[0] for n in (1, "1", 1.0, 0, 2, 1.5, -1)]
    assert told == ["item", "item", "item", "items", "items", "items", "items"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{{ "now" | date: "%Y" }}', [(11, "DLG664")]),
        ('{{ "today" | tanggal }}', [(13, "DLG664")]),
        ('{{ "2026-12-25" | tanggal }}', []),
        ('{{ now | date: "%Y" | upcase }}', []),
        ('{{ now | date: "%d %Q" }}', [(9, "DLG664")]),
        ('{{ now | date: "100%" }}', [(9, "DLG664")]),
        ("{{ now | date: profile.format }}", []),
        ("{{ now | date }}", [(9, "DLG664")]),
        ('{{ now | tanggal: "%Y" }}', [(9, "DLG664")]),
        ('{{ entry.data.n | plural: "a" }}', [(18, "DLG664")]),
        ('{% if profile.x %}{% assign a = "now" | hari %}{{ a }}{% endif %}', [(40, "DLG664")]),
        ("{{ now | tangal }}", [(9, "DLG662")]),
    ],
)
def test_a_filter_that_can_never_work_is_found(written: str, expected: list[tuple[int, str]]) -> None:
    """The clock as text, unknown letters and wrong numbers of arguments, at the filter."""
    assert expected == [
        (each.offset, each.kind.code) for each in templates.check(written, declared_names.Workspace(None).after(None))
    ]


def test_a_pattern_that_data_gives_is_lenient_too() -> None:
    """What no check can see renders empty and is listed."""
    assert rendered("[{{ now | date: entry.data.p }}]", p="%Q") == ("[]", ("now",))


def test_what_a_filter_writes_is_escaped_in_html() -> None:
    """A plural's word may come from data."""
    around = expression_scope.Scope(state.Customer("ayu", profile={"w": "<b>"}), definition.Policy(), NOW)
    body = {"html": "{{ 1 | plural: profile.w, profile.w }}"}
    given = templates.LiquidTemplates().render({"id": {"email": body}}, ("id",), "email", around)
    assert given is not None
    assert given.content["html"] == "&lt;b&gt;"


def test_parameters_of_whatsapp_have_no_line_breaks() -> None:
    """Meta refuses line breaks, tabs and more than four spaces in a parameter: each white space becomes one space."""
    around = expression_scope.Scope(state.Customer("ayu", profile={"name": "  Ayu\n\tPutri     S "}), definition.Policy(), NOW)
    body = {"template": "halo", "language": "id", "parameters": ["{{ profile.name }}", "a\nb", "c"]}
    given = templates.LiquidTemplates().render({"id": {"whatsapp": body}}, ("id",), "whatsapp", around)
    assert given is not None
    assert given.content["parameters"] == ["Ayu Putri S", "a b", "c"]
