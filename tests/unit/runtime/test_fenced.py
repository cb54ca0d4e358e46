"""A worker whose writer was fenced: it leaves only if the partition is still its own."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced

from engine.runtime import worker


async def _failed(monkeypatch: pytest.MonkeyPatch, held: list[bool], exc: Exception) -> tuple[list[str], dict[int, Any]]:
    """What it did when partition 3 failed; `held` says, look by look, whether the partition is still its own."""
    monkeypatch.setattr(worker, "TICK", 0.001)
    did: list[str] = []

    async def close() -> None:
        did.append("closed")

    here: Any = SimpleNamespace(
        settings=SimpleNamespace(session_timeout=0.005),
        _holds=lambda number, generation: held.pop(0) if len(held) > 1 else held[0],
        _leave=lambda exc, number: did.append("left"),
        _partitions={3: (7, SimpleNamespace(close=close))},
    )
    async with asyncio.timeout(60):
        await worker.Worker._failed(here, 3, 7, exc)
    return did, here._partitions


async def test_a_partition_that_others_have_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that slept is fenced before it hears that the group went on without it: it waits to hear, and stays."""
    assert await _failed(monkeypatch, [True, True, True, False], ProducerFenced()) == (["closed"], {})


async def test_a_partition_that_is_still_its_own_is_a_reason_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else has it, and it cannot be written: a new start helps. It waits for two session timeouts before it says so."""
    did, _ = await _failed(monkeypatch, [True], ProducerFenced())
    assert did[0] == "left"


async def test_another_failure_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may be ahead of the broker: it leaves at once if the partition is its own."""
    did, _ = await _failed(monkeypatch, [True, False], RuntimeError("broken"))
    assert did[0] == "left"
