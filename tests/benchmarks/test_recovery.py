"""How soon a worker has its customers again: from the topic, and from a store on disk."""

import asyncio
import pathlib
import time
from collections.abc import Callable

import pytest

from engine.authoring import catalogs
from engine.core import decider, inputs
from engine.runtime import codec, rocks, store, topics, writer
from tests.integration.running import PARTITIONS, ROOT, Cluster

pytestmark = pytest.mark.benchmark
CUSTOMERS = 200_000


def _waiting() -> bytes:
    """Somebody who waits in the cart journey, with profile, consent and timer."""
    catalog = catalogs.load(ROOT / "journeys")
    at = inputs.instant("2026-11-22T10:00:00Z")
    traits = {"name": "Kartika", "phone": "+628120000000", "language": "id", "timezone": "Asia/Jakarta"}
    cart = {"cart_id": "cart-0000000-0", "total": 275000, "items": [{"sku": "SKU-123", "qty": 1, "price": 275000}]}
    told = (("customer.identified", {"traits": traits}), ("consent.granted", {"purpose": "marketing"}), ("cart.updated", cart))
    state = None
    for i, (type_, data) in enumerate(told):
        event = inputs.Event(f"e-{i}", type_, at, at, "cust-0000000", "shop/web", data)
        state = decider.transition(catalog, state, event).state
    assert state is not None
    return codec.snapshot(state, 5)


async def _fill(cluster: Cluster) -> list[int]:
    """The states of everybody, in transactions of 5,000; the claims that a worker would read up to."""
    topic, value = cluster.names.name(topics.STATE), _waiting()
    claims = []
    for number in range(PARTITIONS):
        own = writer.Writer(cluster.broker, "bench", number, transactions=True)
        await own.start()
        for start in range(number, CUSTOMERS, 5_000 * PARTITIONS):
            keys = range(start, min(start + 5_000 * PARTITIONS, CUSTOMERS), PARTITIONS)
            record = codec.PartitionRecord(start, partitions=PARTITIONS, lineage="bench")
            states = [writer.Output(topic, b"cust-%07d" % key, value) for key in keys]
            await own.write([], [*states, writer.Output(topic, codec.PARTITION_KEY, codec.partition_record(record))])
        claims.append(await own.claim(topic))
        await own.stop()
    return claims


def test_recovery(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    """All partitions side by side, from the topic into memory and onto disk, and from disk: everybody is there, with a timer."""
    topic, at = cluster.names.name(topics.STATE), 1
    claims = asyncio.run(_fill(cluster))

    def told(name: str, opened: Callable[[int], store.Port]) -> list[store.Port]:
        async def load() -> list[store.Port]:
            held = [opened(number) for number in range(PARTITIONS)]
            await asyncio.gather(*(store.refresh(each, cluster.broker, topic, n, claims[n], at) for n, each in enumerate(held)))
            return held

        wall, cpu = time.monotonic(), time.process_time()
        held = asyncio.run(load())
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        per = f"a million: {wall * 1e6 / CUSTOMERS:.1f} s wall, {cpu * 1e6 / CUSTOMERS:.1f} s CPU at the same pace"
        print(f"\n{name}: {CUSTOMERS:,} customers, {PARTITIONS} partitions: {wall:.2f} s wall, {cpu:.2f} s CPU; {per}", end="")
        assert sum(each.customers for each in held) == sum(each.waiting for each in held) == CUSTOMERS
        return held

    told("from the topic into memory", lambda _: store.Store())
    for each in told("from the topic onto disk", lambda number: rocks.Store(tmp_path, topic, number)):
        each.close()
    for each in told("from the disk", lambda number: rocks.Store(tmp_path, topic, number)):
        each.close()
