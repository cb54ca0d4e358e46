"""Fields of templates that nothing is known to fill."""

from typing import Any

import pytest

from engine.authoring.lint import unfilled_fields

PROMO = "templates/promo.id.yaml"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("cartId", "cart_id"),
        ("cart-id", "cart_id"),
        ("courrier", "courier"),
        ("courir", "courier"),
        ("coureir", "courier"),
        ("nmae", "name"),
        ("tracling", "tracking"),
        ("NAME", "name"),
    ],
)
def test_a_slip_is_near(name: str, other: str) -> None:
    """Another case, or one letter added, lost, changed or swapped; it is the same from both sides."""
    assert unfilled_fields.near(name, other)
    assert unfilled_fields.near(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("name", "name"),
        ("item", "items"),
        ("address1", "address2"),
        ("address", "address2"),
        ("lat", "lon"),
        ("lat", "lats"),
        ("link", "line"),
        ("date", "rate"),
        ("price", "slice"),
        ("courier", "courteous"),
        ("name", "nickname"),
    ],
)
def test_another_word_is_not(name: str, other: str) -> None:
    """A plural, a number, a short name, another first letter, two letters: two fields on purpose."""
    assert not unfilled_fields.near(name, other)
    assert not unfilled_fields.near(other, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ entry.data.cartId }}", "No event or profile is known to have `entry.data.cartId`. entry.data.cart_id"),
        ("{{ event.data.totl }}", "No event or profile is known to have `event.data.totl`. event.data.total"),
        ("{{ profile.phoen }}", "No event or profile is known to have `profile.phoen`. profile.phone"),
        ("{% if entry.data.toal > 5 %}x{% endif %}", "No event or profile is known to have `entry.data.toal`. entry.data.total"),
        ("{{ entry.data.cart_id }} {{ event.data.total }}", ""),
        ("{{ profile.address }} {{ entry.data.courier }}", ""),
        ("{{ entry.data.phone }} {{ profile.total }}", ""),
        ("{{ entry.data.items[0].totl }}", ""),
    ],
)
def test_a_slip_for_a_field_that_an_expression_names_is_found(shop: Any, text: str, expected: str) -> None:
    """Expressions of journeys and policy are believed; a new field that resembles nothing is nobody's mistake."""
    shop.write(PROMO, f'sms: {{text: "{text}"}}')
    found = [f"{f.message} {f.hint.removeprefix('Did you mean ').partition('?')[0]}" for f in shop.findings()]
    assert found == ([expected] if expected else [])


def test_each_use_is_told_at_its_place(shop: Any) -> None:
    """By line and column, in every body of the file; it is a warning."""
    shop.write(PROMO, 'sms: {text: "a {{ profile.phoen }}"}\nline: {text: "{{ profile.phoen }}"}\n')
    assert shop.said() == [f"{PROMO}:1:19 DLG672", f"{PROMO}:2:18 DLG672"]
    assert {each.severity for each in shop.findings()} == {"warning"}


def test_two_other_files_are_believed_against_one(shop: Any) -> None:
    """A field that no expression names is known once two template files have it."""
    shop.write(PROMO, 'sms: {text: "{{ entry.data.courrier }}"}')
    assert shop.said() == []
    shop.write("templates/other.id.yaml", 'sms: {text: "{{ entry.data.courier }}"}')
    assert shop.said() == []
    shop.write("templates/third.id.yaml", 'sms: {text: "{{ event.data.courier }}"}')
    assert shop.said() == [f"{PROMO}:1:17 DLG672"]


def test_between_two_languages_the_policys_is_believed(shop: Any) -> None:
    """A template's other language with nearly the same field has the slip."""
    shop.write(PROMO, 'sms: {text: "{{ entry.data.courier }}"}')
    shop.write("templates/promo.en.yaml", 'sms: {text: "{{ entry.data.courrier }}"}')
    assert shop.said() == ["templates/promo.en.yaml:1:17 DLG672"]


def test_a_field_of_two_files_is_nobodys_slip(shop: Any) -> None:
    """However near it is to another."""
    for language in ("id", "en"):
        shop.write(f"templates/promo.{language}.yaml", 'sms: {text: "{{ profile.phoen }}"}')
    assert shop.said() == []


def test_the_summary_of_a_handoff_is_a_text_too(shop: Any) -> None:
    """It is found at its place, and believed like a template's file."""
    shop.steps('  - {id: ask, handoff: {queue: care, summary: "call {{ profile.phoen }}"}}\n')
    assert shop.said() == ["cart.yaml:13:56 DLG672"]


def test_what_a_journey_writes_is_known() -> None:
    """`set` fills the profile, `emit` an event."""
    steps = [{"id": "a", "set": {"tier": "'gold'"}}, {"branch": [{"then": [{"emit": {"event": "x", "data": {"cart": "1"}}}]}]}]
    assert list(unfilled_fields._made({"steps": steps})) == [("profile", "tier"), ("data", "cart")]
