"""The steps `wait.until`, `split`, `choose`, `set` and `handoff`."""

from collections import Counter
from collections.abc import Callable

import pytest

from engine.core.model import decisions
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
UTC = stories.POLICY + "  timezone: UTC\n"


def go(*steps: str) -> str:
    return f"enter: {{event: go, reentry: after_exit}}\nsteps: [{', '.join(steps)}]"


def until(what: str) -> str:
    return "{id: w, wait: {until: " + what + "}}"


@pytest.mark.parametrize(
    ("what", "reached"),
    [
        ('{time: "09:00"}', "+1 09:00"),
        ('{time: "10:00"}', "10:00"),  # a time that is exactly now is reached now
        ('{time: "10:01"}', "10:01"),
        ('{time: "09:00", days: [fri]}', "+5 09:00"),  # 22 November 2026 is a Sunday
        ('{payday: true, time: "09:00"}', "+3 09:00"),
        ("{date: event.time, offset: 90m}", "11:30"),
        ("{date: event.data.day}", "+2"),
        ("{date: event.data.at, offset: -24h}", "+4 12:00"),
    ],
)
def test_a_wait_until_a_moment_of_the_calendar(tell: Tell, what: str, reached: str) -> None:
    """`wait.until` a time (and days), a payday, or a date with its offset, in the customer's zone."""
    story = tell(go(until(what)), policy=UTC)
    story.when("go", "10:00", day="2026-11-24", at="2026-11-27T12:00:00Z")
    story.pass_time("+9 00:00")
    done = next(line for line in stories.lines(tuple(story.told)) if "step.completed w reached" in line)
    assert done.startswith(reached)


@pytest.mark.parametrize(
    ("what", "then"),
    [
        ("{date: event.data.nothing}", "journey.exited w date_missing"),
        ("{date: event.data.nothing, if_missing: continue}", "step.completed w missing"),
        ("{date: event.data.text}", "journey.exited w date_missing"),
        ("{date: event.time, offset: -1s}", "journey.exited w date_past"),
        ("{date: event.time, offset: -1s, if_past: continue}", "step.completed w past"),
    ],
)
def test_a_past_or_missing_date_never_means_now(tell: Tell, what: str, then: str) -> None:
    """A past or missing date never means now: both default to `exit`, with reasons `date_past` and `date_missing`, after `offset`."""
    story = tell(go(until(what)), policy=UTC)
    assert story.when("go", "10:00", text="soon")[2] == f"10:00 {then}"


def test_a_split_records_the_arm_when_it_is_reached(tell: Tell) -> None:
    """Weighted arms by hash; exposure recorded when reached; what follows the step is for all."""
    arms = "[{id: a, weight: 1, then: [{id: in-a, wait: 0s}]}, {id: b, weight: 1, then: []}]"
    story = tell(go("{id: s, split: {by: instance, arms: " + arms + "}}", "{id: all, exit: end}"))
    for minute in range(40):
        story.when("go", f"10:{minute:02d}")
    taken = Counter(each.data.arm for each in story.told if isinstance(each.data, decisions.SplitAssigned))
    assert set(taken) == {"a", "b"}
    assert sum(each.step == "in-a" and each.type == "step.entered" for each in story.told) == taken["a"]
    assert sum(each.type == "journey.exited" for each in story.told) == 40


def test_by_customer_the_arm_is_always_the_same(tell: Tell) -> None:
    """`by: customer`: the same customer is in the same arm whenever she comes."""
    arms = "[{id: a, weight: 1, then: []}, {id: b, weight: 1, then: []}]"
    story = tell(go("{id: s, split: {by: customer, arms: " + arms + "}}"))
    for minute in range(20):
        story.when("go", f"10:{minute:02d}")
    assert len({each.data.arm for each in story.told if isinstance(each.data, decisions.SplitAssigned)}) == 1


def test_choose_takes_the_highest_score_that_can_be_had(tell: Tell) -> None:
    """Among candidates whose `if` holds, the highest `score` (ties: file order); a score that fails cannot be had."""
    candidates = (
        "{id: no, if: event.data.n > 9, score: '99', then: []}, {id: broken, score: event.data.nothing, then: []}, "
        "{id: low, score: '1', then: []}, {id: first, score: '2.5', then: []}, {id: second, score: event.data.n, then: []}"
    )
    story = tell(go("{id: best, choose: {candidates: [" + candidates + "]}}"))
    assert story.when("go", "10:00", n=2)[2:4] == ["10:00 offer.chosen best first", "10:00 step.completed best first"]
    assert story.when("go", "11:00", n=2.5)[2] == "11:00 offer.chosen best first"
    assert story.when("go", "12:00", n=3)[2] == "12:00 offer.chosen best second"
    chosen = story.told[-3].data
    assert isinstance(chosen, decisions.OfferChosen)
    assert chosen.scores == {"low": 1, "first": 2.5, "second": 3}


def test_choose_without_a_candidate_goes_on(tell: Tell) -> None:
    """With none, what follows the step comes next, and the outcome says so."""
    candidate = "{id: x, if: 'false', score: '1', then: []}"
    story = tell(go("{id: best, choose: {candidates: [" + candidate + "]}}", "{id: out, exit: none}"))
    assert story.when("go", "10:00")[2:] == [
        "10:00 offer.chosen best none",
        "10:00 step.completed best none",
        "10:00 step.entered out",
        "10:00 journey.exited out none",
    ]


def test_set_writes_the_profile(tell: Tell) -> None:
    """Numbers and booleans are themselves, strings are CEL; null removes; times become RFC 3339."""
    step = "{id: s, set: {level: 3, vip: true, tier: \"'gold'\", at: now, twice: event.data.n * 2, name: null}}"
    story = tell(go(step))
    story.when("go", "10:00", n=4)
    phone = "+6281234567890"
    written = {"level": 3, "vip": True, "tier": "gold", "at": "2026-11-22T10:00:00Z", "twice": 8}
    assert story.state.profile == {"phone": phone, **written}


def test_set_leaves_what_fails_and_is_quiet_about_what_stays(tell: Tell) -> None:
    """An expression that fails leaves its attribute as it was, recorded; a profile that stays the same records nothing."""
    story = tell(go("{id: s, set: {name: event.data.nothing}}"), go("{id: s, set: {name: \"'Ayu'\"}}"))
    decided = story.when("go", "10:00")
    assert story.state.profile["name"] == "Ayu"
    updated = [each.data for each in story.told if isinstance(each.data, decisions.ProfileUpdated)]
    assert [each.failed for each in updated] == [("name",)]
    assert sum("profile.updated" in line for line in decided) == 1


def test_a_handoff_asks_a_human_and_goes_on(tell: Tell) -> None:
    """`handoff` goes on at once: an action on `actions.agent` with a summary of the customer; it needs no policy.channels.agent."""
    step = '{id: h, handoff: {queue: care, priority: high, summary: "{{ profile.name }} asks"}}'
    story = tell(go(step))
    assert story.when("go", "10:00")[2:5] == [
        "10:00 message.requested h agent 1",
        "10:00 message.resolved h requested",
        "10:00 step.completed h requested",
    ]
    (action,) = story.sent
    assert (action.channel, action.to, action.content["text"], action.content["priority"]) == (
        "agent",
        {"queue": "care"},
        "Ayu asks",
        "high",
    )
    assert action.content["profile"] == story.state.profile


def test_a_handoff_waits_for_its_reply(tell: Tell) -> None:
    """With `reply_within` it waits and its outcome is `replied` or `unanswered`; other reports do not end it."""
    step = '{id: h, handoff: {queue: care, summary: "asks", reply_within: 2h}}'
    story = tell(go(step))
    story.when("go", "10:00")
    assert len(story.when("message.delivered", "10:10", message_id=story.message())) == 1
    assert story.when("message.received", "11:00", channel="agent", in_reply_to=story.message())[-2:] == [
        "11:00 step.completed h replied",
        "11:00 journey.completed",
    ]
    story.when("go", "12:00")
    assert story.pass_time("15:00") == [
        "14:00 message.resolved h unanswered",
        "14:00 step.completed h unanswered",
        "14:00 journey.completed",
    ]


def test_a_handoff_of_the_held_out_asks_nobody(tell: Tell) -> None:
    """These take every step and are never messaged: nor is a human asked about them."""
    text = "enter: {event: go, reentry: never}\nholdout: 100%\nsteps: [{id: h, handoff: {queue: care, summary: x, reply_within: 2h}}]"
    story = tell(text)
    assert story.when("go", "10:00")[2:] == [
        "10:00 message.suppressed h held_out",
        "10:00 step.completed h held_out",
        "10:00 journey.completed",
    ]
    assert story.sent == []


def test_dates_are_the_customers_own(tell: Tell) -> None:
    """A bare date is 00:00 in the customer's zone; `payday: 31` is the month's last day; the offset comes before the judging."""
    zone = "  timezone: Asia/Jakarta\n  calendar: {payday: 31, payday_shift: none}\n"
    for what, due in (
        ("{date: event.data.day}", "+1 17:00"),
        ("{date: event.data.day, offset: -24h}", "17:00"),
        ('{payday: true, time: "09:00"}', "+8 02:00"),
        ('{time: "09:00"}', "+1 02:00"),
    ):
        story = tell(go(until(what)), policy=stories.POLICY + zone)
        assert story.when("go", "10:00", day="2026-11-24")[-1] == f"10:00 timer.scheduled w wait {due}"
