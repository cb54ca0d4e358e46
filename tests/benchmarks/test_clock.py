"""A million waiting timers, and 100,000 that are due in the same second: what the calendar costs."""

import subprocess
import sys

import pytest

from tests.benchmarks import tables

pytestmark = pytest.mark.benchmark
PROGRAM = """
import gc, pathlib, time
from engine.runtime import clock

def resident():
    gc.collect()
    return next(int(line.split()[1]) * 1024 for line in pathlib.Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

MILLION, BURST, DAY = 1_000_000, 100_000, 86_400_000
# Months ahead, as many to a second as a shop has; the last 100,000 in one.
dues = {b"cust-%07d" % n: (DAY * 90 * n) // (MILLION - BURST) if n < MILLION - BURST else 91 * DAY for n in range(MILLION)}
calendar, before, cpu = clock.Calendar(), resident(), time.process_time()
for key, due in dues.items():
    calendar.arm(due, key)
armed = time.process_time() - cpu
print((resident() - before) / MILLION, armed / MILLION * 1e6)
due_of = dues.__getitem__
fired, step = [], 200_000_000
cpu = time.process_time()
for now in range(0, 90 * DAY + step, step):  # whoever looks so rarely finds many at once
    now = min(now, 91 * DAY - 1)
    for due, keys in calendar.due(now, now, due_of, strictly=False):
        assert due <= now and len(keys) <= clock.CHUNK
        fired += keys
        for key in keys:
            calendar.done(key)
print((time.process_time() - cpu) / len(fired) * 1e6)
assert len(fired) == len({*fired}) == MILLION - BURST
cpu = time.process_time()
chunks = list(calendar.due(91 * DAY, 91 * DAY, due_of, strictly=False))
print(time.process_time() - cpu)
assert [len(keys) for _, keys in chunks] == [500] * 200
assert not list(calendar.due(91 * DAY + 1000, 91 * DAY + 1000, due_of, strictly=False))
"""


def test_a_million_timers(table: tables.Table) -> None:
    """Every one of a million comes once, none early, 500 to a record; at most 300 bytes and 10 us of CPU each."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    size, arm, fire, burst = map(float, done.stdout.split())
    each = f"{size:,.0f} B, {arm:.1f} us of CPU to arm, {fire:.1f} us to find due"
    reached = size <= 300 and arm + fire <= 10
    table.add("memory", tables.Row("a timer in the calendar, of a million", each, "<= 300 B and 10 us", reached))
    table.add("without a broker", tables.Row("100,000 timers of one second", f"found in {burst * 1000:,.0f} ms of CPU"))
    assert size <= 300
    assert arm + fire <= 10
