"""Commands leave nothing behind: no file and no process, however they end."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from engine.runtime.kafka import embedded_broker
from tests import leftovers, waiting
from tests.acceptance.history import ROOT

pytestmark = leftovers.linux
EVENT = '{"specversion":"1.0","id":"e%d","source":"t","type":"cart.updated","subject":"c%d","time":"2026-01-01T00:00:00Z"}\n'


@pytest.fixture
def left(tmp_path: pathlib.Path) -> leftovers.Leftovers:
    return leftovers.Leftovers(tmp_path / "temporary")


def dalang(left: leftovers.Leftovers, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.cli.app", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **left.environment}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def put_aside(process: subprocess.Popen[bytes]) -> int:
    """How many bytes it holds in files that have no name."""
    found = 0
    for each in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            found += each.stat().st_size if "(deleted)" in str(each.readlink()) else 0
        except OSError:
            continue  # closed meanwhile
    return found


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_replay_that_is_killed_while_it_reads_leaves_nothing(left: leftovers.Leftovers, how: signal.Signals) -> None:
    """Standard input is put aside to be read twice; the replay ends in the middle of it."""
    process = dalang(left, "replay", "-")
    assert process.stdin is not None
    process.stdin.write("".join(EVENT % (n, n) for n in range(5_000)).encode())
    process.stdin.flush()
    waiting.until(lambda: put_aside(process))
    assert left.files() == []
    _end(process, how, left)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_replay_that_is_killed_while_it_decides_leaves_nothing(
    left: leftovers.Leftovers, tmp_path: pathlib.Path, how: signal.Signals
) -> None:
    """Its two processes end with it, and what all three have put aside is gone."""
    events = tmp_path / "events.jsonl"
    events.write_text("".join(EVENT % (n, n) for n in range(200_000)))
    process = dalang(left, "replay", str(events), "--workers", "2", "--decisions", os.devnull)
    waiting.until(left.processes, lambda found: sum("spawn_main" in each for each in found.values()) == 2)
    assert left.files() == []
    assert process.poll() is None
    _end(process, how, left)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_of_dalang_dev_ends_with_it(left: leftovers.Leftovers, how: signal.Signals) -> None:
    """The embedded broker is a process of its own, and does not outlive the command that started it."""
    process = dalang(left, "dev", "--port", str(embedded_broker._free_port()))
    waiting.until(left.processes, lambda found: len(found) == 2)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"broker on ")
    _end(process, how, left)


def _end(process: subprocess.Popen[bytes], how: signal.Signals, left: leftovers.Leftovers) -> None:
    with process:
        process.send_signal(how)
        waiting.ended(process)
    left.nothing()
