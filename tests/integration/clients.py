"""The tests' own Kafka clients. Each waits for its cluster: brokers are killed here, and come up slowly on a loaded machine.

For what asks again and again, because a broker may stand still, there is `kafka.admin`, which gives up soon.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests import waiting

WITHOUT_ANSWER: Final = (KafkaError, TimeoutError, ValueError, OSError)
"""A broker that is not there, comes or goes."""

_LONG_MS: Final = round(waiting.LONG * 1000)


@contextlib.asynccontextmanager
async def producer(brokers: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose records may take minutes: aiokafka gives a record up after its request timeout."""
    made = await _started(lambda: AIOKafkaProducer(bootstrap_servers=brokers, request_timeout_ms=_LONG_MS, **options))
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def consumer(brokers: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, from the start of each partition; of committed records, if `options` do not say otherwise."""
    given = {"group_id": None, "enable_auto_commit": False, "auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    made = await _started(lambda: AIOKafkaConsumer(bootstrap_servers=brokers, fetch_max_wait_ms=50, **{**given, **options}))
    try:
        yield made
    finally:
        try:
            await made.stop()
        except asyncio.CancelledError:  # see store.load
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise


@contextlib.asynccontextmanager
async def admin(brokers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for what is done once."""
    made = await _started(lambda: AIOKafkaAdminClient(bootstrap_servers=brokers, request_timeout_ms=_LONG_MS))
    try:
        yield made
    finally:
        await made.close()


async def _started(make: Callable[[], Any]) -> Any:
    deadline = asyncio.get_running_loop().time() + waiting.LONG
    while True:
        made = make()
        try:
            await made.start()
            return made
        except WITHOUT_ANSWER as exc:
            await (made.close() if isinstance(made, AIOKafkaAdminClient) else made.stop())
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"waited {waiting.LONG:.0f} s for a cluster; last: {type(exc).__name__}: {exc}") from exc
        await asyncio.sleep(0.2)
