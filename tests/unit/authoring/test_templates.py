import pathlib
from typing import Any

import pytest
from liquid import exceptions

from engine import authoring
from engine.authoring.language import declared_names
from engine.authoring.liquid import renderer, templates
from engine.core.context import expression_scope, ports
from engine.core.model import definition, inputs, state
from tests import work

NOW = inputs.instant("2026-11-22T03:00:00Z")


def around() -> expression_scope.Scope:
    data = {
        "total": 275000,
        "infinite": float("inf"),
        "html": "<b>&</b>",
        "lines": "one\nBcc: two",
        "items": [{"sku": "KOPI"}, {"sku": "TEH"}],
    }
    event = inputs.Event("evt-1", "cart.updated", NOW, NOW, "cust-1", "shop/web", data)
    return expression_scope.Scope(state.Customer("cust-1", profile={"name": "Budi"}), definition.Policy(), NOW, event, event)


def rendered(body: dict[str, Any], channel: str = "sms") -> ports.Rendered:
    given = templates.LiquidTemplates().render({"id": {channel: body}}, ("id",), channel, around())
    assert given is not None
    return given


def text(written: str) -> str:
    return str(rendered({"text": written}).content["text"])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Halo", "Halo"),
        ("Halo {{ profile.name }}", "Halo Budi"),
        ("{{ entry.data.total | rupiah }}", "Rp275.000"),
        ("{{ event.time }} {{ now }}", "2026-11-22T03:00:00Z 2026-11-22T03:00:00Z"),
        ("{% for i in entry.data.items %}{{ i.sku }},{% endfor %}", "KOPI,TEH,"),
        ("{% if profile.vip %}VIP{% else %}kak{% endif %}", "kak"),
        ("{{ profile.nick | default: 'kak' }}", "kak"),
        ("{{ policy.language }}", "id"),
        ("{{ entry.data.html }}", "<b>&</b>"),
    ],
)
def test_placeholders_are_filled(written: str, expected: str) -> None:
    """Liquid over the names of an expression; times are RFC 3339 in UTC."""
    assert expected == text(written)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("275000", "Rp275.000"),
        ("0", "Rp0"),
        ("-1500", "-Rp1.500"),
        ("999.5", "Rp1.000"),
        ("1234567890", "Rp1.234.567.890"),
        ("'9999'", "Rp9.999"),
    ],
)
def test_prices_are_written_as_in_indonesia(number: str, expected: str) -> None:
    """Whole rupiah, half up, thousands with dots."""
    assert expected == text(f"{{{{ {number} | rupiah }}}}")


def test_a_missing_field_renders_empty_and_is_listed() -> None:
    """Each path once, in the order of the text; what a condition or a default looked at was not rendered."""
    body = {"text": "{{ profile.nick }}{{ profile.x.y | upcase }}{{ profile.nick }}{{ profile.z | default: 'a' }}"}
    given = rendered({**body, "more": "{% if profile.vip %}{% endif %}{% for i in entry.data.none %}{% endfor %}"})
    assert given.content == {"text": "a", "more": ""}
    assert given.missing == ("profile.nick", "profile.x", "entry.data.none")


def test_a_filter_that_cannot_work_renders_empty_and_is_listed() -> None:
    """A field of the wrong kind never stops the message."""
    given = rendered({"text": "a {{ profile.name | rupiah }} b"})
    assert (given.content["text"], given.missing) == ("a  b", ("profile.name",))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ 5 | modulo: profile.name }}", ""),
        ("{% if profile.name > 5 %}x{% endif %}", ""),
        ("{% for i in entry.data.items limit: entry.data.infinite %}x{% endfor %}", ""),
        ("{% assign a = profile.name | rupiah %}b{{ a }}", "b"),
        ("{% if entry.data.total %}a {{ profile.name | tanggal }} b{% endif %} c", "a  b c"),
        ("{% for i in entry.data.items %}{{ i.sku }}{{ i.sku | ribuan }}{% break %}{% endfor %}.", "KOPI."),
        ("{% unless profile.vip %}{% if entry.data contains entry.data.items %}x{% endif %}y{% endunless %}", "y"),
    ],
)
def test_what_cannot_be_rendered_leaves_its_surroundings(written: str, expected: str) -> None:
    """Also where Liquid lets an error of Python through, and inside of tags: only the placeholder or tag itself is left out."""
    given = rendered({"text": written})
    assert given.content["text"] == expected
    assert len(given.missing) > 0


def test_a_mails_subject_is_one_line() -> None:
    """A line break of a value would end the header and begin another (RFC 5322 section 2.2); the text keeps its lines."""
    content = rendered({"subject": "Hai\n{{ entry.data.lines }}", "text": "Hai\n{{ entry.data.lines }}"}, "email").content
    assert content["subject"] == "Hai one Bcc: two"
    assert content["text"] == "Hai\none\nBcc: two"


def test_values_are_escaped_in_html_alone() -> None:
    """A customer's name is no markup in a mail's html, and stays as it is in its text and in any other channel."""
    body = {"subject": "{{ entry.data.html }}", "text": "{{ entry.data.html }}", "html": "<p>{{ entry.data.html }}</p>"}
    content = rendered(body, "email").content
    assert content["html"] == "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>"
    assert "<b>&</b>" == content["text"] == content["subject"]
    assert rendered({"html": "{{ entry.data.html }}"}, "push").content["html"] == "<b>&</b>"


def test_every_text_of_a_body_is_rendered() -> None:
    """Lists and objects of any depth; what is no text stays what it is."""
    body = {"data": {"a": ["{{ profile.name }}", 5, None, True, {"b": "{{ event.type }}"}]}}
    assert rendered(body, "webhook").content == {"data": {"a": ["Budi", 5, None, True, {"b": "cart.updated"}]}}


def test_the_first_language_that_has_the_channel_is_taken() -> None:
    """The customer's language, else the policy's; no body at all is no message."""
    bodies = {"en": {"sms": {"text": "Hi"}}, "id": {"sms": {"text": "Halo"}, "email": {"text": "Halo"}}}
    port = templates.LiquidTemplates()
    given = [port.render(bodies, ("en", "id"), channel, around()) for channel in ("sms", "email", "push")]
    assert [each and (each.language, each.content["text"]) for each in given] == [("en", "Hi"), ("id", "Halo"), None]
    assert port.render(bodies, ("fr",), "sms", around()) is None


def test_a_text_past_all_bounds_is_refused() -> None:
    """A loop of a million turns ends as an error of its own step, not as half a message."""
    with pytest.raises(exceptions.LoopIterationLimitError):
        text("{% for i in (1..1000000) %}x{% endfor %}")


@pytest.mark.parametrize("written", ["{{ 'now' | date: '%Y' }}", "{% include 'x' %}", "{% render 'x' %}"])
def test_nothing_that_could_differ_between_machines_is_there(written: str) -> None:
    """The clock, the machine's zone and files of the machine are out of reach."""
    assert list(templates.check(written, declared_names.Workspace(None).after(None))) != []


@pytest.mark.parametrize("name", ["today", "now", "'today'"])
@pytest.mark.parametrize(
    "written", ["{{ [profile.name] }}", "{% assign x = [profile.name] %}{{ x }}", "{{ today }}{{ ['today'] }}"]
)
def test_no_name_leads_to_the_clock(written: str, name: str) -> None:
    """Liquid has a `today` of its own, which even a name that data gives does not find."""
    names = around()
    names = expression_scope.Scope(state.Customer("cust-1", profile={"name": name}), names.policy, NOW)
    given = templates.LiquidTemplates().render({"id": {"sms": {"text": written}}}, ("id",), "sms", names)
    assert given is not None
    assert given.content["text"] in ("", "2026-11-22T03:00:00Z")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{{ profile.anything.at.all }}", []),
        ("{{ steps.any.outcome }}", []),
        ("{{ profil.name }}", [(3, "DLG661")]),
        ("é {{ x }} {{ x }}", [(5, "DLG661"), (13, "DLG661")]),
        ("{{ event[x].y }}", [(9, "DLG661")]),
        ("{{ journey.nam }}", [(3, "DLG661")]),
        ("{% assign a = 1 %}{{ a }}{% capture b %}{% endcapture %}{{ b }}", []),
        ("{% for i in x %}{{ i }}{% endfor %}{{ i }}", [(12, "DLG661"), (38, "DLG661")]),
        ("{{ 'a' | nope }}", [(9, "DLG662")]),
        ("{{ 'a'", [(0, "DLG660")]),
        ("a {% if profile.x %} b", [(2, "DLG660")]),
        ("a {{ profile.x | }} b {{ }}", [(2, "DLG660")]),
        ("{% endif %}", [(3, "DLG660")]),
        ("{% raw %}{{ x }}{% endraw %}", []),
    ],
)
def test_a_template_is_checked_without_a_customer(written: str, expected: list[tuple[int, str]]) -> None:
    """Syntax, root names, declared fields and filters, each with the offset of its character."""
    found = templates.check(written, declared_names.Workspace(("sms",)).after(None))
    assert expected == [(each.offset, each.kind.code) for each in found]


@pytest.mark.parametrize(
    "written",
    [
        "{{ " * 300_000,
        "{% " * 300_000,
        "{{" + " " * 900_000,
        "{% if" + " " * 900_000 + "%}",
        "a {{" + " " * 4_000 + "}}",
        "{{ a" + ".b" * 400_000 + " }}",
    ],
)
def test_a_hostile_text_is_refused_at_once(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Liquid's parser would take minutes for a placeholder of white space; nobody means one, and it is never asked."""
    asked: list[str] = []
    monkeypatch.setattr(renderer.Environment, "from_string", lambda _, text: asked.append(text))

    def look() -> None:
        (found,) = templates.check(written, {"profile": None})
        assert (found.offset, found.kind.code) == (written.index("{"), "DLG660")
        assert list(templates.paths(written)) == []
        assert len(templates.plain(written)) < 3

    assert work.calls(look)[0] <= 200
    assert asked == []


def test_liquid_and_cel_are_imported_once() -> None:
    """Three files of `authoring/liquid` alone know python-liquid, one of `authoring/cel` CEL, two ruamel.yaml."""
    package = pathlib.Path(authoring.__file__).parent
    known = (
        ("liquid", ["liquid/fast_placeholders", "liquid/renderer", "liquid/templates"]),
        ("cel_expr_python", ["cel/environment"]),
        ("ruamel", ["docs/finding_pages", "files/yaml_reader"]),
    )
    for library, modules in known:
        found = [
            str(file.relative_to(package).with_suffix(""))
            for file in sorted(package.rglob("*.py"))
            if any(line.startswith((f"import {library}", f"from {library}")) for line in file.read_text().splitlines())
        ]
        assert modules == found
