"""A reading that gets nowhere is given up; one that goes on is not."""

import asyncio
import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import RecordMetadata, TopicPartition

from engine.runtime import worker
from engine.runtime.kafka import broker_clock, topics
from engine.runtime.kafka.stall_timeout import Patience
from engine.runtime.partition import writer


def test_what_stands_still_is_given_up_and_what_moves_is_not() -> None:
    now = 0.0
    patience = Patience(45, lambda: now)
    for position in range(10):
        patience.stands(position)
        now += 40
    patience.stands(9)
    now += 6
    with pytest.raises(KafkaTimeoutError, match="Nothing came for 45 s"):
        patience.stands(9)


@pytest.mark.parametrize("stuck", ["begin_transaction", "send_batch", "commit_transaction"])
def test_a_write_that_is_never_answered_is_given_up(monkeypatch: pytest.MonkeyPatch, stuck: str) -> None:
    """The producer's own task can die without a word (aiokafka issue 1038); the worker then leaves and is started again."""
    monkeypatch.setattr(writer, "WRITE_WITHIN", 0.05)

    async def answered(*_: object, **__: object) -> asyncio.Future[RecordMetadata]:
        answer: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        answer.set_result(RecordMetadata("t", 0, TopicPartition("t", 0), 0, 0, 1, 0))
        return answer

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def write() -> None:
        own = writer.Writer("localhost:1", "app", 0, transactions=True)
        for name in ("begin_transaction", "send_batch", "commit_transaction"):
            monkeypatch.setattr(own._producer, name, never if name == stuck else answered)
        try:
            await own.write([], [writer.Output("t", b"k", b"v")])
        finally:
            await own.stop()

    with pytest.raises(TimeoutError):
        asyncio.run(write())


async def test_the_clock_gives_up_what_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `timer.due` that nobody confirms ends the worker as a batch does: else the timers of its partition would lie for ever."""
    monkeypatch.setattr(writer, "WRITE_WITHIN", 0.05)

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    clock = SimpleNamespace(send_and_wait=never)
    chosen, current = SimpleNamespace(app_id="a"), SimpleNamespace(number=3)
    here: Any = SimpleNamespace(_sent=0, settings=chosen, names=topics.Topics(""), clock=clock, wall=broker_clock.Wall())
    with pytest.raises(TimeoutError):
        await worker.Worker._send_due(here, current, [(datetime.datetime.now(datetime.UTC), ["ayu"])])  # type: ignore[arg-type]
