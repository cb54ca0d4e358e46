from typing import Any

import pytest

from engine.authoring.files import validate, yaml_reader
from engine.authoring.language import journey_file


def test_a_good_directory_is_quiet(shop: Any) -> None:
    """Without faults there are no findings, and a bundle."""
    assert shop.said() == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("owner: growth@toko.example\n", "", "1:1 DLG621"),
        ("owner:", "ownr: x\nowner:", "2:1 DLG620"),
        ("status: live", "status: alive", "4:9 DLG622"),
        ("purpose: marketing", "purpose: [marketing]", "3:10 DLG622"),
        ("journey: cart", "journey: my cart", "1:10 DLG622"),
        ("wait: 45m", "wait: 45", "14:11 DLG622"),
        ("wait: 45m", "wait: 45 m", "14:11 DLG622"),
        ("wait: 45m", "wait: 3651d", "14:11 DLG622"),
        ("wait: 45m", "wait: -45m", "14:11 DLG622"),
        ("{after: 7d}", "{parallel: 0}", "9:23 DLG622"),
        ("{after: 7d}", "{after: 7d, parallel: 2}", "9:12 DLG622"),
        ("{after: 7d}", "sometimes", "9:12 DLG622"),
        ("event: cart.updated", "event: []", "6:10 DLG622"),
        ("event: cart.updated", "event: 404", "6:10 DLG622"),
        ("template: reminder", "template: Reminder", "17:17 DLG622"),
        ("{channel: sms}", "{channel: fax}", "20:21 DLG622"),
        ("success: delivered", "success: deliverd", "19:40 DLG622"),
        ("wait: 45m", "wait: {for: []}", "14:11 DLG621"),
        ("wait: 45m", "wayt: 45m", "13:5 DLG624"),
        ("wait: 45m", "wait: 45m\n    exit: x", "13:5 DLG624"),
        ("wait: 45m", "", "13:5 DLG624"),
    ],
)
def test_what_the_language_does_not_know_is_found(spoiled: Any, old: str, new: str, expected: str) -> None:
    """Unknown and missing keys, wrong values and steps of no kind, each at its place."""
    assert f"cart.yaml:{expected}" in spoiled("cart.yaml", old, new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sms: {", "fax: {", ["5:5 DLG622"]),
        ("[accepted, delivered, failed]", "[accepted, seen]", ["5:66 DLG622"]),
        ("cost: 250", "cost: -1", ["5:41 DLG622"]),
        ("marketing: opt_in", "marketing: yes", ["2:24 DLG622"]),
        ("  channels:", "  failure_classes: {sms: {1: ignore}}\n  channels:", ["3:30 DLG622"]),
        ("  channels:", "  failure_classes: {sms: {1: {retry_after: 1m}}}\n  channels:", ["3:30 DLG621"]),
        ("  channels:", "  failure_classes: {sms: {1: {retry_after: 1m, at_most: 0}}}\n  channels:", ["3:57 DLG622"]),
        ("  channels:", "  language: Indonesia\n  channels:", ["3:13 DLG622"]),
    ],
)
def test_the_policy_is_strict(spoiled: Any, old: str, new: str, expected: list[str]) -> None:
    """Channels, statuses, costs, consent and failure classes are checked like the rest."""
    assert [f"policy.yaml:{each}" for each in expected] == spoiled("policy.yaml", old, new)


@pytest.mark.parametrize("text", ["", "[]", "just text", "# only a comment", "null"])
def test_a_file_without_keys_is_a_finding(shop: Any, text: str) -> None:
    """An empty file, a list and a text are no journey."""
    shop.write("cart.yaml", text)
    assert shop.said() == ["cart.yaml:1:1 DLG611"]


@pytest.mark.parametrize("key", ["?", "<foo>: 1", "'<other>': 1", "'[key]': 1", "'': 1", "1: 1", "null: 1", "'[': 1"])
def test_any_key_may_be_unknown(shop: Any, key: str) -> None:
    """An empty one, and one that looks like a variant's name in a location of pydantic's."""
    shop.replace("cart.yaml", "steps:", f"{key}\nsteps:")
    assert shop.said() == ["cart.yaml:12:2 DLG620" if key == "?" else "cart.yaml:12:1 DLG620"]


def test_a_slip_of_the_pen_gets_a_guess() -> None:
    """The hint of an unknown key names the one that was meant and those that exist there."""
    document, _ = yaml_reader.parse("a.yaml", "journey: a\nownr: b")
    assert document is not None
    _, found = validate.validated(document, journey_file.Journey)
    hint = next(each.told().hint for each in found if each.code == "DLG620")
    assert hint.startswith("Did you mean owner? Known here: enter, exit, goal, holdout")


def test_the_hint_of_an_unknown_key_knows_where_it_stands(shop: Any) -> None:
    """Deep inside steps the keys of that very place are offered."""
    shop.replace("cart.yaml", "fallback_after: 30m", "fallback_aftr: 30m")
    finding = next(each for each in shop.findings() if each.code == "DLG620")
    assert finding.message == "`fallback_aftr` is not a key of steps[1].send.channels[0]."
    assert finding.hint == "Did you mean fallback_after? Known here: channel, fallback_after, success."
