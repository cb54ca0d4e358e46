"""The import contracts hold, and they can fail."""

import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def lint(root: pathlib.Path) -> subprocess.CompletedProcess[str]:
    command = [str(pathlib.Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: pathlib.Path) -> pathlib.Path:
    """The house as it stands, to break it."""
    for name in ("engine", "tests/contract"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept(copy: pathlib.Path) -> None:
    """Imports flow one way, and the core imports msgspec and itself."""
    done = lint(copy)
    assert (done.returncode, "0 broken" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("engine/core/send_policy.py", "import orjson", "engine.core.send_policy imports orjson"),
        ("engine/core/steps/send.py", "import time", "engine.core.steps.send imports time"),
        (
            "engine/core/model/state.py",
            "from engine.authoring.files import yaml_reader",
            "engine.core.model.state imports engine.authoring.files.yaml_reader",
        ),
        (
            "engine/replay/external_sort.py",
            "from engine.runtime.kafka import topics",
            "engine.replay.external_sort -> engine.runtime.kafka.topics",
        ),
        ("engine/cli/check.py", "import faust", "engine.cli.check -> faust"),
        (
            "engine/replay/replayer.py",
            "from engine.core.decide import step_runner",
            "engine.replay.replayer -> engine.core.decide.step_runner",
        ),
        (
            "engine/core/rules/quiet_hours.py",
            "from engine.core import send_policy",
            "engine.core.rules.quiet_hours -> engine.core.send_policy",
        ),
        (
            "engine/authoring/findings/hazards.py",
            "from engine.authoring.language import steps",
            "engine.authoring.findings.hazards -> engine.authoring.language.steps",
        ),
        (
            "engine/runtime/kafka/topics.py",
            "from engine.runtime.state import store",
            "engine.runtime.kafka.topics -> engine.runtime.state.store",
        ),
    ],
)
def test_a_forbidden_import_breaks_them(copy: pathlib.Path, file: str, line: str, told: str) -> None:
    """The check fails, and names the import, when a module imports what its layer may not."""
    path = copy / file
    path.write_text(path.read_text() + f"\n\ndef _late() -> None:\n    {line}\n")
    done = lint(copy)
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout
