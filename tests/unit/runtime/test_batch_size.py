"""How much a worker takes into one transaction."""

import asyncio
from types import SimpleNamespace

from engine.runtime import settings, worker


def chunk(records: int) -> SimpleNamespace:
    return SimpleNamespace(value=[None] * records)


async def test_a_transaction_takes_what_waits_up_to_the_batch_size() -> None:
    """Whole chunks until the size is reached; what is left wakes the partition again, and nothing is lost or turned round."""
    engine = worker.Worker(settings.read(settings.Settings, batch_size=4), None)
    chunks = [chunk(3), chunk(2), chunk(1), chunk(9), chunk(1)]
    engine._waiting[0], engine._wake[0] = list(chunks), asyncio.Event()
    assert engine._next(0) == chunks[:2]
    assert engine._wake[0].is_set()
    assert engine._next(0) == chunks[2:4]
    engine._wake[0].clear()
    assert engine._next(0) == chunks[4:]
    assert (engine._next(0), engine._wake[0].is_set()) == ([], False)
