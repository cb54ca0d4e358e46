"""The story of one customer: every input is in it, each thing at its place, and it is written for people."""

import datetime
import json
import pathlib
from typing import Any

import pytest

from engine.authoring.compiling import catalogs
from engine.core.context import catalog, trace
from engine.core.decide import state_limit
from engine.core.model import decisions, definition, inputs
from engine.replay import explainer, histories, outputs, replayer, simulated_receipts, story_text
from tests.unit.core import story
from tests.unit.replay.test_replay import JOURNEY, MODEL, busy, event, hello, history

TRAITS = "traits:\n  clicks: {compute: count, of: tap}\n"


@pytest.fixture
def bundle(tmp_path: pathlib.Path) -> definition.Bundle:
    story.compiled(tmp_path / "journeys", story.written("quiet", JOURNEY))
    return catalogs.bundle(tmp_path / "journeys")


def explained(
    by: catalog.Catalog, *events: dict[str, Any], journey: str | None = None, **options: Any
) -> list[explainer.Chapter]:
    """The story of customer a."""
    lines = [json.dumps(each).encode() for each in events]
    return explainer.explain(by, lines, replayer.Options(customers=frozenset("a"), **options), journey)


def shown(by: catalog.Catalog, *events: dict[str, Any], journey: str | None = None, **options: Any) -> list[str]:
    return list(story_text.text(explained(by, *events, journey=journey, **options)))


def outcomes(by: catalog.Catalog, *events: dict[str, Any], **options: Any) -> dict[str, str]:
    """What came of each event, by its id."""
    return {each.id: each.outcome for each in explained(by, *events, **options) if each.event != explainer.PASSED}


def test_the_story_says_why_not(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """`explain` tells each input, each condition with its values and place, and each decision; no address."""
    lines = [hello("a"), event("a", "go", "10:00", k="x"), event("a", "go", "10:10")]
    chapters = explainer.explain(
        catalogs.of(bundle), history(tmp_path, *lines).lines(), replayer.Options(customers=frozenset("a"))
    )
    told = "\n".join(story_text.text(chapters))
    assert "2026-11-22T10:10:00Z  go" in told
    assert "? quiet enter.key: event.data.k -> no value: there is no such field" in told
    assert "journey.refused  quiet  no_key" in told
    assert "attempt 2 by sms" in told


def test_the_story_says_what_an_operator_told(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """Of a command `explain` tells which it was and for what."""
    told = [
        event("a", "journey.command", "10:00", command=name, **more)
        for name, more in (("pause", {}), ("stop", {"journey": "quiet"}))
    ]
    given = histories.LinesHistory(json.dumps({**each, "id": str(number)}).encode() for number, each in enumerate(told))
    chapters = explainer.explain(catalogs.of(bundle), given.lines(), replayer.Options(customers=frozenset("a")))
    shown = "\n".join(story_text.text(chapters))
    assert "journey.command  pause all journeys  (0)" in shown
    assert "journey.command  stop quiet  (1)" in shown


def test_the_story_tells_what_was_put_aside(
    bundle: definition.Bundle, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of hers that is no event is told at its place with its reason and a sentence, whatever else is wrong with it;
    so is one that the decider refuses, or fails on. Another's is not, and what is not JSON is nobody's.
    """
    monkeypatch.setattr(state_limit, "LARGEST", 2_000)
    fine = event("a", "go", "10:00", k="x")
    broken = [
        {**fine, "id": "late", "time": "yesterday"},
        {**event("a", "customer.identified", "10:05"), "id": "bare"},
        {**event("b", "go", "10:06", k="x"), "id": "hers-by-key", "kafkakey": "a"},
        {**event("b", "customer.identified", "10:07"), "id": "anothers"},
        {**event("a", "go", "10:08", k="x" * 5_000), "id": "huge"},
        {"subject": "a"},
    ]
    lines = [json.dumps(each).encode() for each in (hello("a"), fine, *broken)] + [b"[1]", b"{nonsense", b'{"subject":"\xff"}']
    told = explainer.explain(catalogs.of(bundle), lines, replayer.Options(customers=frozenset("a"), drain=False))
    aside = [(inputs.text(each.at)[11:16], each.id, each.put_aside.partition(":")[0]) for each in told if each.put_aside]
    assert aside == [
        ("10:00", "late", "not_a_time"),
        ("10:05", "bare", "bad_data"),
        ("10:06", "hers-by-key", "key_is_not_subject"),
        ("10:08", "huge", "state_too_large"),
        ("10:08", "", "not_a_cloudevent"),
    ]
    shown = [*story_text.text(told)]
    at = shown.index("2026-11-22T10:05:00Z  customer.identified  (bare)")
    assert shown[at + 1].startswith("    put aside: bad_data: customer.identified ")
    assert "2026-11-22T10:08:00Z  a record" in shown


def test_every_event_of_hers_is_told(tmp_path: pathlib.Path) -> None:
    """One customer's story: every input, what it matched, what it did not and why. What led to nothing says why: nothing names
    it, it was seen before, or nothing came of it; what was only noted says what.
    """
    by = story.compiled(tmp_path, story.written("quiet", JOURNEY), traits=TRAITS)
    events = [
        event("a", "elsewhere", "00:00", "first"),
        hello("a"),
        event("a", "consent.granted", "09:00", "yes", purpose="marketing"),
        event("a", "consent.granted", "09:01", "again", purpose="marketing"),
        event("a", "tap", "09:02", "tap"),
        event("a", "order", "09:03", "order"),
        event("a", "go", "10:00", "go", k="x"),
        event("a", "go", "10:00", "go", k="x"),
        event("b", "go", "10:05", "hers", k="x"),
        event("a", "elsewhere", "10:10", "last"),
        event("a", "message.received", "12:00", "wrote", channel="email"),
        {**event("a", "go", "12:05", "own", k="y"), "source": inputs.OWN_SOURCE},
        event("a", "customer.erased", "12:10", "erased"),
    ]
    told = explained(by, *events)
    assert [each.id for each in told if each.id] == [each["id"] for each in events if each["subject"] == "a"]
    assert [(each.id, each.outcome) for each in told if each.outcome] == [
        ("first", "no journey and no trait names it"),
        ("a-customer.identified-00:00", "noted: profile"),
        ("yes", "noted: consent"),
        ("again", "nothing came of it"),
        ("tap", "noted: traits.clicks"),
        ("order", "nothing came of it"),
        ("go", "seen before"),
        ("last", "no journey and no trait names it"),
        ("wrote", "noted: when the customer last wrote"),
        ("own", "taken already, when its step emitted it"),
        ("erased", "the customer is forgotten"),
    ]
    at = [*story_text.text(told)].index("2026-11-22T10:10:00Z  elsewhere  (last)")
    assert [*story_text.text(told)][at + 1] == "    no journey and no trait names it"


def test_the_story_of_one_journey_leaves_out_what_does_not_concern_it(tmp_path: pathlib.Path) -> None:
    """With `--journey` only what concerns that journey is told."""
    other = "enter: {event: click, reentry: after_exit}\nsteps: [{id: w, wait: 1h}]\n"
    by = story.compiled(tmp_path, story.written("quiet", JOURNEY), story.written("other", other))
    events = [event("a", "elsewhere", "09:00"), event("a", "click", "09:05"), event("a", "go", "10:00", "go", k="x")]
    told = explained(by, *events, event("a", "go", "10:00", "go", k="x"), journey="quiet", drain=False)
    assert [(each.id, each.outcome) for each in told] == [("go", "")]
    assert {each.journey for each in told[0].decisions} == {each.journey for each in told[0].conditions} == {"quiet"}


def test_a_tick_at_which_nothing_is_due_is_no_input(bundle: definition.Bundle) -> None:
    """A `timer.due` that lets no timer fire is not told; one that does is told as time that passed."""
    due = [event("", "timer.due", clock, clock) for clock in ("10:30", "11:00")]
    told = explained(catalogs.of(bundle), event("a", "go", "10:00", "go", k="x"), *due, clock="recorded")
    assert [(each.event, inputs.text(each.at)[11:16], each.id) for each in told] == [
        ("go", "10:00", "go"),
        ("time passed", "11:00", ""),
    ]


def test_what_is_after_the_end_is_not_told(bundle: definition.Bundle) -> None:
    """`until`: an event after it is none of the story, whether something names it or not."""
    events = [event("a", name, clock, clock) for clock in ("10:00", "12:00") for name in ("order", "elsewhere")]
    assert [*outcomes(catalogs.of(bundle), *events, until=story.at("11:00"))] == ["10:00"]


WAITING = """
enter: {event: go, reentry: after_exit}
steps:
  - {id: first, wait: 1h}
  - {id: which, branch: [{if: entry.data.k == "x", then: [{id: long, wait: 1h}]}]}
"""


def test_timers_have_headings_of_their_own(tmp_path: pathlib.Path) -> None:
    """Before an input every timer due before it fires, and one due at its very time after it: they are told there, each instant
    with what was looked at and decided at it.
    """
    by = story.compiled(tmp_path, story.written("slow", WAITING))
    events = [event("a", "go", "10:00", "go", k="x"), event("a", "go", "12:00", "again", k="x")]
    told = explained(by, *events, drain=False)
    assert [(each.event, inputs.text(each.at)[11:16]) for each in told] == [
        ("go", "10:00"),
        ("time passed", "11:00"),
        ("go", "12:00"),
        ("time passed", "12:00"),
    ]
    assert [[each.path for each in chapter.conditions] for chapter in told] == [[], ["steps[1].branch[0].if"], [], []]
    assert [each.type for each in told[2].decisions] == ["journey.refused"]
    assert told[3].decisions[-1].type == "journey.completed"


@pytest.mark.parametrize("name", ["elsewhere", "order"])
def test_timers_stand_around_an_event_that_leads_to_nothing(tmp_path: pathlib.Path, name: str) -> None:
    """Timers before and after an event keep their sides where the event decides nothing, whether something names it or not."""
    other = story.written("other", "enter: {event: order, when: event.data.k == 2, reentry: never}\nsteps: [{id: x, exit: x}]\n")
    by = story.compiled(tmp_path, story.written("slow", WAITING), other)
    events = [event("a", "go", "10:00", "go", k="x"), event("a", name, "12:00", "it", k=1)]
    told = explained(by, *events, drain=False)
    assert [(each.event, inputs.text(each.at)[11:16]) for each in told[1:]] == [
        ("time passed", "11:00"),
        (name, "12:00"),
        ("time passed", "12:00"),
    ]
    assert [each.path for each in told[2].conditions] == (["enter.when"] if name == "order" else [])


def test_a_timer_that_is_late_stands_before_the_input(tmp_path: pathlib.Path) -> None:
    """Under the wall clock a timer that is too late runs at the input's time, and yet before it."""
    by = story.compiled(tmp_path, story.written("slow", WAITING))
    events = [event("a", "go", "10:00", "go", k="y"), event("a", "elsewhere", "11:30", "it")]
    told = explained(by, *events, clock="recorded")
    assert [(each.event, inputs.text(each.at)[11:16]) for each in told[1:]] == [("time passed", "11:30"), ("elsewhere", "11:30")]
    assert {each.late for each in told[1].decisions} == {True}


def test_what_an_emitted_event_led_to_stands_with_what_emitted_it(tmp_path: pathlib.Path) -> None:
    """An event that a step emits is taken at once: its conditions and decisions belong to the timer or input behind it."""
    emitting = "enter: {event: go, reentry: after_exit}\nsteps: [{id: w, wait: 1h}, {id: e, emit: {event: rung, data: {n: 1}}}]\n"
    hearing = "enter: {event: rung, when: event.data.n == 1, reentry: after_exit}\nsteps: [{id: x, exit: heard}]\n"
    by = story.compiled(tmp_path, story.written("one", emitting), story.written("two", hearing))
    told = explained(by, event("a", "go", "10:00", "go"), event("a", "elsewhere", "12:00", "it"))
    assert [each.event for each in told] == ["go", "time passed", "elsewhere"]
    assert [each.journey for each in told[1].conditions] == ["two"]
    assert told[1].decisions[-1].type == "journey.exited"


class Everything(replayer.Outlet):
    """Keeps the decisions."""

    def __init__(self) -> None:
        self.decisions: list[decisions.Decision] = []

    def decided(self, decision: decisions.Decision) -> None:
        self.decisions.append(decision)


class Listening(trace.Trace):
    """Keeps the conditions of all inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[trace.Condition] = []

    def add(self, condition: trace.Condition) -> None:
        super().add(condition)
        self.all.append(condition)


def test_a_story_is_a_replay_in_chapters(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """Only how it is told: the chapters hold each decision and each condition of the replay, in its order; and each input."""
    (tmp_path / "model.yaml").write_text(MODEL)
    made = tmp_path / "history.jsonl"
    options = replayer.Options(receipts=simulated_receipts.read(tmp_path / "model.yaml"))
    outputs.replay(bundle, history(tmp_path, *busy(400)), options, {"history": made})
    lines, of = made.read_bytes().splitlines(), replayer.Options(customers=frozenset(f"c{n}" for n in range(20)))
    outlet, listening = Everything(), Listening()
    replayer.Replayer(catalogs.of(bundle), of, outlet, listening).run(lines)
    told = explainer.explain(catalogs.of(bundle), lines, of)
    assert [each for chapter in told for each in chapter.decisions] == outlet.decisions
    assert [each for chapter in told for each in chapter.conditions] == listening.all
    assert (len(outlet.decisions) > 500, len(listening.all) > 200) == (True, True)
    assert [each.id for each in told if each.event != explainer.PASSED] == [json.loads(each)["id"] for each in lines]
    passed = [each for each in told if each.event == explainer.PASSED]
    assert passed
    assert all({each.at} == {decision.at for decision in each.decisions} for each in passed)


def test_instances_are_told_apart_by_their_keys(bundle: definition.Bundle) -> None:
    """Where an instance has a key, it stands behind the journey in each of its decisions, and in a refusal."""
    events = [event("a", "go", "10:00", key, k=key) for key in ("x", "y")]
    told = shown(catalogs.of(bundle), hello("a"), *events, event("a", "go", "10:10", "again", k="x"))
    assert "    2026-11-22T10:00:00Z  journey.entered  quiet[x]" in told
    assert "    2026-11-22T10:00:00Z  step.entered  quiet[y]/pause" in told
    assert "    2026-11-22T11:00:00Z  message.requested  quiet[y]/ask  attempt 1 by whatsapp" in told
    assert "    2026-11-22T11:30:00Z  journey.completed  quiet[x]" in told
    assert "    2026-11-22T10:10:00Z  journey.refused  quiet[x]  active" in told


def test_an_instance_without_a_key_has_the_journeys_name_alone(tmp_path: pathlib.Path) -> None:
    """Without a key nothing stands behind the journey."""
    by = story.compiled(tmp_path, story.written("slow", WAITING))
    assert "    2026-11-22T10:00:00Z  step.entered  slow/first" in shown(by, event("a", "go", "10:00", k="x"))


def test_a_condition_that_fails_says_so_once(tmp_path: pathlib.Path) -> None:
    """A condition that fails counts as false, and an expression that fails has no value: the reason stands there, and the
    expression once.
    """
    journey = "enter: {event: go, when: event.data.total > 5.0, key: event.data.k, reentry: never}\nsteps: [{id: x, exit: x}]\n"
    by = story.compiled(tmp_path, story.written("q", journey))
    told = shown(by, event("a", "go", "10:00"), event("a", "go", "10:01", total=6.5))
    assert told[1] == '    ? q enter.when: event.data.total > 5.0 -> no, counts as false: Key not found in map: "total"'
    assert "    ? q enter.key: event.data.k -> no value: there is no such field" in told


def test_an_address_is_not_told(bundle: definition.Bundle) -> None:
    """Whether there is an address is told, and never which."""
    told = shown(catalogs.of(bundle), hello("a"), event("a", "go", "10:00", k="x"))
    assert "    ? quiet policy.channels.whatsapp.address: profile.phone -> yes" in told
    assert "+62a" not in "".join(told)
    told = shown(catalogs.of(bundle), event("a", "go", "10:00", k="x"))
    assert "    ? quiet policy.channels.whatsapp.address: profile.phone -> no value: there is no such field" in told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (story.at("00:10"), "2026-11-22T00:10:00Z"),
        (story.at("00:10:00.250").astimezone(datetime.timezone(datetime.timedelta(hours=7))), "2026-11-22T00:10:00.250Z"),
        (datetime.timedelta(days=1, hours=2, minutes=30), "1d 2h 30m"),
        (datetime.timedelta(seconds=1.5), "1.5s"),
        (-datetime.timedelta(minutes=45), "-45m"),
        (datetime.timedelta(), "0s"),
        ('say "ya"', '"say \\"ya\\""'),
        ("kopi tubruk ☕", '"kopi tubruk ☕"'),
        (None, "null"),
        (True, "true"),
        (600.0, "600.0"),
        ({"n": [1, story.at("00:10")]}, '{"n": [1, "2026-11-22T00:10:00Z"]}'),
        ("x" * 58, f'"{"x" * 58}"'),
        ("x" * 59, f'"{"x" * 58}…'),
    ],
)
def test_values_are_written_for_people(value: object, told: str) -> None:
    """Times are RFC 3339, durations readable, anything else JSON; what is longer than 60 characters ends in …."""
    assert story_text.value(value) == told
    assert len(told) <= story_text.LONGEST


def test_a_condition_tells_its_values(tmp_path: pathlib.Path) -> None:
    """The value of each condition's fields stands behind it."""
    journey = 'enter: {event: go, when: event.time > now - duration("1h") && event.data.k != "x", reentry: never}\nsteps: [{id: x, exit: x}]\n'
    by = story.compiled(tmp_path, story.written("q", journey))
    (line,) = (each for each in shown(by, event("a", "go", "10:00", k="x")) if "?" in each)
    assert line.endswith('-> no  [event.time = 2026-11-22T10:00:00Z, now = 2026-11-22T10:00:00Z, event.data.k = "x"]')


def test_a_step_that_failed_says_why() -> None:
    """`step.failed` and `instance.parked` are told with their reasons."""
    told: list[str] = []
    for data in (decisions.StepFailed("KeyError"), decisions.InstanceParked("No bundle here holds it.")):
        decision = decisions.Decision("1", data.type, "a", story.at("10:00"), "q", "v", "i", "s", "c", data)
        told += story_text.text([explainer.Chapter(story.at("10:00"), "go", "1", decisions=[decision])])
    assert told[1::2] == [
        "    2026-11-22T10:00:00Z  step.failed  q/s  KeyError",
        "    2026-11-22T10:00:00Z  instance.parked  q/s  No bundle here holds it.",
    ]


def test_a_command_is_told_with_its_key_and_its_end(tmp_path: pathlib.Path) -> None:
    """Of a command the key is told; one that enters a journey that is not there, or takes nobody, says so."""
    draft = "status: draft\nenter: {event: go, reentry: never}\nsteps: [{id: x, exit: x}]\n"
    by = story.compiled(tmp_path, story.written("quiet", JOURNEY), story.written("early", draft))
    given = [
        ("stop", {"journey": "quiet", "key": "x"}),
        ("stop", {"key": "x"}),
        ("pause", {}),
        ("enter", {"journey": "nope"}),
        ("enter", {"journey": "early"}),
        ("enter", {"journey": "quiet", "key": "y"}),
    ]
    told = shown(
        by,
        *(event("a", "journey.command", "10:00", str(n), command=each, **more) for n, (each, more) in enumerate(given)),
        drain=False,
    )
    at = "2026-11-22T10:00:00Z"
    assert told[:11] == [
        f"{at}  journey.command  stop quiet[x]  (0)",
        "    nothing came of it",
        f"{at}  journey.command  stop all journeys, key x  (1)",
        "    nothing came of it",
        f"{at}  journey.command  pause all journeys  (2)",
        "    noted: pauses",
        f"{at}  journey.command  enter nope  (3)",
        "    there is no journey nope",
        f"{at}  journey.command  enter early  (4)",
        "    early is draft: it takes nobody",
        f"{at}  journey.command  enter quiet[y]  (5)",
    ]
    assert told[11] == f"    {at}  journey.refused  quiet[y]  paused"
