"""Commands: the words that fit together, and the event that they make."""

import datetime
import json
from typing import Any

import pytest

from engine.core.model import inputs
from engine.runtime import commands

AT = datetime.datetime(2026, 11, 22, 3, tzinfo=datetime.UTC)


def test_a_command_for_everybody_has_no_subject() -> None:
    """Pause of a journey: no subject, so it stands in every partition; what is not said is not in it."""
    event = inputs.decode(commands.command("pause", journey="cart").event(AT)).event
    assert (event.type, event.subject, event.time) == ("journey.command", "", AT)
    assert event.data == {"command": "pause", "journey": "cart"}
    assert json.loads(commands.command("resume").event(AT))["data"] == {"command": "resume"}


def test_a_command_for_one_customer_is_hers() -> None:
    """Entering by hand: the customer is the subject, the key names the instance, the data stand where `entry.data` looks."""
    told = commands.command("enter", "cart", "c1", "k-77", '{"cart_id": "k-77"}')
    event = inputs.decode(told.event(AT), key=b"c1").event
    assert event.subject == "c1"
    assert event.data == {"command": "enter", "journey": "cart", "key": "k-77", "cart_id": "k-77"}


@pytest.mark.parametrize("flag", ["journey", "customer", "key"])
def test_a_blank_word_is_not_everybody(flag: str) -> None:
    """A script's variable that is not set is refused: `--customer ""` must not stop everybody, nor `--journey ""` all journeys."""
    words: dict[str, Any] = {"name": "stop", "journey": "cart", "customer": "c1"}
    for blank in ("", "  "):
        with pytest.raises(commands.BadCommand, match=f"--{flag} is blank"):
            commands.command(**{**words, flag: blank})


def test_two_commands_are_two_events() -> None:
    """An id is of what was said, of whom and when; so a command given again later is obeyed again."""
    told = commands.command("stop", "cart", "c1")
    later = AT + datetime.timedelta(seconds=1)
    ids = [json.loads(event)["id"] for event in (told.event(AT), told.event(AT), told.event(later))]
    assert ids[0] == ids[1] != ids[2]
    assert json.loads(commands.command("stop", "cart", "c2").event(AT))["id"] != ids[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "enter", "journey": "cart"}, "enter needs --journey, and --customer or --everybody"),
        ({"name": "enter", "customer": "c1"}, "enter needs --journey, and --customer or --everybody"),
        ({"name": "stop", "data": "{}"}, "--data is for enter alone"),
        ({"name": "stop", "journey": "cart", "key": "k"}, "needs --journey and --customer"),
        ({"name": "pause", "journey": "cart", "customer": "c1", "key": "k"}, "leave --key out"),
        ({"name": "enter", "journey": "cart", "customer": "c1", "data": "{"}, "--data is not JSON"),
        ({"name": "enter", "journey": "cart", "customer": "c1", "data": "[1]"}, "--data must be a JSON object"),
        ({"name": "enter", "journey": "cart", "customer": "c1", "data": '{"key": 1}'}, "must not hold key"),
        ({"name": "enter", "journey": "cart", "customer": "c1", "everybody": True}, "cannot be given together"),
    ],
)
def test_words_that_do_not_fit_are_refused(words: dict[str, Any], told: str) -> None:
    """What a command cannot mean is said with DLG534, before anything is written."""
    with pytest.raises(commands.BadCommand, match=r"^DLG534 ") as caught:
        commands.command(**words)
    assert told in str(caught.value)
