"""The log of a process: event names and keys, and what went wrong without the values of variables."""

import subprocess
import sys

import pytest

FAILS = """
import logging
from engine.runtime import logs

def fail(phone):
    logging.getLogger("asyncio").error("never retrieved", exc_info=ValueError("no broker"))
    try:
        raise ValueError("no broker")
    except ValueError:
        logging.getLogger("asyncio").exception("again")

logs.configure("{format}")
fail("+62" + "8123456")
"""


@pytest.mark.parametrize("format", ["console", "json"])
def test_a_traceback_shows_no_values(format: str) -> None:
    """An exception that a library logs is told with its class and sentence; the variables of its frames may hold an event."""
    command = [sys.executable, "-c", FAILS.replace("{format}", format)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "no broker" in done.stderr
    assert "8123456" not in done.stderr
