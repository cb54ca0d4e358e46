"""The environment of quixstreams: it wants an older pydantic than ours, so it has one of its own, in the user's cache like Kafka's jars.

Made by the first benchmark that asks for it, from `quixstreams.lock`. Where it cannot be made, the table says why.
"""

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Final

LOCK: Final = pathlib.Path(__file__).with_name("quixstreams.lock")
CACHE: Final = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "dalang")


class NotInstalled(Exception):
    """Quixstreams could not be installed here."""


@functools.cache
def python() -> pathlib.Path:
    """The interpreter that has quixstreams; `NotInstalled` with what the installer said last."""
    tag = f"{sys.version_info.major}.{sys.version_info.minor}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    directory = CACHE / f"quixstreams-{tag}"
    found, done = directory / "bin" / "python", directory / "installed"
    if not done.exists():
        # An environment does not survive being moved, so a mark says that it is whole.
        shutil.rmtree(directory, ignore_errors=True)
        install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        for command in ([sys.executable, "-m", "venv", str(directory)], [*install, "--require-hashes", "-r", str(LOCK)]):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                raise NotInstalled((made.stderr.strip().splitlines() or ["no reason given"])[-1])
        done.touch()
    return found


def version() -> str:
    """Which quixstreams it is, by the lock."""
    lines = LOCK.read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith("quixstreams=="))
