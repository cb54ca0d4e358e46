"""The steps of the second release, compiled."""

from typing import Any

import pytest

from engine.authoring.compiling import compile as compiler
from engine.core.model import definition


def steps_of(shop: Any, text: str) -> dict[str, Any]:
    shop.steps(text)
    result = compiler.compile_directory(shop.root)
    assert result.errors == ()
    assert result.bundle is not None
    return dict(result.bundle.journeys[0].steps)


def test_a_wait_until_a_time_of_some_days(shop: Any) -> None:
    """The minute of the local day, and the weekdays as numbers; every day unless written."""
    steps = steps_of(
        shop,
        "  - {id: a, wait: {until: {time: 09:30, days: [fri, mon, fri]}}}\n  - {id: b, wait: {until: {time: '00:00'}}}\n",
    )
    assert definition.WaitUntil("a", "steps[0]", "b", minute=570, days=(0, 4)) == steps["a"]
    assert definition.WaitUntil("b", "steps[1]", None, minute=0, days=()) == steps["b"]


def test_a_wait_until_payday(shop: Any) -> None:
    """At its minute of the local day."""
    step = steps_of(shop, '  - {id: a, wait: {until: {payday: true, time: "09:00"}}}\n')["a"]
    assert definition.WaitUntil("a", "steps[0]", None, minute=540, payday=True) == step


def test_a_wait_until_a_date(shop: Any) -> None:
    """An expression, moved; a past or missing date leaves the journey unless it is written otherwise."""
    steps = steps_of(
        shop,
        "  - {id: a, wait: {until: {date: entry.data.at}}}\n"
        "  - {id: b, wait: {until: {date: now, offset: -24h, if_past: continue, if_missing: continue}}}\n",
    )
    at = definition.Expression("entry.data.at", "steps[0].wait.until.date", ("entry",))
    assert definition.WaitUntil("a", "steps[0]", "b", date=at) == steps["a"]
    assert (steps["a"].if_past, steps["a"].if_missing) == ("exit", "exit")
    assert (steps["b"].offset, steps["b"].if_past, steps["b"].if_missing) == (-86_400_000, "continue", "continue")


def test_a_split_has_arms_with_steps_of_their_own(shop: Any) -> None:
    """What follows the step is for all; the salt is <journey>/<step> unless written."""
    steps = steps_of(
        shop,
        "  - id: which\n    split: {by: instance, arms: [{id: x, weight: 1, then: [{id: sx, wait: 1m}]}, {id: y, weight: 0}]}\n"
        "  - {id: again, split: {salt: both, arms: [{id: z, weight: 1000, then: []}]}}\n",
    )
    arms = (definition.SplitArm("x", 1, "sx"), definition.SplitArm("y", 0, "again"))
    assert definition.Split("which", "steps[0]", "again", "instance", "cart/which", arms) == steps["which"]
    assert definition.WaitDuration("sx", "steps[0].split.arms[0].then[0]", "again", 60_000) == steps["sx"]
    assert (
        definition.Split("again", "steps[1]", None, "customer", "both", (definition.SplitArm("z", 1000, None),)) == steps["again"]
    )


def test_a_choice_has_candidates_with_scores(shop: Any) -> None:
    """A number needs no quotes; with no candidate the journey goes on."""
    steps = steps_of(
        shop,
        "  - id: best\n    choose:\n      candidates:\n"
        "        - {id: deal, if: profile.vip, score: profile.spend / 2.0, then: [{id: sd, exit: dealt}]}\n"
        "        - {id: rest, score: 1.5}\n"
        "  - {id: last, wait: 1m}\n",
    )
    path = "steps[0].choose.candidates"
    deal = definition.Candidate(
        "deal",
        definition.Expression("profile.spend / 2.0", f"{path}[0].score", ("profile",)),
        "sd",
        definition.Expression("profile.vip", f"{path}[0].if", ("profile",)),
    )
    rest = definition.Candidate("rest", definition.Expression("1.5", f"{path}[1].score"), "last")
    assert definition.Choose("best", "steps[0]", "last", (deal, rest)) == steps["best"]
    assert steps["sd"].path == f"{path}[0].then[0]"


def test_set_and_emit_tell_constants_from_expressions(shop: Any) -> None:
    """Numbers and booleans are themselves, strings are CEL; null removes."""
    steps = steps_of(
        shop,
        """  - {id: a, set: {level: 3, share: 2.5, vip: true, gone: null, tier: "'gold'", at: now}}\n"""
        "  - {id: b, emit: {event: voucher.granted, data: {cart: entry.data.cart_id, n: 1}}}\n  - {id: c, emit: {event: x}}\n",
    )
    values = {name: definition.Given(each) for name, each in {"level": 3, "share": 2.5, "vip": True, "gone": None}.items()}
    values["tier"] = definition.Given(expression=definition.Expression("'gold'", "steps[0].set.tier"))
    values["at"] = definition.Given(expression=definition.Expression("now", "steps[0].set.at", ("now",)))
    assert definition.Set("a", "steps[0]", "b", values) == steps["a"]
    cart = definition.Given(expression=definition.Expression("entry.data.cart_id", "steps[1].emit.data.cart", ("entry",)))
    assert definition.Emit("b", "steps[1]", "c", "voucher.granted", {"cart": cart, "n": definition.Given(1)}) == steps["b"]
    assert definition.Emit("c", "steps[2]", None, "x", {}) == steps["c"]


def test_a_handoff_asks_a_queue(shop: Any) -> None:
    """With a summary in Liquid; without `reply_within` it does not wait."""
    steps = steps_of(
        shop,
        """  - {id: a, handoff: {queue: care, priority: high, summary: "{{ profile.name }}", reply_within: 2h}}\n"""
        "  - {id: b, handoff: {queue: care}}\n",
    )
    assert definition.Handoff("a", "steps[0]", "b", "care", "high", "{{ profile.name }}", 7_200_000) == steps["a"]
    assert definition.Handoff("b", "steps[1]", None, "care", "normal", "", None) == steps["b"]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("wait: {until: {time: 9:00}}", "14:26 DLG622"),
        ("wait: {until: {time: 09:00, days: [mon, fry]}}", "14:45 DLG622"),
        ("wait: {until: {time: 09:00, days: []}}", "14:39 DLG622"),
        ("wait: {until: {payday: false, time: 09:00}}", "14:28 DLG622"),
        ("wait: {until: {payday: true}}", "14:19 DLG621"),
        ("wait: {until: {time: 09:00, offset: 1h}}", "14:33 DLG620"),
        ("wait: {until: {date: 5}}", "14:26 DLG622"),
        ('wait: {until: {date: "5"}}', "14:27 DLG652"),
        ("wait: {until: {date: profil.at}}", "14:26 DLG651"),
        ("wait: {until: {date: now, offset: 24}}", "14:39 DLG622"),
        ("wait: {until: {date: now, if_past: go}}", "14:40 DLG622"),
        ("wait: {until: 09:00}", "14:19 DLG622"),
        ("wait: {until: {time: 09:00}, timeout: 1h}", "14:34 DLG620"),
        ("wait: {until: {time: 09:00}}\n    restart_on: x", "15:5 DLG641"),
        ("split: {by: custmer, arms: [{id: a, weight: 1}]}", "14:17 DLG622"),
        ("split: {arms: []}", "14:19 DLG622"),
        ("split: {arms: [{id: a, weight: 0}, {id: b, weight: 0}]}", "14:19 DLG622"),
        ("split: {arms: [{id: a, weight: 1001}]}", "14:36 DLG622"),
        ("split: {arms: [{id: a, weight: 1.5}]}", "14:36 DLG622"),
        ("split: {arms: [{id: a, weight: -1}]}", "14:36 DLG622"),
        ("split: {arms: [{id: a, weight: 1}, {id: a, weight: 1}]}", "14:45 DLG644"),
        ("split: {arms: [{id: a, weight: 1, then: [{id: a, wait: 1m}]}]}", "14:51 DLG630"),
        ("choose: {candidates: []}", "14:26 DLG622"),
        ("choose: {candidates: [{id: a, score: true}]}", "14:42 DLG622"),
        ("choose: {candidates: [{id: a, score: \"'x'\"}]}", "14:43 DLG652"),
        ("choose: {candidates: [{id: a, score: 1}, {id: a, score: 2}]}", "14:51 DLG644"),
        ("choose: {candidates: [{id: a, if: evnt.x, score: 1}]}", "14:39 DLG651"),
        ("set: {}", "14:10 DLG622"),
        ("set: {a: [1]}", "14:14 DLG622"),
        ("set: {a: .nan}", "14:14 DLG622"),
        ("set: {a: 9223372036854775808}", "14:14 DLG622"),
        ("set: {a: gold}", "14:14 DLG651"),
        ("set: {a: duration('1h')}", "14:14 DLG652"),
        ("emit: {data: {a: 1}}", "14:11 DLG621"),
        ("emit: {event: x, data: {a: evnt.b}}", "14:32 DLG651"),
        ("emit: {event: timer.due}", "14:19 DLG640"),
        ("handoff: {queue: ''}", "14:22 DLG622"),
        ("handoff: {queue: a, priority: hgh}", "14:35 DLG622"),
        ("handoff: {queue: a, summary: '{{ profil.name }}'}", "14:38 DLG661"),
        ("handoff: {queue: a, reply_within: 2}", "14:39 DLG622"),
    ],
)
def test_what_a_step_may_not_say_is_found(shop: Any, step: str, expected: str) -> None:
    """Each at its line and column."""
    shop.steps(f"  - id: a\n    {step}\n")
    assert f"cart.yaml:{expected}" in shop.said()


def test_an_event_named_in_data_is_no_trigger(shop: Any) -> None:
    """`event` as a key of what a step writes is a name like any other."""
    shop.steps("  - {id: a, set: {event: 1}}\n  - {id: b, emit: {event: x, data: {event: \"'timer.due'\"}}}\n")
    assert shop.said() == []
