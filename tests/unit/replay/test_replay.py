"""The replay: its clocks, its ends, what it writes, and that none of it depends on how it is run."""

import gzip
import io
import json
import pathlib
import random
import sys
from typing import Any

import pytest

from engine.authoring.compiling import catalogs
from engine.cli import report
from engine.core.decide import decider, state_limit
from engine.core.model import actions, definition, inputs
from engine.replay import external_sort, histories, outputs, replayer, simulated_receipts, summary
from tests.unit.core import story

QUIET = "enter: {event: go, key: event.data.k, reentry: never}\nexit: [{event: order, reason: bought}]\n"
JOURNEY = QUIET + (
    "steps:\n  - {id: pause, wait: 1h}\n"
    "  - {id: ask, send: {template: hello, channels: [{channel: whatsapp, success: delivered, fallback_after: 30m}, {channel: sms}]}}\n"
)
MODEL = """
seed: 1
channels:
  whatsapp: {accepted: {share: 1.0, after: 1s}, delivered: {share: 0.5, after: [1m, 1h]}, failed: {share: 0.2, after: 5s, codes: {"131026": 1, "131050": 1}}}
  sms: {accepted: {share: 1.0, after: 2s}, delivered: {share: 0.9, after: 10s}}
"""


@pytest.fixture
def bundle(tmp_path: pathlib.Path) -> definition.Bundle:
    story.compiled(tmp_path / "journeys", story.written("quiet", JOURNEY))
    return catalogs.bundle(tmp_path / "journeys")


def event(customer: str, type_: str, clock: str, id_: str = "", **data: Any) -> dict[str, Any]:
    at = inputs.text(story.at(clock))
    told = {
        "specversion": "1.0",
        "id": id_ or f"{customer}-{type_}-{clock}",
        "source": "t",
        "type": type_,
        "time": at,
        "data": data,
    }
    return {**told, "subject": customer} if customer else told


def history(tmp_path: pathlib.Path, *events: dict[str, Any]) -> histories.FileHistory:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    return histories.FileHistory(path)


def hello(customer: str) -> dict[str, Any]:
    return event(customer, "customer.identified", "00:00", traits={"phone": f"+62{customer}"})


def run(
    bundle: definition.Bundle, source: histories.FileHistory, tmp_path: pathlib.Path, workers: int = 1, **options: Any
) -> tuple[list[str], outputs.Outcome]:
    """The decisions in short, and the outcome."""
    target = tmp_path / "decisions.jsonl"
    outcome = outputs.replay(bundle, source, replayer.Options(**options), {"decisions": target, "actions": None}, workers)
    decided = [json.loads(line) for line in target.read_text().splitlines()]
    return [f"{each['at'][11:16]} {each['customer']} {each['type']}" for each in decided], outcome


def test_by_default_the_clock_runs_on_until_no_timer_is_left(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """The virtual clock runs on after the last event until no timer is left."""
    told, outcome = run(bundle, history(tmp_path, hello("a"), event("a", "go", "10:00", k="x")), tmp_path)
    assert told[-1] == "11:30 a journey.completed"
    assert outcome.summary.as_dict()["messages"] == {"sms": 1, "whatsapp": 1}


def test_without_a_drain_each_customer_stops_at_her_last_input(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """`--no-drain`: each customer's clock stops at the customer's own last input."""
    lines = [
        hello("a"),
        hello("b"),
        event("a", "go", "10:00", k="x"),
        event("b", "go", "10:00", k="x"),
        event("b", "click", "11:10"),
    ]
    told, _ = run(bundle, history(tmp_path, *lines), tmp_path, drain=False)
    assert [line for line in told if "message" in line] == ["11:00 b message.requested"]


def test_until_includes_its_moment_and_does_not_drain(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """A replay until a time includes that time (`--until T`: inputs and timers up to and including T), and does not drain."""
    lines = [hello("a"), event("a", "go", "10:00", k="x"), event("a", "order", "12:00")]
    told, _ = run(bundle, history(tmp_path, *lines), tmp_path, until=story.at("11:00"))
    assert told[-2:] == ["11:00 a message.requested", "11:00 a timer.scheduled"]
    told, _ = run(bundle, history(tmp_path, *lines), tmp_path, until=story.at("10:59:59.999"))
    assert told[-1] == "10:00 a timer.scheduled"


def test_the_order_of_customers_does_not_matter(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """The virtual clock is each customer's own: customers may come in any order in the file."""
    lives = [[hello(c), event(c, "go", f"10:0{n}", k="x"), event(c, "order", f"11:2{n}")] for n, c in enumerate("abcde")]
    by_time = sorted((each for life in lives for each in life), key=lambda each: str(each["time"]))
    by_customer = [each for life in reversed(lives) for each in life]
    assert run(bundle, history(tmp_path, *by_time), tmp_path)[0] == run(bundle, history(tmp_path, *by_customer), tmp_path)[0]


def test_only_the_customers_that_are_asked_for(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """`--customer`: only these."""
    lines = [event(c, "go", "10:00", k="x") for c in "abc"]
    told, outcome = run(bundle, history(tmp_path, *lines), tmp_path, customers=frozenset("b"))
    assert {line.split()[1] for line in told} == {"b"}
    assert outcome.summary.customers == 1


def test_bad_lines_are_counted_by_reason_and_passed_over(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """Bad lines are counted by reason in the summary; the others are replayed."""
    source = history(tmp_path, event("a", "go", "10:00", k="x"))
    source.path.write_bytes(b"{\n\n[]\n" + source.path.read_bytes() + b'{"subject":"b"}\n\xff\n')
    for workers in (1, 2):
        told, outcome = run(bundle, source, tmp_path, workers)
        assert outcome.summary.as_dict()["bad_lines"] == {"not_a_cloudevent": 2, "not_json": 2}
        assert (told[0], outcome.summary.events) == ("10:00 a journey.entered", 1)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_first_bad_line_of_each_reason_is_named(bundle: definition.Bundle, tmp_path: pathlib.Path, workers: int) -> None:
    """The summary says where the first of each reason stands, with file, line and why; also by several workers, of which each has
    its own customers, and where the decider refuses. Empty lines count as lines; good ones are not named.
    """
    late = {"time": "yesterday"}
    told = [
        hello("a"),
        None,
        {**event("c", "go", "10:00"), **late},
        {**event("b", "go", "10:00"), **late},
        event("a", "x", "10:00"),
    ]
    told += [{**event("a", "go", "10:01"), "kafkakey": "b", "kafkapartition": 3, "kafkaoffset": "118"}, {"subject": "b"}]
    path = tmp_path / "events.jsonl"
    path.write_text("".join((json.dumps(each) if each else "") + "\n" for each in told) + "nonsense\n[\n")
    _, outcome = run(bundle, histories.FileHistory(path), tmp_path, workers)
    first = outcome.summary.as_dict()["first_bad"]
    assert {reason: (each["file"], each["line"]) for reason, each in first.items()} == {
        "not_a_time": (str(path), 3),
        "key_is_not_subject": (str(path), 6),
        "not_a_cloudevent": (str(path), 7),
        "not_json": (str(path), 8),
    }
    assert first["not_a_time"]["why"] == "'yesterday' is not an RFC 3339 time."
    assert {**first["key_is_not_subject"], "why": ""} == {
        "file": str(path),
        "line": 6,
        "partition": 3,
        "offset": 118,
        "why": "",
    }
    shown = report.summary({**outcome.summary.as_dict(), "sha256": {}}).splitlines()
    assert f"  not_a_time: first at {path}:3. 'yesterday' is not an RFC 3339 time." in shown
    assert any(line.startswith(f"  key_is_not_subject: first at {path}:6 (partition 3, offset 118). ") for line in shown)


def test_the_first_bad_record_of_what_is_no_file_has_its_number(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """Standard input and the log have records, not lines of a file: the number, and where on the log it stands if it says so."""
    broken = {**event("a", "go", "10:00"), "time": "yesterday", "kafkapartition": 3, "kafkaoffset": 118}
    source = histories.LinesHistory([json.dumps(hello("a")).encode(), json.dumps(broken).encode(), b"{"])
    outcome = outputs.replay(bundle, source, replayer.Options(), {})
    first = outcome.summary.as_dict()["first_bad"]
    assert {**first["not_a_time"], "why": ""} == {"record": 2, "partition": 3, "offset": 118, "why": ""}
    assert {**first["not_json"], "why": ""} == {"record": 3, "why": ""}
    shown = report.summary({**outcome.summary.as_dict(), "sha256": {}})
    assert "not_a_time: first at record 2 (partition 3, offset 118). " in shown
    assert str(source.files[0].path) not in shown


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_decider_refuses_stands_at_its_line_too(
    bundle: definition.Bundle, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """A fine event that may not be taken is named by its line; what fails after the last line has none."""
    huge = event("a", "go", "10:08", k="x" * (2 << 20))
    _, outcome = run(bundle, history(tmp_path, hello("b"), hello("a"), huge), tmp_path, workers)
    assert outcome.summary.as_dict()["first_bad"]["too_large"]["line"] == 3
    if workers == 1:
        monkeypatch.setattr(state_limit, "LARGEST", 2_000)
        _, outcome = run(bundle, history(tmp_path, hello("a"), event("a", "go", "10:08", k="x" * 5_000)), tmp_path)
        assert outcome.summary.as_dict()["first_bad"]["state_too_large"]["line"] == 2


def test_what_fails_when_the_clock_runs_on_has_no_line(
    bundle: definition.Bundle, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last line there is none to name."""
    decide = decider.transition

    def failing(catalog: Any, before: Any, event: Any, **more: Any) -> Any:
        if event.type == inputs.TIMER_DUE:
            raise KeyError("x")
        return decide(catalog, before, event, **more)

    monkeypatch.setattr(decider, "transition", failing)
    _, outcome = run(bundle, history(tmp_path, event("a", "go", "10:00", k="x")), tmp_path)
    told = outcome.summary.as_dict()
    assert told["first_bad"] == {"failed": {"why": "The decider raised KeyError."}}
    assert "failed: first when the clock ran on after the last line. The decider" in report.summary({**told, "sha256": {}})


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_customers_who_were_found_are_told(bundle: definition.Bundle, tmp_path: pathlib.Path, workers: int) -> None:
    """Of those that were asked for, the ones who have an event, whichever worker took them; nobody where none was asked for."""
    source = history(tmp_path, *(hello(each) for each in "abcd"))
    _, outcome = run(bundle, source, tmp_path, workers, customers=frozenset({"a", "b", "c", "zz"}))
    assert outcome.summary.found == {"a", "b", "c"}
    assert run(bundle, source, tmp_path, workers)[1].summary.found == set()


def test_numbers_are_written_in_english_and_rupiah_as_in_indonesia() -> None:
    """The report is English: 1,139 events; amounts of rupiah are Rp275.000."""
    told = {**summary.Summary().as_dict(), "sha256": {}, "events": 1139, "events_per_second": 2203, "messages": {"sms": 4500}}
    shown = report.summary({**told, "cost": {"reported": 275_000, "planned": 1_000_000}})
    assert shown.startswith("1,139 events of 0 customers in 0.00 s (2,203 events/s)\n")
    assert "sms 4,500" in shown
    assert "Rp275.000 reported, Rp1.000.000 if" in shown


def busy(count: int) -> list[dict[str, Any]]:
    chance = random.Random(3)
    lines = [hello(f"c{n}") for n in range(20)]
    for number in range(count):
        clock = f"+{number // 60} {number % 24:02d}:{chance.randrange(60):02d}"
        customer, type_ = f"c{chance.randrange(20)}", chance.choice(("go", "order", "click"))
        lines.append(event(customer, type_, clock, f"e{number}", k=chance.choice("xyz")))
    return sorted(lines, key=lambda each: str(each["time"]))


def test_two_workers_write_the_same_bytes_as_one(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """`--workers 2` gives the same bytes as 1, for decisions, actions and the history with its receipts."""
    (tmp_path / "model.yaml").write_text(MODEL)
    source = history(tmp_path, *busy(400))
    options = replayer.Options(receipts=simulated_receipts.read(tmp_path / "model.yaml"))
    hashes = []
    for workers in (1, 2, 3):
        files: dict[str, pathlib.Path | None] = {"decisions": None, "actions": None, "history": tmp_path / f"h{workers}.jsonl"}
        outcome = outputs.replay(bundle, source, options, files, workers)
        hashes.append({kind: each.sha256 for kind, each in outcome.written.items()})
        assert outcome.summary.events > 420
    assert hashes[0] == hashes[1] == hashes[2]


def test_the_history_with_receipts_replays_to_the_same_decisions(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """`--history` writes events and simulated receipts in order of time; replayed, it gives the very decisions again."""
    (tmp_path / "model.yaml").write_text(MODEL)
    options = replayer.Options(receipts=simulated_receipts.read(tmp_path / "model.yaml"))
    files: dict[str, pathlib.Path | None] = {"decisions": None, "actions": None, "history": tmp_path / "history.jsonl"}
    first = outputs.replay(bundle, history(tmp_path, *busy(400)), options, files)
    again = outputs.replay(
        bundle, histories.FileHistory(tmp_path / "history.jsonl"), replayer.Options(), {"decisions": None, "actions": None}
    )
    assert again.written == {kind: first.written[kind] for kind in again.written}
    times = [json.loads(line)["time"] for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [inputs.instant(time) for time in times] == sorted(inputs.instant(time) for time in times)
    assert first.summary.as_dict()["cost"]["reported"] > 0


def test_a_recorded_history_is_replayed_as_it_stands(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """With `timer.due` in the history timers fire when it says so; under the wall clock too late is late."""
    due = event("", "timer.due", "11:05", "due-1")
    activated = {**event("", "bundle.activated", "09:00", "b"), "data": {"bundle": "x", "clock": "stream"}}
    lines = [hello("a"), event("a", "go", "10:00", k="x"), due]
    assert histories.has_clock(history(tmp_path, *lines))
    assert not histories.has_clock(history(tmp_path, *lines[:-1], event("a", "click", "11:00", text="timer.due")))
    told, _ = run(bundle, history(tmp_path, *lines), tmp_path, clock="recorded")
    assert [line for line in told if "message" in line] == ["11:05 a message.requested"]
    told, outcome = run(bundle, history(tmp_path, activated, *lines), tmp_path, clock="recorded")
    assert [line for line in told if "message" in line] == ["11:00 a message.requested"]
    assert outcome.summary.activations == 1


def test_an_event_without_subject_concerns_its_own_partition(bundle: definition.Bundle, tmp_path: pathlib.Path) -> None:
    """Where lines have partitions, `timer.due` concerns the customers of its own; with `data.customers` only those."""
    lines = [{**event(c, "go", "10:00", k="x"), "kafkapartition": n} for n, c in enumerate("ab")]
    due = {**event("", "timer.due", "11:00:30"), "kafkapartition": 1}
    told, _ = run(bundle, history(tmp_path, *lines, due), tmp_path, clock="recorded")
    assert {line.split()[1] for line in told if line.startswith("11")} == {"b"}
    named = event("", "timer.due", "11:00:30", customers=["a", "stranger"])
    told, _ = run(bundle, history(tmp_path, *lines, named), tmp_path, clock="recorded")
    assert {line.split()[1] for line in told if line.startswith("11")} == {"a"}


def test_a_history_may_be_zipped_or_come_by_standard_input(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.jsonl`, `.gz` and `-` hold the same lines, and each may be read twice."""
    (tmp_path / "e.jsonl").write_bytes(b"one\r\ntwo\n")
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(b"one\ntwo\n"))

    class Piped:
        buffer = io.BytesIO(b"one\ntwo\n")

    monkeypatch.setattr(sys, "stdin", Piped)
    for name in (str(tmp_path / "e.jsonl"), str(tmp_path / "e.jsonl.gz"), "-"):
        opened = histories.open_history(name)
        assert [list(opened.lines()), list(opened.lines())] == [[b"one", b"two"]] * 2


@pytest.mark.parametrize("broken", [None, b"\x1f\x8bnonsense", "directory"])
def test_a_history_that_cannot_be_read_is_an_error(tmp_path: pathlib.Path, broken: bytes | str | None) -> None:
    """A missing file, a directory, a broken archive: one sentence."""
    path = tmp_path / "e.jsonl"
    if isinstance(broken, bytes):
        path.write_bytes(broken)
    elif broken:
        path.mkdir()
    with pytest.raises(histories.HistoryError):
        list(histories.open_history(str(path)).lines())


def test_a_spool_sorts_more_than_it_holds(tmp_path: pathlib.Path) -> None:
    """Lines come out by (time, customer, order of adding), however many runs they took."""
    chance = random.Random(1)
    lines = [(chance.randrange(50) / 10, chance.choice("abc"), n) for n in range(1_000)]
    own = external_sort.Spool(tmp_path / "x", run=64)
    for at, customer, n in lines:
        own.add(at, customer, f"{at} {customer} {n}".encode())
    runs = own.close()
    assert len(runs) == 16
    assert list(external_sort.merged(runs)) == [f"{at} {customer} {n}".encode() for at, customer, n in sorted(lines)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed: 1", "DLG621"),
        ("seed: 1\nchannels: {sms: {delivered: {share: 2}}}", "DLG622"),
        ("seed: 1\nchannels: {sms: {opened: {share: 1}}}", "DLG620"),
        ("[", "DLG603"),
    ],
)
def test_a_model_that_is_none_is_an_error_with_its_place(tmp_path: pathlib.Path, text: str, told: str) -> None:
    """A model of receipts is checked like any file."""
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(simulated_receipts.ModelError, match=told):
        simulated_receipts.read(tmp_path / "m.yaml")


def test_a_drain_ends_when_nothing_but_schedules_is_left(tmp_path: pathlib.Path) -> None:
    """A replay's drain ends when nothing but schedules is left; what they entered before that runs to its end."""
    daily = 'enter: {schedule: {time: "09:00", day: daily}, reentry: after_exit}\nsteps: [{id: w, wait: 30m}]\n'
    story.compiled(tmp_path / "daily", story.written("daily", daily), policy=story.POLICY + "  timezone: UTC\n")
    made = catalogs.bundle(tmp_path / "daily")
    told, outcome = run(made, history(tmp_path, hello("a"), event("a", "x", "09:10")), tmp_path)
    assert told[-1] == "09:30 a journey.completed"
    assert outcome.summary.as_dict()["journeys"]["daily"]["entered"] == 1
    told, _ = run(made, history(tmp_path, hello("a")), tmp_path)
    assert told == ["00:00 a timer.scheduled"]


def test_what_is_due_before_a_pause_for_everybody_happens_before_it(tmp_path: pathlib.Path) -> None:
    """Before an input recorded at t every timer with due < t fires, also where the input is for everybody: a message that was due
    before a pause goes, one that falls into it waits for its end, whatever else happens to the customer.
    """
    journey = "enter: {event: go, reentry: after_exit}\nsteps: [{id: w, wait: 1h}, {id: s, send: {template: hello, channels: [{channel: sms}]}}]"
    catalog = story.compiled(tmp_path, story.written("k", journey))

    def sent(*commands: tuple[str, str]) -> list[str]:
        told = [
            line("customer.identified", "00:00", subject="c", traits={"phone": "+6281234567890"}),
            line("go", "02:00", subject="c"),
        ]
        told += [line("journey.command", at, command=command) for at, command in commands]
        outlet = Kept()
        replayer.Replayer(catalog, replayer.Options(), outlet).run(told)
        return [inputs.text(each.requested_at)[11:16] for each in outlet.actions]

    assert sent(("08:00", "pause")) == ["03:00"]
    assert sent(("02:30", "pause"), ("08:00", "resume")) == ["08:00"]
    assert sent(("02:30", "pause")) == []


class Kept(replayer.Outlet):
    """Keeps the actions."""

    def __init__(self) -> None:
        self.actions: list[actions.Action] = []

    def acted(self, action: actions.Action) -> None:
        self.actions.append(action)


def line(type_: str, clock: str, *, subject: str = "", **data: object) -> bytes:
    at = f"2026-11-22T{clock}:00Z"
    about = {"subject": subject} if subject else {}
    told = {"specversion": "1.0", "id": f"{type_}-{clock}", "source": "t", "type": type_, "time": at, "data": data, **about}
    return json.dumps(told).encode()
