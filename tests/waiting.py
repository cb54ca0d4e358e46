"""Waits of the tests: for what will come, however slow the machine is, and what is told where it does not come.

A limit here is no promise: it only ends a test that would hang. A wait ends as soon as what it waits for is there. That
something does *not* come is proven by something later that came, never by seconds that passed.
"""

import inspect
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

LONG: Final = 600.0
"""Seconds after which a wait is given up: minutes more than a loaded machine takes for anything that is waited for here."""

PAUSE: Final = 0.05
"""Seconds between two looks."""

T = TypeVar("T")


def until(
    look: Callable[[], T],
    so: Callable[[T], object] = bool,
    *,
    what: str = "",
    failing: tuple[type[BaseException], ...] = (),
    told: Callable[[], str] = str,
    pause: float = PAUSE,
) -> T:
    """Look until it is `so`, and give back what was seen then.

    An `AssertionError` says what was waited for (`what`, else the code that looked) and what was seen last. `failing`: errors that
    mean that nothing could be seen this time. `told`: what else to say about a wait that was given up.
    """
    deadline = time.monotonic() + LONG
    while True:
        try:
            seen = look()
            if so(seen):
                return seen
            last = repr(seen)
        except failing as exc:
            last = f"{type(exc).__name__}: {exc}"
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {LONG:.0f} s: {what or _code(look)}\nlast seen: {last[:2_000]}\n{told()}".rstrip())
        time.sleep(pause)


def _code(look: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(look).split())
    except (OSError, TypeError):
        return getattr(look, "__qualname__", repr(look))


def ended(process: subprocess.Popen[bytes], what: str = "a process", told: Callable[[], str] = str) -> int:
    """Wait until a process has ended; its exit code."""
    try:
        return process.wait(LONG)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"waited {LONG:.0f} s for the end of {what} ({process.args!r})\n{told()}".rstrip()) from None


def joined(thread: threading.Thread) -> None:
    """Wait until a thread has ended."""
    thread.join(LONG)
    assert not thread.is_alive(), f"waited {LONG:.0f} s for the end of the thread {thread.name}"
