"""The command line as a user meets it: what it prints, where it exits."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from examples.shop import make_events
from tests import starting
from tests.starting import ROOT


def dalang(*arguments: str, cwd: pathlib.Path = ROOT, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return starting.run(arguments, {**os.environ, "PYTHONPATH": str(ROOT), **environment}, text, cwd)


@pytest.fixture
def broken(tmp_path: pathlib.Path) -> pathlib.Path:
    """A directory with one mistake."""
    (tmp_path / "policy.yaml").write_text("policy: {consent: {marketing: opt_in}}\n")
    (tmp_path / "a.yaml").write_text(
        "journey: a\nowner: o\npurpose: marketing\nstatus: live\nenter: {event: x, reentry: never}\nsteps: [{id: p, wait: soon}]\n"
    )
    return tmp_path


def test_check_of_what_is_right_exits_0() -> None:
    """No finding: exit 0, nothing on standard output."""
    done = dalang("check", "journeys")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No findings.\n")


def test_a_directory_that_is_none_is_named_as_it_was_given() -> None:
    """A deploy of no directory, or of a file: exit 1 and the path as it was given, before any broker is asked."""
    for given, why in (("nowhere", "it does not exist"), ("journeys/otp.yaml", "it is no directory")):
        done = dalang("deploy", given, "--broker", "localhost:9")
        assert (done.returncode, done.stderr) == (1, "1 error, 0 warnings\n")
        assert done.stdout.startswith(f"{given}:1:1 DLG601 This file cannot be read: {why}.")


def test_check_prints_place_code_and_sentence(broken: pathlib.Path) -> None:
    """Each finding is `file:line:column CODE sentence`, with what to do; an error exits 1."""
    done = dalang("check", str(broken))
    assert done.returncode == 1
    assert done.stdout.startswith(f"{broken}/a.yaml:6:23 DLG622 A duration is a whole number")


def test_check_prints_json_and_github(broken: pathlib.Path) -> None:
    """`--format json` and `github` say the same for programs."""
    told = json.loads(dalang("check", str(broken), "--format", "json").stdout)
    assert list(told) == ["findings"]
    (finding,) = told["findings"]
    assert {*finding} == {"file", "line", "column", "code", "severity", "message", "hint"}
    assert (finding["line"], finding["column"], finding["severity"]) == (6, 23, "error")
    github = dalang("check", str(broken), "--format", "github").stdout
    assert github.startswith(f"::error file={broken}/a.yaml,line=6,col=23,title=DLG622::")


def test_replay_prints_a_summary(shop: pathlib.Path) -> None:
    """`dalang replay` prints what happened, as text or as JSON."""
    done = dalang("replay", str(shop / "history.jsonl"), "--until", make_events.UNTIL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cart-abandonment\n  entered    910\n" in done.stdout
    told = json.loads(
        dalang("replay", str(shop / "history.jsonl"), "--until", make_events.UNTIL, "--json", "--workers", "2").stdout
    )
    lines = len((shop / "history.jsonl").read_bytes().splitlines())
    assert (told["events"], told["customers"]) == (lines, 600)


def test_flags_have_environment_twins(shop: pathlib.Path) -> None:
    """Every flag may come from the environment."""
    done = dalang("replay", str(shop / "history.jsonl"), DALANG_JSON="1", DALANG_CUSTOMER="cust-0001", DALANG_JOURNEYS="journeys")
    assert json.loads(done.stdout)["customers"] == 1
    assert "DALANG_UNTIL" in dalang("replay", "--help").stdout


def test_replay_reads_standard_input(shop: pathlib.Path) -> None:
    """`-` is standard input."""
    lines = "".join((shop / "history.jsonl").read_text().splitlines(keepends=True)[:50])
    assert json.loads(dalang("replay", "-", "--json", text=lines).stdout)["events"] == 50


def test_bad_lines_exit_1_only_where_it_is_strict(tmp_path: pathlib.Path) -> None:
    """Bad lines: exit 0, counted; `--strict` exits 1."""
    (tmp_path / "e.jsonl").write_text("nonsense\n")
    done = dalang("replay", str(tmp_path / "e.jsonl"))
    assert (done.returncode, "not_json 1" in done.stdout) == (0, True)
    assert dalang("replay", str(tmp_path / "e.jsonl"), "--strict").returncode == 1


def test_the_first_bad_line_is_named_with_what_to_do(tmp_path: pathlib.Path) -> None:
    """Errors say file, line and what to do; of standard input the record. --json says it too."""
    events = tmp_path / "e.jsonl"
    events.write_text("\nnonsense\n{}\n{\n")
    done = dalang("replay", str(events), "--strict")
    assert done.returncode == 1
    assert "bad lines, passed over: not_a_cloudevent 1, not_json 2\n" in done.stdout
    assert f"\n  not_json: first at {events}:2. The value is not JSON" in done.stdout
    assert "\n  Mend these lines, or what writes them: a worker would put them into dead.letters.\n" in done.stdout
    first = json.loads(dalang("replay", str(events), "--json", "--workers", "2").stdout)["first_bad"]
    assert [(each["file"], each["line"]) for each in first.values()] == [(str(events), 3), (str(events), 2)]
    assert "not_json: first at record 2. " in dalang("replay", "-", text=events.read_text()).stdout
    assert "Mend" not in dalang("replay", "-", text="").stdout


def test_several_files_are_one_history(shop: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """EVENTS may be several: a log that was cut in two, one part zipped and one without a line end, decides the same by any number
    of workers; a bad line stands in its own file; `explain` and --decisions, which must not write over any of them, go by all.
    """
    lines = (shop / "history.jsonl").read_bytes().splitlines()[:4_000]
    whole, one, two = (tmp_path / name for name in ("whole.jsonl", "one.jsonl", "two.jsonl.gz"))
    whole.write_bytes(b"\n".join(lines))
    one.write_bytes(b"\n".join(lines[:1_500]))
    two.write_bytes(gzip.compress(b"\n".join([b"{nonsense", *lines[1_500:]])))
    first = json.loads(dalang("replay", str(whole), "--json").stdout)
    for workers in ("1", "2"):
        told = json.loads(dalang("replay", str(one), str(two), "--json", "--workers", workers).stdout)
        assert (told["sha256"], told["events"]) == (first["sha256"], first["events"])
        assert [(each["file"], each["line"]) for each in told["first_bad"].values()] == [(str(two), 1)]
    customer = json.loads(lines[-1])["subject"]
    stories = [dalang("explain", *given, "--customer", customer).stdout for given in ([str(whole)], [str(one), str(two)])]
    assert stories[0] == stories[1] != ""
    refused = dalang("replay", str(one), str(two), "--decisions", str(two))
    assert (refused.returncode, f"{two} is read by this replay" in refused.stderr) == (2, True)


def test_standard_input_may_be_zipped(tmp_path: pathlib.Path) -> None:
    """`gzip -c events.jsonl | dalang replay -` works; what is broken in it is told of standard input, by any number of workers."""
    line = {"specversion": "1.0", "id": "1", "source": "t", "type": "x", "subject": "a", "time": "2026-11-25T10:00:00Z"}
    zipped = gzip.compress(json.dumps(line).encode() + b"\n")
    command = [sys.executable, "-m", "engine.cli.app", "replay", "-", "--json", "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, input=zipped, capture_output=True, check=True)
    assert json.loads(done.stdout)["events"] == 1
    broken = subprocess.run(command, cwd=ROOT, input=zipped[:-9], capture_output=True, check=False)
    assert (broken.returncode, broken.stderr.startswith(b"dalang: DLG400 standard input: ")) == (2, True)


def test_a_customer_who_is_nowhere_is_told(tmp_path: pathlib.Path) -> None:
    """A --customer without an event is named on standard error, each one; exit 0. One who has an event is not."""
    line = {"specversion": "1.0", "id": "1", "source": "t", "type": "x", "subject": "a", "time": "2026-11-25T10:00:00Z"}
    (tmp_path / "e.jsonl").write_text(json.dumps(line) + "\n")
    asked = ["--customer", "a", "--customer", "zz", "--customer", "A"]
    done = dalang("replay", str(tmp_path / "e.jsonl"), *asked, "--workers", "2")
    hint = " Write the id exactly as the `subject` of the events has it; small and capital letters differ.\n"
    told = "warning: Nothing in this history concerned"
    assert (done.returncode, done.stderr) == (0, f"{told} A.{hint}{told} zz.{hint}")
    done = dalang("replay", str(tmp_path / "e.jsonl"), "--customer", "a", "--until", "2026-01-01T00:00:00Z")
    assert (done.returncode, done.stderr) == (0, f"{told} a until 2026-01-01T00:00:00Z.{hint}")
    assert dalang("replay", str(tmp_path / "e.jsonl"), "--customer", "a").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay", "nowhere.jsonl"], "DLG400 There is no file nowhere.jsonl."),
        (["replay", "README.md", "--journeys", "nowhere"], "DLG601"),
        (["replay", "README.md", "--until", "tomorrow"], "DLG409 --until: 'tomorrow' is not an RFC 3339 time."),
        (
            ["replay", "README.md", "kafka://localhost:9/t"],
            "DLG410 README.md kafka://localhost:9/t: a log must be the only history",
        ),
        (["replay", "-", "-"], "DLG410 - -: a log must be the only history, and standard input can be read only once."),
        (["replay", "README.md", "--history", "h.jsonl"], "DLG402"),
        (["replay", "README.md", "--decisions", "no/such/place.jsonl"], "DLG403"),
        (["replay", "README.md", "--receipts", "nowhere.yaml"], "DLG401"),
        (["replay", "kafka://nonsense"], "DLG540"),
        (["worker", "--broker", "nonsense"], "DLG502"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_2(arguments: list[str], told: str) -> None:
    """Usage errors say what is wrong and exit 2, never with a traceback."""
    done = dalang(*arguments)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_explain_tells_a_story(shop: pathlib.Path) -> None:
    """`dalang explain` tells why she got it, and why not, with the place in the YAML."""
    done = dalang("explain", str(shop / "history.jsonl"), "--customer", "cust-0539")
    assert done.returncode == 0
    assert "? cart-abandonment exit[0].when: event.data.cart_id == entry.data.cart_id -> yes" in done.stdout
    assert "+62" not in done.stdout
    assert json.loads(dalang("explain", str(shop / "history.jsonl"), "--customer", "cust-0539", "--json").stdout)
    nobody = dalang("explain", str(shop / "history.jsonl"), "--customer", "Cust-0539").stdout
    assert nobody == (
        "Nothing in this history concerned Cust-0539."
        " Write the id exactly as the `subject` of the events has it; small and capital letters differ.\n"
    )
    unknown = dalang("explain", str(shop / "history.jsonl"), "--customer", "cust-0539", "--journey", "nope")
    assert (unknown.returncode, "DLG408 There is no journey nope. There are: cart-abandonment, " in unknown.stderr) == (2, True)


def test_the_schemas_are_those_of_the_models(tmp_path: pathlib.Path) -> None:
    """`dalang schema check` finds drift."""
    assert dalang("schema", "check").returncode == 0
    done = dalang("schema", "check", str(tmp_path))
    assert (done.returncode, "event.schema.json is not what the models say" in done.stdout) == (1, True)


def test_the_page_of_a_finding_is_printed() -> None:
    """`dalang schema finding CODE` prints the finding's page, anywhere; an unknown code is exit 2."""
    done = dalang("schema", "finding", "dlg622")
    assert (done.returncode, done.stdout) == (0, (ROOT / "docs/lint/DLG622.md").read_text(encoding="utf-8"))
    unknown = dalang("schema", "finding", "DLG000")
    assert (unknown.returncode, "DLG000 is not the code of a finding" in unknown.stderr) == (2, True)


def test_a_replay_writes_over_nothing_that_it_reads(tmp_path: pathlib.Path) -> None:
    """An output that is the history, a file among the journeys, or another output is refused before anything is written."""
    journeys = tmp_path / "journeys"
    shutil.copytree(ROOT / "journeys", journeys)
    events = tmp_path / "events.jsonl"
    events.write_text("")
    same = str(tmp_path / "same.jsonl")
    for flags in (
        ["--decisions", str(events)],
        ["--actions", str(journeys / "otp.yaml")],
        ["--decisions", same, "--actions", same],
    ):
        done = dalang("replay", str(events), "--journeys", str(journeys), *flags)
        assert (done.returncode, "DLG403" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert (events.read_text(), (journeys / "otp.yaml").read_text()) == ("", (ROOT / "journeys" / "otp.yaml").read_text())


def test_a_full_disk_is_a_sentence(tmp_path: pathlib.Path) -> None:
    """An output that cannot be written to its end is an error with exit 2, not a traceback."""
    if not pathlib.Path("/dev/full").exists():
        pytest.skip("there is no device that is always full here")
    line = '{"specversion":"1.0","id":"1","source":"t","type":"customer.identified","subject":"c","time":"2026-01-01T00:00:00Z"'
    events = tmp_path / "events.jsonl"
    events.write_text(line + ',"data":{"traits":{"name":"Ayu"}}}\n')
    done = dalang("replay", str(events), "--journeys", str(ROOT / "journeys"), "--decisions", "/dev/full", "--no-drain")
    assert (done.returncode, "DLG403" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
