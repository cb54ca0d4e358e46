import pytest

from tests.contract import timed_assertions


def found(*lines: str) -> list[int]:
    """The lines of what is found in a test of these lines, the first of which is 1."""
    text = "import time\ndef test():\n" + "".join(f"    {line}\n" for line in lines)
    return [each.line - 2 for each in timed_assertions.found("test_a.py", text)]


@pytest.mark.parametrize(
    "lines",
    [
        ("started = time.monotonic()", "assert time.monotonic() - started < 5"),
        ("started = time.process_time()", "took = time.process_time() - started", "assert took < 1.0"),
        ("started = time.time_ns()", "took = (time.time_ns() - started) / 1e9", "assert 1.0 >= took"),
        ("wall, cpu = time.monotonic(), 3", "wall, cpu = time.monotonic() - wall, 4", "assert wall <= 2 and cpu == 4"),
        ("took = min(time.perf_counter() - number for number in (1, 2))", "assert took < 1"),
        ("took = []", "took.append(time.perf_counter() - 1)", "assert max(took) < 1"),
        ("took = {}", "took['a'] = time.perf_counter() - 1", "assert sorted(took['a'])[0] < 1"),
        ("took = [time.perf_counter() - 1]", "assert all(each < 1 for each in took)"),
        ("started = asyncio.get_running_loop().time()", "assert asyncio.get_running_loop().time() - started < 1"),
        ("started = loop.time()", "assert (loop.time() - started) < 1, 'slow'"),
        ("used = resource.getrusage(resource.RUSAGE_SELF).ru_utime", "assert used < 1"),
        ("started = datetime.datetime.now()", "assert (datetime.datetime.now() - started).total_seconds() < 1"),
        ("took = time.monotonic() - 1", "assert took == pytest.approx(1.0, abs=0.1)"),
        ("def since(at):", "    return time.monotonic() - at", "assert since(1) < 5"),
        ("from time import monotonic as now", "assert now() < 5"),
        ("took = time.monotonic()", "def inner():", "    assert took < 5"),
        ("self.began = time.monotonic()", "assert time.monotonic() - self.began < 5"),
    ],
)
def test_an_assertion_on_seconds_is_found(lines: tuple[str, ...]) -> None:
    """Directly, by a variable, in a tuple, of several, by a function of the module, and near to a number."""
    assert found(*lines) == [len(lines)]


@pytest.mark.parametrize(
    "lines",
    [
        ("deadline = time.monotonic() + 60", "while time.monotonic() < deadline:", "    pass"),
        ("deadline = time.monotonic() + 60", "if time.monotonic() > deadline:", "    raise AssertionError"),
        ("started = time.monotonic()", "assert time.monotonic() - started >= 0.5"),
        ("started = time.monotonic()", "assert started is not None", "assert len([started]) < 5"),
        ("number = len('abc')", "assert number < 5"),
        ("assert event.time < story.at('10:00')",),
        ("assert clock.time() < 5",),
        ("assert standing(time.time() - 50).pending < 60",),
        ("took = time.monotonic() - 1", "print(took)", "def other(took):", "    assert took < 5"),
    ],
)
def test_what_is_no_promise_in_seconds_is_fine(lines: tuple[str, ...]) -> None:
    """The deadline of a wait, a time that has at least passed, a number that no clock told, and times of the story."""
    assert found(*lines) == []


def test_a_promise_in_seconds_gives_its_reason() -> None:
    """In a comment at the assertion; without a reason it does not count."""
    started = "started = time.monotonic()"
    assert found(started, "assert time.monotonic() - started < 10  # timed: SIGTERM ends a worker within ten seconds") == []
    assert found(started, "assert (", "    time.monotonic() - started < 10  # timed: a promise", ")") == []
    assert found(started, "assert time.monotonic() - started < 10  # timed:") == [2]
    assert found(started, "assert time.monotonic() - started < 10  # ten seconds") == [2]


def test_what_is_found_says_what_to_do() -> None:
    """The file, the line, and the ways out."""
    (one,) = timed_assertions.found("tests/unit/test_a.py", "import time\nassert time.time() < 5\n")
    assert str(one).startswith("tests/unit/test_a.py:2 seconds are asserted. Count the work instead")
