"""A partition that takes real records and writes to a broker that only keeps them; its batches are watched."""

import json
import pathlib
from types import SimpleNamespace
from typing import Any

from engine.authoring.compiling import catalogs
from engine.runtime import bundles
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import timestamps, topics
from engine.runtime.monitoring import metrics
from engine.runtime.partition import partition, writer
from engine.runtime.state import codec, store
from tests.unit.core import story

JOURNEY = """
enter: {event: go, when: event.data.n > 1, key: event.data.k, reentry: never}
steps:
  - {id: pause, wait: 1h}
  - {id: ask, send: {template: hello, channels: [{channel: whatsapp, success: delivered, fallback_after: 1h}, {channel: sms}]}}
"""
START = 1_764_000_000_000
"""The first record's timestamp, in ms; the wall shows two seconds later."""


class Kept:
    """The broker of these tests: it keeps what is written."""

    def __init__(self) -> None:
        self.outputs: list[writer.Output] = []
        self.reached = store.Mark()
        self.sizes: list[int] = []

    async def write(self, outputs: list[writer.Output], states: list[writer.Output]) -> None:
        self.outputs += outputs
        self.sizes.append(len(outputs))


class Rig:
    def __init__(self, directory: pathlib.Path, **given: Any) -> None:
        story.compiled(directory, story.written("quick", JOURNEY))
        self.bundle = catalogs.bundle(directory)
        self.names = topics.Topics("shop.")
        self.metrics = metrics.Metrics(wall=lambda: START / 1000 + 2)
        self.kept, self.store = Kept(), store.Store()
        registry = bundles.Registry("localhost:9", self.names)
        registry._recorded.add(self.bundle)
        kept: Any = self.kept
        self.partition = partition.Partition(7, self.names, registry, self.store, kept, **{"wrote": self.metrics.wrote, **given})
        self.offset = -1

    def record(self, value: bytes | None, key: str | None = None) -> Any:
        self.offset += 1
        named = None if key is None else key.encode()
        return SimpleNamespace(
            topic="shop.customer.events",
            partition=7,
            offset=self.offset,
            timestamp=START,
            timestamp_type=0,
            key=named,
            value=value,
        )

    def activation(self) -> Any:
        return self.record(codec.bundle_activated(self.bundle.id, "stream", timestamps.instant(START), "activate"))

    def event(self, customer: str, type_: str, **data: Any) -> Any:
        told = {"specversion": "1.0", "id": f"e{self.offset}", "source": "tests", "type": type_, "subject": customer}
        return self.record(json.dumps({**told, "time": "2026-11-22T00:00:00Z", "data": data}).encode(), customer)

    async def handle(self, *records: Any) -> None:
        await self.partition.handle([faust_batches.Chunk(records)])

    def value(self, name: str, **labels: str) -> float:
        """0 where there is no such number."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
