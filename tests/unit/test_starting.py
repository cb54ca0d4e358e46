"""How the tests start `dalang`: forked from a server, and yet a process as any other."""

import os
import pathlib
import signal
import subprocess

import pytest

from tests import starting

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(starting.ROOT)}


def test_it_says_what_a_started_interpreter_says(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    """The same exit code, output and error, with its own arguments, input, directory and environment."""
    line = b'{"specversion":"1.0","id":"1","source":"t","type":"x","subject":"a","time":"2026-11-25T10:00:00Z"}\n'
    journeys = {"DALANG_JOURNEYS": str(starting.ROOT / "journeys"), "DALANG_JSON": "1"}
    for arguments in (["replay", "-", "--workers", "2"], ["nonsense"]):
        given = {**environment, **journeys}
        forked = starting.run(arguments, given, line, tmp_path)
        real = subprocess.run(
            [*starting.COMMAND, *arguments], cwd=tmp_path, env=given, input=line, capture_output=True, check=False
        )
        assert (forked.returncode, forked.stderr) == (real.returncode, real.stderr.decode())
        shown = [[each for each in out.splitlines() if "second" not in each] for out in (forked.stdout, real.stdout.decode())]
        assert shown[0] == shown[1]


def test_a_signal_ends_it(environment: dict[str, str]) -> None:
    """Its end is told as that of any process, to whoever asks first."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with starting.Dalang(["replay", "-"], environment, stdin=subprocess.PIPE) as process:
            assert process.poll() is None
            process.send_signal(how)
            assert process.wait() == process.poll() == -how
