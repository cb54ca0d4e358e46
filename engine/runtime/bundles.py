"""The bundles on the Kafka topic `journey.bundles`: this module writes them, reads them back, and recognizes activations.

The topic keeps every deployed bundle. So an instance can finish with the version with which it entered, even if the YAML files
have changed since. Called by the worker, by deploys.py and commands.py, and by the commands that replay a Kafka topic.
"""

import asyncio
import contextlib
from typing import Any, Final

import msgspec

from engine.core import errors
from engine.core.context import catalog
from engine.core.model import definition, inputs
from engine.replay import definitions
from engine.runtime import logs
from engine.runtime.kafka import connection, history, producers, topics

_log = logs.log()
_ENVELOPE: Final = 1024
"""Bytes reserved for everything in a Kafka record except the value, such as the key; every record needs fewer."""


class NoBundles(errors.RuntimeFailure):
    """It is not known which topic holds the bundles of this log."""

    code = "DLG541"
    hint = "Give that topic as --bundles kafka://host:port/<prefix>journey.bundles, or give a directory with --journeys."


class BundleTooLarge(errors.RuntimeFailure):
    """The compiled bundle is larger than a record of journey.bundles may be."""

    code = "DLG533"
    hint = "Split the directory, or remove journeys and templates that nobody needs: a bundle holds the text of every file."


async def read(broker: connection.Address, topic: str) -> tuple[dict[str, definition.Bundle], frozenset[str]]:
    """Return the bundles on the topic as `{bundle id: bundle}`, and the keys of the records that this version cannot decode."""
    found: dict[str, definition.Bundle] = {}
    unreadable: set[str] = set()
    async for chunk in history.records(broker, topic):
        for record in chunk:
            key = (record.key or b"").decode(errors="replace")
            if record.value is None:
                found.pop(key, None)
                continue
            try:
                bundle = msgspec.json.decode(record.value, type=definition.Bundle)
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable.add(key)
            else:
                found[bundle.id] = bundle
    return found, frozenset(unreadable)


async def beside(broker: connection.Address, topic: str) -> tuple[definition.Bundle, ...]:
    """Return all bundles that a replay of a Kafka topic may need.

    `topic` is a topic of bundles (`<prefix>journey.bundles`) or a topic of events (`<prefix>customer.events`). For a topic of
    events, the topic of bundles with the same prefix is read. Raises `NoBundles` for any other topic.
    """
    if topic.endswith(topics.EVENTS):
        topic = topic.removesuffix(topics.EVENTS) + topics.BUNDLES
    if not topic.endswith(topics.BUNDLES):
        raise NoBundles(f"It is not known which topic holds the bundles of {topic}.")
    found, _ = await read(broker, topic)
    return tuple(found.values())


def activated(record: Any) -> tuple[str, object] | None:
    """Return the bundle id and the clock of a `bundle.activated` record, or None if the record is anything else.

    The clock is the unchecked value of the event's field `clock`.
    """
    if record.value is None or inputs.BUNDLE_ACTIVATED.encode() not in record.value:
        return None
    with contextlib.suppress(errors.Malformed):
        event = inputs.decode(record.value, key=record.key, logged=record.timestamp, trust_recorded=False).event
        id_ = event.field("bundle")
        if event.type == inputs.BUNDLE_ACTIVATED and not event.subject and isinstance(id_, str):
            return id_, event.field("clock")
    return None


class Registry:
    """A copy of the topic `journey.bundles` in memory: every bundle by its id, and the catalogs made from the bundles."""

    def __init__(self, broker: connection.Address, names: topics.Topics) -> None:
        self._broker, self._topic = broker, names.name(topics.BUNDLES)
        self._recorded = definitions.Recorded()
        self._reading = asyncio.Lock()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._recorded

    def catalog(self, id_: str) -> catalog.Catalog | None:
        """Return the catalog in which the bundle with this id is live, or None if no such bundle is known.

        The catalog also contains the journeys of all other bundles, because older instances may still be in them.
        """
        return self._recorded.activated(id_)

    @property
    def emits(self) -> bool:
        """True if any known bundle has a step `emit`."""
        return self._recorded.emits

    async def put(self, bundle: definition.Bundle) -> None:
        """Write a bundle to `journey.bundles` unless the registry has it; raise `BundleTooLarge` if a record cannot hold it."""
        if bundle.id in self:
            return
        encoded = msgspec.json.encode(bundle)
        if len(encoded) > topics.LARGEST - _ENVELOPE:
            raise BundleTooLarge(f"The compiled bundle has {len(encoded)} bytes; the limit is {topics.LARGEST - _ENVELOPE}.")
        producer = producers.without_transactions(self._broker)
        await producer.start()
        try:
            await producer.send_and_wait(self._topic, encoded, key=bundle.id.encode())
        finally:
            await producer.stop()
        self._recorded.add(bundle)

    async def know(self, *ids: str) -> bool:
        """Return True if all bundles with these ids are known; if one is unknown, read `journey.bundles` again first."""
        async with self._reading:  # all partitions come to the same activation at about the same time, and one read is enough
            if any(id_ not in self for id_ in ids):
                await self.refresh()
        return all(id_ in self for id_ in ids)

    async def refresh(self) -> None:
        """Read all of `journey.bundles`, add the new bundles, and log an error for each record that cannot be decoded."""
        found, unreadable = await read(self._broker, self._topic)
        for bundle in found.values():
            self._recorded.add(bundle)
        for key in sorted(unreadable):
            _log.error("bundle unreadable", bundle=key)
