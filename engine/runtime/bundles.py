"""The bundles on the topic `journey.bundles`, which every worker and replay reads back.

The topic keeps the bundle of every deploy, so old instances still find their version. Called by the worker, by deploys and
commands, and for a replay of a log.
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
"""Bytes reserved for the parts of a record other than its value; no record needs more."""


class NoBundles(errors.RuntimeFailure):
    """It is not known which topic holds the bundles of this log."""

    code = "DLG541"
    hint = "Give that topic as --bundles kafka://host:port/<prefix>journey.bundles, or give a directory with --journeys."


class BundleTooLarge(errors.RuntimeFailure):
    """The compiled bundle is larger than a record of journey.bundles may be."""

    code = "DLG533"
    hint = "Split the directory, or remove journeys and templates that nobody needs: a bundle holds the text of every file."


async def read(broker: connection.Address, topic: str) -> tuple[dict[str, definition.Bundle], frozenset[str]]:
    """Return every bundle on the topic by its id, and the keys of the records that this version cannot read."""
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
    """Return the bundles for a topic of events. `topic` is that topic, or its topic of bundles.

    The two topics have the same prefix. Raises `NoBundles` for any other topic.
    """
    if topic.endswith(topics.EVENTS):
        topic = topic.removesuffix(topics.EVENTS) + topics.BUNDLES
    if not topic.endswith(topics.BUNDLES):
        raise NoBundles(f"It is not known which topic holds the bundles of {topic}.")
    found, _ = await read(broker, topic)
    return tuple(found.values())


def activated(record: Any) -> tuple[str, object] | None:
    """Return (bundle id, clock) of a record that is an activation, None for any other record of `customer.events`."""
    if record.value is None or inputs.BUNDLE_ACTIVATED.encode() not in record.value:
        return None
    with contextlib.suppress(errors.Malformed):
        event = inputs.decode(record.value, key=record.key, logged=record.timestamp, trust_recorded=False).event
        id_ = event.field("bundle")
        if event.type == inputs.BUNDLE_ACTIVATED and not event.subject and isinstance(id_, str):
            return id_, event.field("clock")
    return None


class Registry:
    """Every bundle on the topic by id, and the catalogs made from them."""

    def __init__(self, broker: connection.Address, names: topics.Topics) -> None:
        self._broker, self._topic = broker, names.name(topics.BUNDLES)
        self._recorded = definitions.Recorded()
        self._reading = asyncio.Lock()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._recorded

    def catalog(self, id_: str) -> catalog.Catalog | None:
        """Return the catalog in which this bundle is live, or None if the bundle is not known.

        The catalog also has the journeys of all other bundles, because instances may still be in these versions.
        """
        return self._recorded.activated(id_)

    @property
    def emits(self) -> bool:
        """True if a step of any known bundle emits events."""
        return self._recorded.emits

    async def put(self, bundle: definition.Bundle) -> None:
        """Write a bundle to the topic if the registry does not know it; raise `BundleTooLarge` if no record can hold it."""
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
        """Read the topic again if one of these bundles is not known; return True if all of them are known in the end."""
        async with self._reading:  # one reading serves all partitions, which meet the same activation at about the same time
            if any(id_ not in self for id_ in ids):
                await self.refresh()
        return all(id_ in self for id_ in ids)

    async def refresh(self) -> None:
        """Read the topic from its start to its end."""
        found, unreadable = await read(self._broker, self._topic)
        for bundle in found.values():
            self._recorded.add(bundle)
        for key in sorted(unreadable):
            _log.error("bundle unreadable", bundle=key)
