"""What a new version does to instances of older versions: pin, or migrate (docs/semantics.md#versions)."""

import pathlib
from collections.abc import Callable

from engine.core.model import decisions
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
ENTER = "enter: {event: go, reentry: after_exit}\n"
OLD = ENTER + "steps: [{id: old-wait, wait: 1h}, {id: ask, send: {template: hello, channels: [{channel: sms}]}}]"


def new(text: str, head: str = "") -> str:
    return stories.written("journey-0", head + ENTER + text)


def test_without_a_word_instances_stay_on_their_version(tell: Tell, tmp_path: pathlib.Path) -> None:
    """An instance stays on the version it entered with; entries are evaluated on the live version."""
    story = tell(OLD)
    story.when("go", "10:00")
    live = stories.compiled(tmp_path / "new", new("steps: [{id: other, exit: gone}]"))
    assert story.activate(live, "10:10") == []
    assert story.pass_time("11:00")[1:3] == ["11:00 step.entered ask", "11:00 message.requested ask sms 1"]
    assert story.when("go", "12:00")[-1] == "12:00 journey.exited other gone"


def test_a_mapped_wait_goes_on_with_its_timer(tell: Tell, tmp_path: pathlib.Path) -> None:
    """`on_update: migrate` moves waiting instances: a wait that becomes a wait keeps its due time, and goes on as the new one."""
    story = tell(OLD)
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {old-wait: cool-off}\n"
    live = stories.compiled(tmp_path / "new", new("steps: [{id: cool-off, wait: 3h}, {id: out, exit: new-way}]", head))
    assert story.activate(live, "10:10") == ["10:10 instance.migrated cool-off"]
    assert story.pass_time("11:00") == [
        "11:00 step.completed cool-off elapsed",
        "11:00 step.entered out",
        "11:00 journey.exited out new-way",
    ]
    assert {each.version for each in story.told if each.step == "out"} == {live.live["journey-0"].version}


def test_a_step_of_the_same_name_needs_no_map(tell: Tell, tmp_path: pathlib.Path) -> None:
    """A step that the map does not name goes on at the step of the same id; one that is nowhere stays on its version."""
    story = tell(OLD)
    story.when("go", "10:00")
    same = stories.compiled(tmp_path / "same", new("steps: [{id: old-wait, wait: 5m}]", "on_update: migrate\n"))
    assert story.activate(same, "10:10") == ["10:10 instance.migrated old-wait"]
    nowhere = stories.compiled(tmp_path / "nowhere", new("steps: [{id: w, wait: 5m}]", "on_update: migrate\n"))
    assert story.activate(nowhere, "10:20") == []


def test_a_step_of_another_type_begins_anew(tell: Tell, tmp_path: pathlib.Path) -> None:
    """Where the types differ, what the instance waited for is cancelled and the new step begins."""
    story = tell(OLD)
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {old-wait: ask}\n"
    live = stories.compiled(
        tmp_path / "new", new("steps: [{id: ask, send: {template: hello, channels: [{channel: sms}]}}]", head)
    )
    assert story.activate(live, "10:10") == [
        "10:10 instance.migrated ask",
        "10:10 timer.cancelled ask",
        "10:10 step.entered ask",
        "10:10 message.requested ask sms 1",
        "10:10 message.resolved ask requested",
        "10:10 step.completed ask requested",
        "10:10 journey.completed",
    ]


def test_a_map_may_lead_out(tell: Tell, tmp_path: pathlib.Path) -> None:
    """`migrations: {old-wait: exit}` ends the instance with reason `migrated`."""
    story = tell(OLD)
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {old-wait: exit}\n"
    live = stories.compiled(tmp_path / "new", new("steps: [{id: w, wait: 5m}]", head))
    assert story.activate(live, "10:10") == ["10:10 timer.cancelled old-wait", "10:10 journey.exited old-wait migrated"]


def test_a_message_under_way_goes_on(tell: Tell, tmp_path: pathlib.Path) -> None:
    """An open message migrates with its step: its receipt completes the new one, its fallback takes the new channels, and it is
    not sent again.
    """
    two = "channels: [{channel: whatsapp, success: read, fallback_after: 30m}, {channel: sms}]"
    story = tell(ENTER + "steps: [{id: old, send: {template: hello, " + two + "}}]")
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {old: fresh}\n"
    three = "channels: [{channel: email, success: accepted, fallback_after: 5m}, " + two.removeprefix("channels: [")
    live = stories.compiled(tmp_path / "new", new("steps: [{id: fresh, send: {template: hello, " + three + "}}]", head))
    assert story.activate(live, "10:10") == ["10:10 instance.migrated fresh"]
    assert story.pass_time("10:30")[0] == "10:30 message.requested fresh sms 2"
    assert story.actions == ["10:00 whatsapp hello", "10:30 sms hello"]


def test_a_version_that_cannot_be_found_parks_the_instance(tell: Tell, tmp_path: pathlib.Path) -> None:
    """A version that cannot be found parks the instance with a reason; it never falls back to another. A migration frees it."""
    story = tell(OLD)
    story.when("go", "10:00")
    story.catalog = stories.compiled(tmp_path / "lost", new("steps: [{id: old-wait, wait: 5m}]"))
    (parked,) = story.pass_time("11:00")
    assert parked == f"11:00 instance.parked old-wait {story.told[-1].data.reason}"  # type: ignore[attr-defined]
    assert story.pass_time("12:00") == []
    head = "on_update: migrate\n"
    live = stories.compiled(tmp_path / "found", new("steps: [{id: old-wait, wait: 5m}]", head))
    assert story.activate(live, "13:00") == [
        "13:00 instance.migrated old-wait",
        "13:00 step.entered old-wait",
        "13:00 timer.scheduled old-wait wait 13:05",
    ]
    assert isinstance(story.told[-1].data, decisions.TimerScheduled)


def test_a_handoff_migrates_with_its_request(tell: Tell, tmp_path: pathlib.Path) -> None:
    """A handoff under way goes on as the new step: the reply to it, or its timeout, completes that."""
    step = 'handoff: {queue: care, summary: "asks", reply_within: 2h}'
    story = tell(ENTER + "steps: [{id: old, " + step + "}]")
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {old: fresh}\n"
    live = stories.compiled(tmp_path / "new", new("steps: [{id: fresh, " + step + "}]", head))
    assert story.activate(live, "10:30") == ["10:30 instance.migrated fresh"]
    assert story.pass_time("13:00") == [
        "12:00 message.resolved fresh unanswered",
        "12:00 step.completed fresh unanswered",
        "12:00 journey.completed",
    ]


def test_a_migration_is_a_new_visit(tell: Tell, tmp_path: pathlib.Path) -> None:
    """An instance that comes to a step again by a migration is there for another visit: its message and timers have other ids."""
    sms = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"
    story = tell(ENTER + "steps: [" + sms + ", {id: w, wait: 1h}]")
    story.when("go", "10:00")
    head = "on_update: migrate\nmigrations: {w: ask}\n"
    live = stories.compiled(tmp_path / "new", new("steps: [" + sms + ", {id: x, wait: 1h}, {id: w, wait: 1h}]", head))
    story.activate(live, "10:30")
    for clock in ("12:00", "13:00", "14:00"):
        story.pass_time(clock)
    assert story.actions == ["10:00 sms hello", "10:30 sms hello"]
    assert len({action.id for action in story.sent}) == 2
    assert len({each.id for each in story.told}) == len(story.told)


def test_an_activation_happens_at_its_own_time(tell: Tell, tmp_path: pathlib.Path) -> None:
    """What an activation leads to happens at its time and by its cause, whatever timers fired and emitted before it."""
    text = "steps: [{id: w, wait: 1h}, {id: e, emit: {event: told}}]"
    story = tell(ENTER + text)
    story.when("go", "10:00")
    live = stories.compiled(tmp_path / "new", new(text), traits="segments:\n  all: 'true'\n")
    assert story.activate(live, "12:00")[-1] == "12:00 segment.entered all"
    assert story.told[-1].cause == f"b{story.count}"
