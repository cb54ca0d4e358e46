"""The log's time, and timers that were sent by a clock ahead of it."""

import msgspec
import pytest
from aiokafka.structs import RecordMetadata, TopicPartition

from engine.runtime.kafka import broker_clock, topics
from engine.runtime.partition import partition_checks
from engine.runtime.state import codec, timer_queue

HOUR = 3_600


class Machine:
    """A machine whose wall clock can jump; its steady one cannot."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000.0, 5.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def answer(at: float, kind: int = broker_clock.LOG_APPEND) -> RecordMetadata:
    return RecordMetadata("t", 0, TopicPartition("t", 0), 7, int(at * 1000), kind, 0)


def test_a_jump_of_the_machines_clock_does_not_move_the_logs_time() -> None:
    """Once a broker has told its time, a steady clock carries it on; the wall may jump by an hour, back or forward."""
    machine = Machine()
    known = broker_clock.Wall(lambda: machine.wall, lambda: machine.steady)
    known.told(answer(2_000_000))
    for jump in (HOUR, -2 * HOUR):
        machine.wall += jump
        machine.passes(1)
    assert known.now() == 2_000_002_000


def test_before_a_broker_has_told_its_time_the_machines_counts() -> None:
    """An answer that carries the producer's own time says nothing of the broker's."""
    machine = Machine()
    known = broker_clock.Wall(lambda: machine.wall, lambda: machine.steady)
    known.told(answer(2_000_000, kind=0))
    known.told(None)
    machine.passes(3)
    assert known.now() == 1_000_003_000


def test_a_timer_that_was_sent_too_early_is_sent_again_when_it_is_due() -> None:
    """`done` says whether anything was on its way: then, if it is not due on the log yet, it is armed again."""
    calendar = timer_queue.TimerQueue()
    calendar.arm(10_000, b"c")
    assert [keys for _, keys in calendar.due(10_000, 0, lambda _: 10_000, strictly=False)] == [[b"c"]]
    assert calendar.done(b"c")
    assert not calendar.done(b"c")
    calendar.arm(10_000, b"c")
    assert [keys for _, keys in calendar.due(10_000, 0, lambda _: 10_000, strictly=False)] == [[b"c"]]


def test_what_was_sent_and_never_came_is_sent_again_though_the_wall_went_back() -> None:
    """The calendar counts by a clock that does not jump: after `AGAIN` what is still due goes out once more."""
    calendar = timer_queue.TimerQueue()
    calendar.arm(10_000, b"c")
    sent = [list(calendar.due(10_000, steady, lambda _: 10_000, strictly=False)) for steady in (0, 100, timer_queue.AGAIN)]
    assert [bool(each) for each in sent] == [True, False, True]


async def test_a_changed_number_of_partitions_is_refused() -> None:
    """States are per partition: another count than the one in the partition's record is refused, with what to do."""
    names = topics.Topics("shop.")
    with pytest.raises(partition_checks.PartitionsChanged, match=r"shop\.customer\.events had 4 partitions and has 8") as refused:
        await partition_checks.agreed("localhost:9", names, 2, codec.PartitionRecord(offset=3, partitions=4), 8)
    assert "--topic-prefix" in str(refused.value)
    same = await partition_checks.agreed("localhost:9", names, 2, codec.PartitionRecord(offset=3, partitions=4), 4)
    assert msgspec.structs.replace(same, lineage="") == codec.PartitionRecord(offset=3, partitions=4)
    assert same.lineage
    assert await partition_checks.agreed("localhost:9", names, 2, same, 4) == same
    # What an older version wrote does not say.
    assert (await partition_checks.agreed("localhost:9", names, 2, codec.PartitionRecord(offset=3), 4)).partitions == 4
