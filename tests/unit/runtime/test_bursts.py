"""Many timers due at once: transactions of a bounded size, and nothing sent twice to a log that is behind."""

import pathlib

from engine.runtime.kafka import timestamps
from engine.runtime.partition import partition
from engine.runtime.state import codec, timer_queue
from tests.unit.runtime.rig import START, Rig

CUSTOMERS = 3_000
HOUR = 3_600_000


async def test_a_burst_of_timers_is_written_in_chunks(tmp_path: pathlib.Path) -> None:
    """Thousands who are due in the same second: `timer.due` of 500 each, handed over together, are several transactions, each
    with its own offset, and everybody fires once.
    """
    rig = Rig(tmp_path)
    await rig.handle(rig.activation())
    names = [f"c{number:04d}" for number in range(CUSTOMERS)]
    await rig.handle(*(rig.event(name, "customer.identified", traits={"phone": "+62812"}) for name in names))
    await rig.handle(*(rig.event(name, "go", n=2, k="a") for name in names))
    rig.kept.sizes.clear()
    at = timestamps.instant(START + 2 * HOUR)
    offset = rig.store.record.offset
    due = list(rig.store.timer_queue.due(START + 2 * HOUR, 0, rig.store.due_of, strictly=False))
    assert [len(keys) for _, keys in due] == [timer_queue.CHUNK] * (CUSTOMERS // timer_queue.CHUNK)
    chunks = [codec.timer_due([key.decode() for key in keys], at, f"due-{n}") for n, (_, keys) in enumerate(due)]
    await rig.handle(*map(rig.record, chunks))
    acted = [output.key or b"" for output in rig.kept.outputs if output.topic == "shop.actions.whatsapp"]
    assert sorted(acted) == [name.encode() for name in names]
    assert len(rig.kept.sizes) > 1
    most = max(rig.kept.sizes) // timer_queue.CHUNK
    assert max(rig.kept.sizes) <= partition.FULL + most * timer_queue.CHUNK
    assert rig.store.record.offset == offset + len(chunks)
    # The same records once more, as after a crash: everybody is done already.
    rig.kept.outputs.clear()
    await rig.handle(*map(rig.record, chunks))
    assert rig.kept.outputs == []


def test_what_waits_on_a_log_that_is_behind_is_not_sent_again() -> None:
    """Sent again after five seconds only if the log was handled beyond the moment at which it was sent."""
    calendar, dues = timer_queue.TimerQueue(), {b"a": 1_000}
    calendar.arm(1_000, b"a")

    def due(wall: int, passed: int | None) -> list[bytes]:
        found = calendar.due(wall, wall, lambda key: dues.get(key, codec.NO_TIMER), strictly=False, passed=passed)
        return [key for _, keys in found for key in keys]

    assert due(1_000, None) == [b"a"]
    assert due(9_000, 900) == []
    assert calendar.overdue == 0
    assert due(9_000, 1_100) == [b"a"]
    assert due(20_000, None) == [b"a"]
