"""The linter on messages: languages, the price of an SMS, what WhatsApp refuses."""

from typing import Any

import pytest

PROMO = "templates/promo.id.yaml"
HELLO = "sms: {text: Halo}\n"
FREE = "whatsapp: {text: 'Halo {{ profile.name }}'}\nsms: {text: Halo}\n"
SEND = "  - {id: a, send: {template: promo, channels: [{channel: whatsapp}]}}\n"


def codes(shop: Any) -> list[str]:
    return [each.code for each in shop.findings()]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("language: id", []),
        ("language: in", ["2:13 DLG666"]),
        ("language: xx", ["2:13 DLG665"]),
        ("languages: {jv: [id], su: [id]}", []),
        ("languages: {en-GB: [id], min: [id]}", []),
        ("languages: {en-gb: [id]}", ["2:15 DLG666"]),
        ("languages: {qq: [id]}", ["2:15 DLG665"]),
        ("languages: {jv: [su, id]}", ["2:20 DLG675"]),
        ("languages: {jv: [iw, id]}", ["2:20 DLG666"]),
        ("languages: {Jawa: [id]}", ["2:15 DLG622"]),
        ("languages: {jv: [Sunda]}", ["2:20 DLG622"]),
        ("languages: {jv: id}", ["2:19 DLG622"]),
    ],
)
def test_languages_are_there_and_written_as_usual(shop: Any, written: str, expected: list[str]) -> None:
    """A code of two letters is one of ISO 639, a tag has its usual form, and what a list names some template is in."""
    shop.replace("policy.yaml", "policy:\n", f"policy:\n  {written}\n")
    assert [f"policy.yaml:{each}" for each in expected] == [each for each in shop.said() if each.startswith("policy.yaml")]


@pytest.mark.parametrize(
    ("code", "expected"), [("jv", []), ("en-GB", []), ("en-gb", ["DLG666"]), ("in", ["DLG666"]), ("xx", ["DLG665"])]
)
def test_a_templates_language_is_one(shop: Any, code: str, expected: list[str]) -> None:
    """A file that no customer's language leads to is found by its name."""
    shop.write(PROMO, HELLO)
    shop.write(f"templates/promo.{code}.yaml", HELLO)
    assert [f"templates/promo.{code}.yaml:1:1 {each}" for each in expected] == shop.said()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 70 + "“", "at least 2 parts, 500 instead of 250."),
        ("a" * 60 + "“", None),
        ("a" * 200 + "“", "at least 3 parts, 750 instead of 500."),
        ("a" * 160, None),
        ("a" * 400, None),
        ("a" * 68 + "€€", None),
        ("“" * 71, None),
        ("“{{ profile.name }}”" + "a" * 60, None),
        ("{{ profile.name }}“" + "a" * 75, "at least 2 parts, 500 instead of 250."),
    ],
)
def test_a_few_characters_that_cost_a_part_are_named(shop: Any, text: str, expected: str | None) -> None:
    """With the parts that the written text takes at least and their price; a text that is plainly long says nothing."""
    shop.write(PROMO, f'sms: {{text: "{text}"}}')
    found = [(f.line, f.column, f.code, f.message.rpartition(": ")[2]) for f in shop.findings()]
    column = 14 + text.index("“") if "“" in text else 0
    assert found == ([] if expected is None else [(1, column, "DLG671", expected)])


def test_without_a_price_only_the_parts_are_told(shop: Any) -> None:
    """A policy without costs has none to tell."""
    shop.replace("policy.yaml", "cost: 250, ", "")
    shop.write(PROMO, f'sms: {{text: "{"a" * 70}“"}}')
    assert [each.message for each in shop.findings()] == [
        "The character “ makes this an SMS of 70 instead of 160 characters a part: at least 2 parts."
    ]


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ('"Halo {{ profile.name }}"', []),
        ('"Halo\\nAyu"', ["1:61 DLG674"]),
        ('"Halo\\tAyu"', ["1:61 DLG674"]),
        ('"Halo    Ayu"', []),
        ('"Halo     Ayu"', ["1:61 DLG674"]),
        ('"  Halo\\n"', []),
        ('"{{ profile.name }}\\n{{ profile.name }}"', ["1:75 DLG674"]),
    ],
)
def test_white_space_that_meta_refuses_is_found(shop: Any, parameter: str, expected: list[str]) -> None:
    """A line break, a tab or more than four spaces in the middle of a parameter; what surrounds it is cut off."""
    shop.write(PROMO, f"whatsapp: {{template: promo, language: id, parameters: [{parameter}]}}")
    assert [f"{PROMO}:{each}" for each in expected] == shop.said()


def test_free_text_that_nobody_asked_for_is_found(shop: Any) -> None:
    """Outside 24 hours after the customer's last message it is suppressed."""
    shop.write(PROMO, FREE)
    shop.steps(SEND)
    assert shop.said() == ["cart.yaml:13:58 DLG673"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("event: cart.updated", "event: message.received"),
        ("event: cart.updated", "event: [cart.updated, message.replied]"),
        (
            "  - {id: a,",
            "  - {id: s, send: {template: reminder, channels: [{channel: sms}]}}\n"
            "  - {id: w, wait: {for: [{event: message.received}], timeout: 1h}}\n  - {id: a,",
        ),
        ("  - {id: a,", "  - {id: b, send: {template: reminder, channels: [{channel: whatsapp}]}}\n  - {id: a,"),
        ("channel: whatsapp", "channel: sms"),
    ],
)
def test_free_text_in_a_conversation_is_not(shop: Any, old: str, new: str) -> None:
    """The journey begins with a message, waits for one, or brings a template first; or it is another channel's."""
    shop.write(PROMO, FREE)
    shop.steps(SEND)
    shop.replace("cart.yaml", old, new)
    assert codes(shop) == []
