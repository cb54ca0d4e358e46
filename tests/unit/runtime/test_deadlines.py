"""The promises of the contract that count seconds: here what the code allows itself; `tests/benchmarks/test_ends.py` measures them."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from engine.runtime import worker
from engine.runtime.kafka import connection
from tests.integration import kafka


def test_the_limits_are_within_what_is_promised() -> None:
    """SIGTERM ends a worker within ten seconds, and that there is no broker is said within ten: both leave a second for the rest."""
    assert worker.STOP_WITHIN <= 9
    assert connection._WITHIN <= 5


@pytest.mark.parametrize("stuck", ["batch", "group", "clock"])
async def test_what_hangs_does_not_keep_a_worker_from_ending(monkeypatch: pytest.MonkeyPatch, stuck: str) -> None:
    """A batch that is never answered, a group that cannot be left, a producer that does not close: given up when the time is over."""
    monkeypatch.setattr(worker, "STOP_WITHIN", 0.05)
    lock, closed = asyncio.Lock(), list[str]()
    if stuck == "batch":
        await lock.acquire()

    def ends(name: str) -> Any:
        async def end() -> None:
            if name == stuck:
                await asyncio.Event().wait()

        return end

    here: Any = SimpleNamespace(
        _locks={0: lock},
        _tasks=set(),
        _partitions={},
        app=SimpleNamespace(stop=ends("group")),
        clock=SimpleNamespace(stop=ends("clock")),
        watch=SimpleNamespace(close=lambda: closed.append("watch")),
    )
    await worker.Worker._stop(here)
    assert closed == ["watch"]


async def test_who_looks_for_a_broker_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing listens, and where somebody listens and never answers."""
    monkeypatch.setattr(connection, "_WITHIN", 0.1)
    with pytest.raises(connection.NoBroker, match="No Kafka broker answers"):
        await connection.reachable(f"127.0.0.1:{kafka.free_port()}")

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", port := kafka.free_port())
    with pytest.raises(connection.NoBroker, match="No Kafka broker answers"):
        await connection.reachable(f"127.0.0.1:{port}")
    server.close()
