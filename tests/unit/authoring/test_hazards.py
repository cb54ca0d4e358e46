"""What hurts in production although each file is right by itself: each rule finds, and stays quiet."""

import datetime
import pathlib
from typing import Any

import pytest

from engine.authoring.compiling import compile as compiler
from engine.authoring.lint import migrations
from engine.core.model import definition

SMS = "template: reminder, channels: [{channel: sms}]"
SEND = f"  - {{id: s, send: {{{SMS}}}}}\n"
BOTH = "channels: [{channel: whatsapp, success: delivered, fallback_after: 1h}, {channel: sms}]"
WAIT = "  - {id: w, wait: {for: [{event: EVENT}], timeout: 1h}}\n"


def codes(shop: Any, steps: str) -> list[str]:
    shop.steps(steps)
    return list(shop.said())


def wait(event: str) -> str:
    return WAIT.replace("EVENT", event)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # A receipt or reply, with no message before it.
        (wait("message.received"), ["13:34 DLG680"]),
        (wait("message.delivered") + SEND, ["13:34 DLG680"]),
        ("  - {id: w, wait: 1h, restart_on: message.received}\n", ["13:35 DLG680"]),
        ("  - {id: w, wait: 1h, restart_on: {event: message.read}}\n", ["13:43 DLG680"]),
        (wait("order.placed"), []),
        (SEND + wait("message.received"), []),
        (SEND + wait("message.delivered"), []),
        ("  - {id: h, handoff: {queue: care}}\n" + wait("message.clicked"), []),
        ("  - {id: b, branch: [{if: profile.vip, then: [{id: c, send: {" + SMS + "}}]}]}\n" + wait("message.received"), []),
        (
            "  - {id: b, branch: [{if: profile.vip, then: [{id: c, send: {"
            + SMS
            + "}}, {id: d, exit: x}]}]}\n"
            + wait("message.received"),
            ["14:34 DLG680"],
        ),
        # One that no channel before it reports.
        (SEND + wait("message.read"), ["14:34 DLG681"]),
        ("  - {id: s, send: {template: reminder, " + BOTH + "}}\n" + wait("message.read"), []),
        (SEND + wait("message.replied"), ["14:34 DLG681"]),
        # One whose message is forgotten.
        (SEND + "  - {id: long, wait: 30d}\n" + wait("message.received"), ["15:34 DLG682"]),
        (SEND + "  - {id: long, wait: 29d}\n" + wait("message.received"), []),
        (SEND + "  - {id: long, wait: 30d}\n" + SEND.replace("id: s", "id: t") + wait("message.received"), []),
        (SEND + "  - {id: long, wait: {for: [{event: e}], timeout: 60d}}\n" + wait("message.received"), []),
        # The previous send, where there is none.
        ("  - {id: w, wait: {for: [{event: e}], timeout: 1h, since: previous_send}}\n", ["13:59 DLG683"]),
        (SEND + "  - {id: w, wait: {for: [{event: e}], timeout: 1h, since: previous_send}}\n", []),
    ],
)
def test_a_receipt_is_waited_for_where_it_can_come(shop: Any, steps: str, expected: list[str]) -> None:
    """After a message of this journey, on a channel that reports it, and before the message is forgotten."""
    assert [f"cart.yaml:{each}" for each in expected] == codes(shop, steps)


@pytest.mark.parametrize(
    ("event", "expected"), [("message.read", ["11:13 DLG680"]), ("message.received", []), ("order.placed", [])]
)
def test_a_receipt_ends_an_instance_that_has_sent_something(shop: Any, event: str, expected: list[str]) -> None:
    """A reply that belongs to no message may end any instance; a receipt only that of its message."""
    shop.steps("  - {id: w, wait: 1h}\n")
    shop.replace("cart.yaml", "event: order.placed", f"event: {event}")
    assert [f"cart.yaml:{each}" for each in expected] == shop.said()


def capped(shop: Any, cap: str, steps: str) -> list[str]:
    shop.replace("policy.yaml", "  channels:", f"  caps: [{cap}]\n  channels:")
    return codes(shop, steps)


def sends(*between: str, expires: str = "") -> str:
    """A send, and another behind each wait."""
    text = SEND
    for index, step in enumerate(between):
        text += f"  - {{id: w{index}, {step}}}\n  - {{id: s{index}, send: {{{SMS}{expires}}}}}\n"
    return text


@pytest.mark.parametrize(
    ("cap", "steps", "expected"),
    [
        ("{at_most: 1, per: 7d}", sends("wait: 2d"), ["15:10 DLG684"]),
        ("{at_most: 1, per: 7d}", sends("wait: 7d"), []),
        ("{at_most: 2, per: 7d}", sends("wait: 2d"), []),
        ("{at_most: 2, per: 7d}", sends("wait: 2d", "wait: 2d"), ["17:10 DLG684"]),
        ("{at_most: 1, per: 1h}", sends("wait: 45m"), ["15:10 DLG684"]),
        ("{at_most: 1, per: 1h}", sends("wait: 1h"), []),
        ("{at_most: 1, per: day}", sends("wait: 1h"), ["15:10 DLG684"]),
        ("{at_most: 1, per: day}", sends("wait: 12h"), []),
        # Not its purpose, channel or journey.
        ("{purpose: support, at_most: 1, per: 7d}", sends("wait: 2d"), []),
        ("{journey: cart, at_most: 1, per: 7d}", sends("wait: 2d"), ["15:10 DLG684"]),
        ("{channel: whatsapp, at_most: 1, per: 7d}", sends("wait: 2d"), []),
        ("{channel: sms, at_most: 1, per: 7d}", sends("wait: 2d"), ["15:10 DLG684"]),
        # A wait for an event may take its whole timeout; one that starts again has no end; a date is far.
        ("{at_most: 1, per: 7d}", sends("wait: {for: [{event: e}], timeout: 2d}"), ["15:10 DLG684"]),
        ("{at_most: 1, per: 7d}", sends("wait: {for: [{event: e}], timeout: 8d}"), []),
        ("{at_most: 1, per: 7d}", sends("wait: 1h, restart_on: e"), []),
        ("{at_most: 1, per: 7d}", sends("wait: {until: {date: entry.time}}"), []),
        ("{at_most: 1, per: 7d}", sends('wait: {until: {time: "09:00"}}'), ["15:10 DLG684"]),
        ("{at_most: 1, per: 7d}", sends('wait: {until: {time: "09:00", days: [mon]}}'), []),
        ("{at_most: 1, per: 4w}", sends('wait: {until: {payday: true, time: "09:00"}}'), []),
        # A deferred message gets its place, if it lives so long.
        ("{at_most: 1, per: 1h, then: defer}", sends("wait: 1m"), []),
        ("{at_most: 1, per: 1h, then: defer}", sends("wait: 1m", expires=", expires_after: 10m"), ["15:10 DLG684"]),
        ("{at_most: 1, per: 1h, then: defer}", sends("wait: 1m", expires=", expires_after: 2h"), []),
    ],
)
def test_a_cap_that_a_way_can_never_pass_is_found(shop: Any, cap: str, steps: str, expected: list[str]) -> None:
    """Where one way asks for more within a window than the cap admits, each of its waits at its longest."""
    assert [f"cart.yaml:{each}" for each in expected] == capped(shop, cap, steps)


def test_only_a_way_that_is_whole_counts_against_a_cap(shop: Any) -> None:
    """Messages in two arms are never both of one customer."""
    arms = (
        "  - {id: b, branch: [{if: profile.vip, then: [{id: x, send: {" + SMS + "}}]}, {else: [{id: y, send: {" + SMS + "}}]}]}\n"
    )
    assert capped(shop, "{at_most: 1, per: 7d}", arms) == []
    shop.steps(arms + "  - {id: z, send: {" + SMS + "}}\n")
    assert shop.said() == ["cart.yaml:14:10 DLG684"]


def test_quiet_hours_that_put_a_message_off_count(shop: Any) -> None:
    """The first may go as late as the quiet hours last, so that the second is behind a rolling window."""
    shop.replace("policy.yaml", "  channels:", '  quiet_hours: {marketing: "18:00-10:00"}\n  channels:')
    assert capped(shop, "{at_most: 1, per: 20h}", sends("wait: 3h")) == ["cart.yaml:15:10 DLG684"]
    shop.steps(sends("wait: 5h"))
    assert shop.said() == []


QUIET = '  quiet_hours: {marketing: "20:00-08:00"}\n  channels:'


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n' + SEND, ["14:10 DLG687"]),
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n' + SEND.replace("sms}]", "sms}], expires_after: 11h"), ["14:10 DLG686"]),
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n' + SEND.replace("sms}]", "sms}], expires_after: 12h"), ["14:10 DLG687"]),
        ('  - {id: w, wait: {until: {time: "08:00"}}}\n' + SEND, []),
        ('  - {id: w, wait: {until: {time: "19:00"}}}\n  - {id: v, wait: 2h}\n' + SEND, ["15:10 DLG687"]),
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n  - {id: v, wait: 12h}\n' + SEND, []),
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n  - {id: v, wait: {for: [{event: e}], timeout: 1h}}\n' + SEND, []),
        ('  - {id: w, wait: {until: {time: "21:00"}}}\n  - {id: v, set: {a: 1}}\n' + SEND, ["15:10 DLG687"]),
        (
            '  - {id: w, wait: {until: {time: "21:00"}}}\n  - {id: b, branch: [{if: profile.vip, then: [{id: x, send: {'
            + SMS
            + "}}]}]}\n",
            ["14:52 DLG687"],
        ),
        ('  - {id: w, wait: {until: {payday: true, time: "21:00"}}}\n' + SEND, ["14:10 DLG687"]),
        (SEND, []),
    ],
)
def test_a_message_at_a_quiet_time_is_found(shop: Any, steps: str, expected: list[str]) -> None:
    """Where the time is written down: always put off, or dead before the quiet hours end."""
    shop.replace("policy.yaml", "  channels:", QUIET)
    assert [f"cart.yaml:{each}" for each in expected] == codes(shop, steps)


@pytest.mark.parametrize(
    ("day", "rule", "expected"),
    [
        ("daily", '"20:00-08:00"', ["cart.yaml:13:10 DLG687"]),
        ("[sun]", "{days_off: [sun]}", ["cart.yaml:13:10 DLG687"]),
        ("[sat, sun]", "{days_off: [sun]}", []),
        ('"2026-12-06"', "{days_off: [sun]}", ["cart.yaml:13:10 DLG687"]),
        ('"2026-12-07"', "{days_off: [sun]}", []),
        ("daily", '"08:00-20:00"', []),
        ("daily", "{days_off: [mon, tue, wed, thu, fri, sat, sun]}", ["policy.yaml:3:39 DLG685"]),
    ],
)
def test_a_schedule_is_held_against_quiet_hours(shop: Any, day: str, rule: str, expected: list[str]) -> None:
    """Its time on its days; a rule without an open minute is found by itself."""
    shop.steps(SEND)
    text = (shop.root / "cart.yaml").read_text().replace("  event: cart.updated\n  when: event.data.total >= 100000\n", "")
    enter = f'  schedule: {{time: "21:00", day: {day}}}\n  when: true\n'
    shop.write(
        "cart.yaml", text.replace("enter:\n", "enter:\n" + enter).replace("  key: event.data.cart_id\n", "  key: '\"x\"'\n")
    )
    shop.replace("policy.yaml", "  channels:", f"  quiet_hours: {{marketing: {rule}}}\n  channels:")
    found = compiler.compile_directory(shop.root, datetime.date(2026, 11, 25)).findings
    assert expected == [f"{f.file}:{f.line}:{f.column} {f.code}" for f in found]


@pytest.mark.parametrize(
    ("date", "expected"), [("2026-11-24", ["DLG697"]), ("2026-11-25", []), ("2031-12-31", []), ("2032-01-01", ["DLG697"])]
)
def test_a_date_is_in_the_calendar(shop: Any, date: str, expected: list[str]) -> None:
    """Not past, and not behind the years whose holidays the bundle has."""
    shop.replace("cart.yaml", "  event: cart.updated\n", f'  schedule: {{time: "09:00", day: "{date}"}}\n')
    shop.replace("cart.yaml", "  when: event.data.total >= 100000\n  key: event.data.cart_id\n", "")
    found = compiler.compile_directory(shop.root, datetime.date(2026, 11, 25)).findings
    assert expected == [each.code for each in found]


@pytest.mark.parametrize(("country", "year", "expected"), [("LK", 2026, ["DLG696"]), ("LK", 2025, []), ("ID", 2026, [])])
def test_holidays_are_known_next_year_too(shop: Any, country: str, year: int, expected: list[str]) -> None:
    """The library's table of Sri Lanka ends with 2026."""
    shop.replace("policy.yaml", "  channels:", f"  calendar: {{country: {country}}}\n  channels:")
    assert expected == [each.code for each in compiler.compile_directory(shop.root, datetime.date(year, 11, 25)).findings]


@pytest.mark.parametrize(
    ("expires", "purpose", "after", "expected"),
    [
        ("30m", "marketing", "30m", ["cart.yaml:20:67 DLG688"]),
        ("31m", "marketing", "30m", []),
        ("1h", "authentication", "11m", ["cart.yaml:20:67 DLG689"]),
        ("1h", "authentication", "10m", []),
        ("1h", "marketing", "11m", []),
    ],
)
def test_the_next_channel_has_its_turn_in_time(shop: Any, expires: str, purpose: str, after: str, expected: list[str]) -> None:
    """Before the message expires, and before a code is dead."""
    shop.replace("policy.yaml", "{marketing: opt_in}", "{marketing: opt_in, authentication: implied}")
    shop.replace("cart.yaml", "purpose: marketing", f"purpose: {purpose}")
    shop.replace("cart.yaml", "template: reminder\n", f"template: reminder\n      expires_after: {expires}\n")
    shop.replace("cart.yaml", "fallback_after: 30m", f"fallback_after: {after}")
    assert expected == shop.said()


@pytest.mark.parametrize(
    ("within", "expected"), [("45m", ["cart.yaml:12:35 DLG695"]), ("44m", ["cart.yaml:12:35 DLG695"]), ("46m", [])]
)
def test_a_goal_lasts_longer_than_the_wait_before_the_first_message(shop: Any, within: str, expected: list[str]) -> None:
    """Else no message can lead to it."""
    shop.replace("cart.yaml", "steps:", f"goal: {{event: order.paid, within: {within}}}\nsteps:")
    assert expected == shop.said()


@pytest.mark.parametrize(
    ("reentry", "expected"), [("{after: 7d}", ["13:25 DLG690"]), ("never", []), ("after_exit", ["13:25 DLG690"])]
)
def test_arms_stay_where_customers_enter_again(shop: Any, reentry: str, expected: list[str]) -> None:
    """`by: instance` draws anew for each entry; with `never` each key has one."""
    shop.steps("  - {id: w, split: {by: instance, arms: [{id: a, weight: 1}]}}\n")
    shop.replace("cart.yaml", "{after: 7d}", reentry)
    assert [f"cart.yaml:{each}" for each in expected] == shop.said()


def test_splits_of_one_salt_have_the_same_arms(shop: Any) -> None:
    """Ids, weights and `by`; the default salt of another split counts, too."""
    split = "  - {id: ID, split: {salt: SALT, arms: [{id: a, weight: 1}, {id: b, weight: W}]}}\n"
    one = split.replace("ID", "x").replace("SALT", "test").replace("W", "1")
    other = split.replace("ID", "y").replace("SALT", "test")
    shop.steps(one + other.replace("W", "1"))
    assert shop.said() == []
    shop.steps(one + other.replace("W", "2"))
    assert shop.said() == ["cart.yaml:14:27 DLG691"]
    assert "other arms in cart/x" in shop.findings()[0].message
    shop.steps(one.replace("salt: test", "salt: cart/y") + other.replace("salt: test, ", "").replace("W", "2"))
    assert shop.said() == ["cart.yaml:13:27 DLG691"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("on_update: migrate\nmigrations: {cool-off: nudge}\n", ["13:14 DLG692"]),
        ("on_update: migrate\nmigrations: {old: nudge}\n", []),
        ("migrations: {old: nudge}\n", ["12:1 DLG693"]),
        ("on_update: migrate\n", []),
    ],
)
def test_a_map_of_migrations_leads_from_steps_that_are_gone(shop: Any, head: str, expected: list[str]) -> None:
    """And means something only where instances migrate."""
    shop.replace("cart.yaml", "steps:", f"{head}steps:")
    assert [f"cart.yaml:{each}" for each in expected] == shop.said()


def versions(shop: Any, before: str, after: str, head: str) -> tuple[definition.Journey, definition.Journey]:
    compiled = []
    for text, first in ((before, ""), (after, head)):
        shop.steps(text)
        shop.replace("cart.yaml", "steps:", f"{first}steps:")
        bundle = compiler.compile_directory(pathlib.Path(shop.root)).bundle
        assert bundle is not None
        compiled.append(bundle.journeys[0])
    return compiled[0], compiled[1]


BEFORE = (
    "  - {id: w, wait: 1h}\n  - {id: u, wait: {until: {time: '09:00'}}}\n  - {id: f, wait: {for: [{event: e}], timeout: 1h}}\n"
    + SEND
    + "  - {id: h, handoff: {queue: q, reply_within: 1h}}\n  - {id: i, handoff: {queue: q}}\n"
    "  - {id: b, branch: [{if: profile.vip, then: []}]}\n  - {id: t, set: {a: 1}}\n"
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("on_update: migrate\n", ("w", "u", "f", "s", "h")),
        ("on_update: migrate\nmigrations: {w: new, u: exit, s: new}\n", ("f", "h")),
        ("", ()),
    ],
)
def test_holes_are_steps_that_can_be_waited_on_and_that_no_line_leads_from(
    shop: Any, head: str, expected: tuple[str, ...]
) -> None:
    """Waits, sends and handoffs with a reply; a step that is still there needs no line, nor does a pinned journey."""
    before, after = versions(shop, BEFORE, "  - {id: new, wait: 1h}\n", head)
    assert migrations.holes(before, after) == expected


def test_a_version_has_no_holes_against_itself(shop: Any) -> None:
    """Nor where each step is still there."""
    _, after = versions(shop, BEFORE, BEFORE, "on_update: migrate\n")
    assert migrations.holes(after, after) == ()
    before, after = versions(shop, SEND, SEND.replace("sms", "whatsapp"), "on_update: migrate\n")
    assert migrations.holes(before, after) == ()
