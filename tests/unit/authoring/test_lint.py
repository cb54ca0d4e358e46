from typing import Any

import pytest


def test_a_step_id_is_unique_in_the_file(shop: Any) -> None:
    """The second one is found, nested ones too; the first is named."""
    shop.steps("  - {id: a, branch: [{else: [{id: b, wait: 1m}]}]}\n  - {id: b, wait: 1m}\n")
    assert shop.said() == ["cart.yaml:14:10 DLG630"]
    assert "in line 13" in shop.findings()[0].message


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - {id: a, exit: x}\n  - {id: b, wait: 1m}\n  - {id: c, wait: 1m}\n", ["14:10 DLG631"]),
        (
            "  - id: a\n    branch:\n      - {if: profile.vip, then: [{id: b, exit: x}]}\n"
            "      - else: [{id: c, exit: y}]\n  - {id: d, wait: 1m}\n",
            ["17:10 DLG631"],
        ),
        (
            "  - id: a\n    wait: {for: [{event: e, then: [{id: b, exit: x}]}],"
            " timeout: 1h, on_timeout: [{id: c, exit: y}]}"
            "\n  - {id: d, branch: [{else: [{id: e, wait: 1m}]}]}\n",
            ["15:10 DLG631"],
        ),
        ("  - {id: a, branch: [{if: profile.vip, then: [{id: b, exit: x}]}]}\n  - {id: c, wait: 1m}\n", []),
        ("  - {id: a, wait: {for: [{event: e, then: [{id: b, exit: x}]}], timeout: 1h}}\n  - {id: c, wait: 1m}\n", []),
        ("  - {id: a, branch: [{else: []}]}\n  - {id: c, exit: x}\n", []),
    ],
)
def test_a_step_that_nobody_comes_to_is_found(shop: Any, steps: str, expected: list[str]) -> None:
    """After an exit, or after arms that all leave, the first of what follows is unreachable."""
    shop.steps(steps)
    assert [f"cart.yaml:{each}" for each in expected] == shop.said()


def test_what_stands_after_else_is_found(shop: Any) -> None:
    """`else` takes everybody, so it is the last arm."""
    shop.steps("  - id: a\n    branch:\n      - else: []\n      - {if: profile.vip, then: []}\n")
    assert shop.said() == ["cart.yaml:16:9 DLG642"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # A channel, a template and a status that do not exist.
        ("{channel: sms}", "{channel: email}", ["20:21 DLG633", "20:21 DLG635"]),
        ("template: reminder", "template: remainder", ["17:17 DLG634"]),
        ("success: delivered", "success: replied", ["19:40 DLG637"]),
        # A way from each channel to the next.
        (", fallback_after: 30m", "", ["19:11 DLG638"]),
        ("success: delivered, ", "", ["19:11 DLG638"]),
        ("{channel: sms}", "{channel: sms, success: delivered}", ["20:11 DLG638"]),
        ("{channel: sms}", "{channel: sms, fallback_after: 1h}", ["20:11 DLG638"]),
        ("{channel: sms}", "{channel: sms, success: delivered, fallback_after: 1h}", []),
        # Entering.
        ("reentry: {after: 7d}", "reentry: {parallel: 2}\n  while_active: ignore", ["10:3 DLG639"]),
        ("reentry: {after: 7d}", "reentry: {parallel: 2}", []),
        ("reentry: {after: 7d}", "reentry: {after: 7d}\n  while_active: restart", []),
        ("event: cart.updated", "event: [cart.updated, timer.due]", ["6:25 DLG640"]),
        ("event: order.placed", "event: bundle.activated", ["11:13 DLG640"]),
        ("wait: 45m", "wait: 45m\n    restart_on: journey.command", ["15:17 DLG640"]),
        ("wait: 45m", "wait: {for: [{event: x}], timeout: 1h}\n    restart_on: y", ["15:5 DLG641"]),
        ("wait: 45m", "wait: 45m\n    restart_on: cart.updated", []),
        # Consent.
        ("purpose: marketing", "purpose: support", ["3:10 DLG670"]),
    ],
)
def test_sends_and_entries_fit_the_policy(spoiled: Any, old: str, new: str, expected: list[str]) -> None:
    """What a journey names must exist, be reported, and lead somewhere."""
    assert [f"cart.yaml:{each}" for each in expected] == spoiled("cart.yaml", old, new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("when: event.data.total", "when: evnt.data.total", ["7:9 DLG651"]),
        ("when: event.data.total", "when: event.dta.total", ["7:15 DLG651"]),
        ("when: event.data.total >= 100000", "when: event.data.total >=", ["7:28 DLG650"]),
        ("when: event.data.total >= 100000", "when: event.type", ["7:9 DLG652"]),
        ("when: event.data.total >= 100000", 'when: event.type > 5 && "a" == 1', ["7:20 DLG650", "7:31 DLG650"]),
        ("when: event.data.total >= 100000", "when: entry.data.total > 1", ["7:9 DLG651"]),
        ("when: event.data.total >= 100000", "when: traits.orders_90d >= 3", ["7:16 DLG651"]),
        ("when: event.data.total >= 100000", "when: >\n    event.data.a &&\n      evnt.b", ["9:7 DLG651"]),
        ("when: event.data.total >= 100000", "when: |\n    event.data.a &&\n    1 + 'b' == 2", ["9:7 DLG650"]),
        ("when: event.data.total >= 100000", "when: 'event.data.x == ''é'' && evnt.y'", ["7:35 DLG651"]),
        ("when: event.data.total >= 100000", "when: true", []),
        ("key: event.data.cart_id", "key: '[event.data.cart_id]'", ["8:9 DLG652"]),
        ("entry.data.cart_id, reason", "entry.dat.cart_id, reason", ["11:61 DLG651"]),
        ("entry.data.cart_id, reason", "steps.nudge.outcome, reason", []),
        ("entry.data.cart_id, reason", "steps.nugde.outcome, reason", ["11:61 DLG651"]),
        ("entry.data.cart_id, reason", "steps.nudge.outcom, reason", ["11:67 DLG651"]),
        ("template: reminder", "template: reminder\n      to: profil.phone", ["18:11 DLG651"]),
        ("template: reminder", "template: reminder\n      to: 1 == 1", ["18:11 DLG652"]),
    ],
)
def test_expressions_are_checked_where_they_stand(spoiled: Any, old: str, new: str, expected: list[str]) -> None:
    """Syntax, types, names and results; the column is the offending character's, also inside | and >."""
    assert [f"cart.yaml:{each}" for each in expected] == spoiled("cart.yaml", old, new)


def test_a_consent_of_a_channel_that_the_policy_lacks_is_found(shop: Any) -> None:
    """consent.<purpose>.<channel> is declared by the policy's channels, with `any` beside them."""
    shop.steps(
        "  - id: a\n    branch:\n      - {if: consent.marketing.any && consent.support.sms, then: []}\n"
        "      - {if: consent.marketing.email, then: []}\n      - {if: consent.markting.any, then: []}\n"
    )
    assert shop.said() == ["cart.yaml:16:32 DLG651", "cart.yaml:17:22 DLG651"]


def test_a_step_id_with_a_hyphen_needs_brackets(shop: Any) -> None:
    """`steps.cool-off` is a subtraction to CEL; the hint says how to write it."""
    shop.replace("cart.yaml", "event.data.cart_id == entry.data.cart_id", """'steps["cool-off"].outcome == "elapsed"'""")
    assert shop.said() == []
    shop.replace("cart.yaml", 'steps["cool-off"]', "steps.cool-off")
    assert shop.findings()[0].hint == 'A step id with - needs brackets: steps["cool-off"].outcome.'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("address: profile.phone, cost: 250", "address: profil.phone, cost: 250", ["5:20 DLG651"]),
        ("address: profile.phone, cost: 250", "address: 2.5, cost: 250", ["5:20 DLG622"]),
        ("address: profile.phone, cost: 250", 'address: "2.5", cost: 250', ["5:21 DLG652"]),
        ("  consent:", "  timezone: Asia/Jakrta\n  consent:", ["2:13 DLG643"]),
        ("  consent:", "  timezone: Asia/Makassar\n  consent:", []),
    ],
)
def test_the_policy_is_linted(spoiled: Any, old: str, new: str, expected: list[str]) -> None:
    """Addresses are expressions that give text; the zone exists."""
    assert [f"policy.yaml:{each}" for each in expected] == spoiled("policy.yaml", old, new)


def test_a_policy_that_cannot_be_used_hides_nothing_else(shop: Any) -> None:
    """Its own finding comes alone: that its channels are unknown is no fault of the journeys."""
    shop.write("policy.yaml", "policy: {chanels: {}}")
    shop.replace("cart.yaml", "event.data.total", "evnt.data.total")
    assert shop.said() == ["cart.yaml:7:9 DLG651", "policy.yaml:1:10 DLG620"]


def test_without_a_policy_no_channel_exists(shop: Any) -> None:
    """A journey that sends needs policy.yaml, one that does not send needs none."""
    (shop.root / "policy.yaml").unlink()
    assert shop.said() == ["cart.yaml:19:21 DLG633", "cart.yaml:20:21 DLG633"]
    shop.steps("  - {id: a, wait: 1m}\n")
    assert shop.said() == []


def test_every_template_exists_in_the_policys_language(shop: Any) -> None:
    """Used or not: customers without a language of their own get it."""
    shop.write("templates/promo.en.yaml", "sms: {text: Hello}")
    assert shop.said() == ["templates/promo.en.yaml:1:1 DLG636"]
    shop.write("templates/promo.id.yaml", "sms: {text: Halo}")
    assert shop.said() == []


def test_a_template_has_a_body_for_each_channel_of_a_send(shop: Any) -> None:
    """In the policy's language; another language may lack one and falls to it."""
    shop.write("templates/reminder.en.yaml", "sms: {text: Hello}")
    assert shop.said() == []
    shop.write("templates/reminder.id.yaml", "sms: {text: Halo}")
    assert shop.said() == ["cart.yaml:19:21 DLG635"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sms: {text: 'Halo {{ profil.name }}'}", ["1:22 DLG661"]),
        ("sms: {text: 'Halo {{ traits.x }}'}", ["1:22 DLG661"]),
        ("sms:\n  text: >\n    Halo\n    {{ event.dta.x }}\n", ["4:8 DLG661"]),
        ("sms: {text: 'Halo {{ profile.name | uper }}'}", ["1:37 DLG662"]),
        ("sms: {text: \"{{ now | date: '%Y' }}\"}", []),
        ("sms: {text: \"{{ now | date: '%Q' }}\"}", ["1:23 DLG664"]),
        ("sms: {text: 'Halo {{ profile.name '}", ["1:19 DLG660"]),
        ("sms:\n  text: |\n    Halo\n    {% if profile.vip %} ya\n", ["4:5 DLG660"]),
        ("sms: {text: '{% include \"x\" %}'}", ["1:17 DLG660"]),
        ("{}", ["1:1 DLG663"]),
        ("sms: {txt: x}", ["1:6 DLG621", "1:7 DLG620"]),
        ("email: {subject: a, text: b, html: '{{ x }}'}", ["1:40 DLG661"]),
        ("push: {title: a, body: b, data: {a: [{b: '{{ x }}'}]}}", ["1:46 DLG661"]),
        ("whatsapp: {text: a, template: b}", ["1:11 DLG621", "1:12 DLG620"]),
        ("whatsapp: {text: 'di dalam 24 jam'}", []),
        ("sms: {text: '{% for i in entry.data.items %}{{ i.sku }}{{ forloop.index }}{% endfor %}'}", []),
    ],
)
def test_templates_are_strict_at_check(shop: Any, text: str, expected: list[str]) -> None:
    """A root name, a filter or a tag that does not exist is found, at its place."""
    shop.write("templates/promo.id.yaml", text)
    assert [f"templates/promo.id.yaml:{each}" for each in expected] == shop.said()


def test_one_character_that_doubles_an_sms_is_warned_of(shop: Any) -> None:
    """A curly quote makes an SMS of 70 characters a part (3GPP TS 23.038); a text in another script is meant."""
    body = "Promo gajian sampai akhir pekan ini di toko kami, belanja sekarang dan hemat lebih banyak"
    shop.write("templates/promo.id.yaml", f"sms: {{text: '{body} “ya'}}")
    assert shop.said() == ["templates/promo.id.yaml:1:104 DLG671"]
    assert shop.findings()[0].severity == "warning"
    for quiet in (body, "Promo “ya", "สวัสดี" * 20):
        shop.write("templates/promo.id.yaml", f"sms: {{text: '{quiet}'}}")
        assert shop.said() == []


def test_a_journeys_name_is_taken_once(shop: Any) -> None:
    """The second file, by name, is told of the first."""
    shop.write("other.yaml", (shop.root / "cart.yaml").read_text())
    assert shop.said() == ["other.yaml:1:10 DLG632"]
    assert "in cart.yaml" in shop.findings()[0].message


def test_files_that_are_not_read_are_said(shop: Any) -> None:
    """A .yml is warned of, a template's file needs name and language; tests and hidden files are others' business."""
    for name in ("old.yml", "cart.test.yaml", ".hidden.yaml", "notes.md"):
        shop.write(name, "{")
    shop.write("templates/Promo.yaml", "sms: {text: a}")
    assert shop.said() == ["old.yml:1:1 DLG615", "templates/Promo.yaml:1:1 DLG613"]


def test_the_findings_of_all_files_come_at_once_in_order(shop: Any) -> None:
    """By file, line and column."""
    shop.replace("cart.yaml", "event.data.total", "evnt.data.total")
    shop.replace("cart.yaml", "template: reminder", "template: other")
    shop.replace("policy.yaml", "profile.phone", "profil.phone")
    shop.replace("templates/reminder.id.yaml", "profile.name", "profil.name")
    expected = ["cart.yaml:7:9", "cart.yaml:17:17", "policy.yaml:4:25", "templates/reminder.id.yaml:1:22"]
    assert expected == [each.split(" ")[0] for each in shop.said()]
