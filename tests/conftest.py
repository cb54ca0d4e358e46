"""Hypothesis profiles: the same examples in every run by default; `DALANG_HYPOTHESIS=long` looks for new ones.

And the end of a run, which leaves no process behind.
"""

import contextlib
import getpass
import os
import pathlib
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from tests import starting

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile("default", derandomize=True, deadline=None, max_examples=60, suppress_health_check=_SLOW)
settings.register_profile("long", deadline=None, max_examples=2_000, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("DALANG_HYPOTHESIS", "default"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The server that starts `dalang` for the tests ends with them, and pytest's own directory goes where it is empty."""
    starting.end()
    if not hasattr(config, "workerinput"):
        directory = pathlib.Path(tempfile.gettempdir(), f"pytest-of-{getpass.getuser()}")
        for link in directory.glob("pytest-*"):
            if link.is_symlink() and not link.exists():
                link.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            directory.rmdir()
