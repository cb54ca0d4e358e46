"""The bundles of `journey.bundles`: read back by every worker, so that instances outlive the files they came from."""

import asyncio

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.authoring import catalogs
from engine.core import catalog, definition
from engine.runtime import topics, writer

NOTHING = definition.Bundle(id="", journeys=(), policy=definition.Policy())
"""What is live in a partition before its first `bundle.activated`."""


class Registry:
    """Every bundle on the topic, by id, and the catalogs made of them."""

    def __init__(self, broker: str, names: topics.Topics) -> None:
        self._broker, self._topic = broker, names.name(topics.BUNDLES)
        self._bundles: dict[str, definition.Bundle] = {"": NOTHING}
        self._catalogs: dict[str, catalog.Catalog] = {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._bundles

    def catalog(self, id_: str) -> catalog.Catalog:
        """The catalog with this bundle live, and the journeys of all others for those who entered by them."""
        made = self._catalogs.get(id_)
        if made is None:
            made = self._catalogs[id_] = catalogs.of(self._bundles[id_], self._bundles.values())
        return made

    async def put(self, bundle: definition.Bundle) -> None:
        """Write a bundle to the topic, if it is not there."""
        if bundle.id in self:
            return
        producer = writer.plain(self._broker)
        await producer.start()
        try:
            await producer.send_and_wait(self._topic, msgspec.json.encode(bundle), key=bundle.id.encode())
        finally:
            await producer.stop()
        self._add(bundle)

    async def refresh(self) -> None:
        """Read the topic from its start to its end."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._broker,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            numbers = await topics.numbers(self._broker, self._topic)
            ahead = {TopicPartition(self._topic, number) for number in numbers}
            consumer.assign(list(ahead))
            await consumer.seek_to_beginning()
            while ahead:
                for fetched in (await consumer.getmany(timeout_ms=200)).values():
                    for record in fetched:
                        if record.value is not None:
                            self._add(msgspec.json.decode(record.value, type=definition.Bundle))
                for tp in tuple(ahead):
                    end = consumer.highwater(tp)
                    if end is not None and await consumer.position(tp) >= end:
                        ahead.discard(tp)
        finally:
            try:
                await consumer.stop()
            except asyncio.CancelledError:  # see store.load
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise

    def _add(self, bundle: definition.Bundle) -> None:
        if bundle.id not in self._bundles:
            self._bundles[bundle.id] = bundle
            self._catalogs.clear()
