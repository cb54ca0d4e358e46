"""Replays by the bundles that were live, as the history's own activations say."""

import json
import pathlib
from typing import Any

import msgspec
import pytest

from engine.authoring.compiling import catalogs
from engine.cli import options, report
from engine.core.model import definition, inputs
from engine.replay import definitions, explainer, histories, outputs, replayer, story_text
from tests.unit.core import story
from tests.unit.replay.test_replay import event, hello, history

JOURNEY = "enter: {event: go, key: event.data.k, reentry: never}\nsteps:\n  - {id: pause, wait: 1h}\n  - {id: end, exit: %s}\n"


@pytest.fixture
def bundles(tmp_path: pathlib.Path) -> tuple[definition.Bundle, definition.Bundle]:
    """Two versions of one journey; they differ in the reason with which they end."""
    made = []
    for name in ("old", "new"):
        story.compiled(tmp_path / name, story.written("quiet", JOURNEY % name))
        made.append(catalogs.bundle(tmp_path / name))
    return made[0], made[1]


def activated(bundle: str, clock: str, partition: int | None = None, **more: Any) -> dict[str, Any]:
    told = {**event("", "bundle.activated", clock), "data": {"bundle": bundle, "clock": "wall"}, **more}
    return told if partition is None else {**told, "kafkapartition": partition}


def at(partition: int, told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "kafkapartition": partition}


def reasons(directory: pathlib.Path, given: definitions.Given, *events: dict[str, Any], workers: int = 1) -> dict[str, str]:
    """Why each customer left."""
    target = directory / "d.jsonl"
    outputs.replay(given, history(directory, *events), replayer.Options(), {"decisions": target}, workers)
    told = [json.loads(line) for line in target.read_bytes().splitlines()]
    return {each["customer"]: each["data"]["reason"] for each in told if each["type"] == "journey.exited"}


def test_who_entered_before_an_activation_finishes_on_the_old_version(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """The activation's place in the history decides: before it the old version, after it the new one, to the end."""
    old, new = bundles
    events = [
        event("early", "go", "08:00", k="x"),
        activated(old.id, "09:00"),
        event("a", "go", "09:10", k="x"),
        activated(new.id, "09:20"),
        event("b", "go", "09:30", k="x"),
    ]
    expected = {"a": "old", "b": "new"}  # and nothing was live when `early` came
    assert reasons(tmp_path, bundles, *events) == expected
    assert reasons(tmp_path, bundles, *events, workers=2) == expected


def test_workers_share_the_time_of_the_stream(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """An operator's command takes the stream's time, which the lines of every worker advance; all workers see the same."""
    customers = "abcdefgh"
    told = [
        {**activated(bundles[0].id, "08:00"), "data": {"bundle": bundles[0].id, "clock": "stream"}},
        *(hello(customer) for customer in customers),
        *(event(customer, "go", "09:00", k="x") for customer in customers),
        event("h", "click", "11:00"),
        event("", "journey.command", "11:30", command="stop"),
    ]
    timed = [each if each["type"] in inputs.TIMELESS else {**each, "recordedtime": each["time"]} for each in told]
    expected = dict.fromkeys(customers, "old")  # their waits ended at 10:00, before the command
    assert reasons(tmp_path, bundles, *timed) == expected
    assert reasons(tmp_path, bundles, *timed, workers=2) == expected


def test_each_partition_has_its_own_activations(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """A deploy reaches each partition at its own place in the log; the timers of the drain fire by the right one too."""
    old, new = bundles
    events = [
        activated(old.id, "09:00", 0),
        activated(old.id, "09:00", 1),
        activated(new.id, "09:20", 1),
        at(0, event("a", "go", "09:30", k="x")),
        at(1, event("b", "go", "09:30", k="x")),
    ]
    assert reasons(tmp_path, bundles, *events) == {"a": "old", "b": "new"}


def test_a_directory_that_is_given_holds_from_the_start(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """One bundle: activations are counted and passed over, whatever they name."""
    old, new = bundles
    events = [event("a", "go", "09:00", k="x"), activated(old.id, "09:10"), activated("gone", "09:11")]
    assert reasons(tmp_path, new, *events) == {"a": "new"}
    done = outputs.replay(new, history(tmp_path, *events), replayer.Options(), {})
    assert (done.summary.activations, dict(done.summary.bad)) == (2, {})


def test_an_activation_of_a_bundle_that_is_not_there_changes_nothing(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """As in the worker, where it is a dead letter: the bundle and the clock before it stay; it is counted as unknown_bundle."""
    old, _ = bundles
    events = [activated(old.id, "09:00"), activated("gone", "09:05"), activated(5, "09:06"), event("a", "go", "09:10", k="x")]  # type: ignore[arg-type]
    assert reasons(tmp_path, (old,), *events) == {"a": "old"}
    done = outputs.replay((old,), history(tmp_path, *events), replayer.Options(), {})
    assert done.summary.bad == {"unknown_bundle": 2}


def test_an_activation_for_one_customer_is_none(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """bundle.activated concerns a partition; with a subject it is an event of a customer, and activates nothing."""
    old, new = bundles
    events = [activated(old.id, "09:00"), activated(new.id, "09:05", subject="a"), event("a", "go", "09:10", k="x")]
    assert reasons(tmp_path, bundles, *events) == {"a": "old"}


def test_a_timer_and_an_event_that_nothing_names_at_its_very_time(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path
) -> None:
    """A timer fires after an event at its very time, whether a journey names the event or not: so what is decided never
    depends on which bundles happen to be known beside the live one.
    """
    told = (
        JOURNEY.replace("wait: 1h", "wait: {for: [{event: tap}], timeout: 1h, on_timeout: [{id: gone, exit: gone}]}") % "tapped"
    )
    for name, others in (("one", ()), ("two", (story.written("other", JOURNEY.replace("event: go", "event: click") % "x"),))):
        story.compiled(tmp_path / name, story.written("quiet", told), *others)
    events = [event("a", "go", "09:00", k="x"), event("a", "click", "10:00"), event("a", "tap", "10:00")]
    assert reasons(tmp_path, catalogs.bundle(tmp_path / "one"), *events) == {"a": "gone"}
    assert reasons(tmp_path, catalogs.bundle(tmp_path / "two"), *events)["a"] == "gone"


def test_explain_follows_the_activations(bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path) -> None:
    """A story tells what the bundles that were live decided."""
    old, new = bundles
    events = [hello("a"), activated(old.id, "09:00"), event("a", "go", "09:10", k="x"), activated(new.id, "09:20")]
    options = replayer.Options(customers=frozenset("a"))
    chapters = explainer.explain(definitions.Recorded(bundles), history(tmp_path, *events).lines(), options)
    assert "journey.exited  quiet[x]/end  old" in "\n".join(story_text.text(chapters))


def test_bundles_are_read_from_a_file(bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path) -> None:
    """One bundle a line, as `dalang history export --bundles` writes them; what is none is said with its file."""
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in bundles))
    assert definitions.read(path) == bundles
    for broken in (b"{}", b"nonsense", b"\xff"):
        path.write_bytes(broken)
        with pytest.raises(definitions.NotBundles, match=r"DLG404 .*bundles\.jsonl"):
            definitions.read(path)
    with pytest.raises(definitions.NotBundles, match="No such file"):
        definitions.read(tmp_path / "nowhere")


def test_a_history_knows_whether_it_activates(tmp_path: pathlib.Path) -> None:
    """The event counts, not its mention."""
    assert histories.has_activations(history(tmp_path, hello("a"), activated("x", "09:00")))
    assert histories.has_clock(history(tmp_path, hello("a"), activated("x", "09:00")))  # a worker kept its time
    assert not histories.has_activations(
        history(tmp_path, hello("a"), event("a", "click", "11:00", text=inputs.BUNDLE_ACTIVATED))
    )


def test_lines_from_anywhere_live_as_long_as_they_are_read() -> None:
    """The file in which they are put aside is not removed under its reader."""
    lines = histories.LinesHistory([b"one", b"two"]).lines()
    assert list(lines) == [b"one", b"two"]


def test_a_replay_under_another_tzdata_says_so(
    bundles: tuple[definition.Bundle, definition.Bundle], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replay under another tzdata says so: on standard error and in the summary. Under the same one it is quiet."""
    old, new = bundles
    calendar = msgspec.structs.replace(old.policy.calendar, tzdata="1999a")
    elsewhere = msgspec.structs.replace(old, policy=msgspec.structs.replace(old.policy, calendar=calendar))
    assert options.warned((elsewhere, new)) == (elsewhere, new)
    assert "made under tzdata 1999a, and here is" in capsys.readouterr().err
    source = history(tmp_path, event("a", "go", "10:00", k="x"))
    told = outputs.replay((elsewhere, new), source, replayer.Options(), {}).summary.as_dict()
    assert told["other_tzdata"] == ["1999a"]
    assert "tzdata 1999a" in report.summary({**told, "sha256": {}})
    assert options.warned(new) == new
    assert capsys.readouterr().err == ""
    assert outputs.replay(new, source, replayer.Options(), {}).summary.as_dict()["other_tzdata"] == []
