"""A producer for deploys and commands: it writes one record to every partition of `customer.events`, in one transaction.

Called by deploys.py and commands.py. Because of the transaction, either all partitions get their record or none does. All deploys
and commands use the same transactional id. So a later one fences an earlier one that is not finished, and the records of several
deploys and commands have the same order in every partition (decision 030).
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from engine.core import errors
from engine.runtime.kafka import connection, producers, topics

OPERATOR: Final = "dalang.operator"
"""The transactional id of all deploys and commands; the prefix of the topics is put before it."""
_WITHIN: Final = 30.0


class Overtaken(errors.RuntimeFailure):
    """Another deploy or command was written at the same time, later in the log, so the other one is in force."""

    code = "DLG532"
    hint = "Agree with whoever ran the other one, and run yours again if it is still wanted."


class Broadcast:
    """A producer that writes one record to every partition, used in an `async with` block.

    Inside the block, the caller may first read what is live and then call `send`. On a broker with transactions, `send` raises
    `Overtaken` if another deploy or command has begun since the block began. So nothing has changed between reading and writing.
    """

    def __init__(self, broker: connection.Address, names: topics.Topics) -> None:
        self._broker, self._names = broker, names
        self._producer: AIOKafkaProducer
        self._transactions = True

    async def __aenter__(self) -> Self:
        self._producer = producers.transactional(self._broker, self._names.name(OPERATOR))
        try:
            async with asyncio.timeout(_WITHIN):
                self._transactions = await producers.begun(self._producer)
            if not self._transactions:
                await self._stop()
                self._producer = producers.without_transactions(self._broker)
                await self._producer.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self._stop()

    async def send(self, values: Mapping[int, bytes]) -> None:
        """Write one record to each partition in `values` (`{partition: value}`).

        On a broker with transactions, either all records are written or none is. Raises `Overtaken` if another deploy or command
        has begun since the `async with` block began.
        """
        if not values:
            return
        topic = self._names.name(topics.EVENTS)
        try:
            if self._transactions:
                async with self._producer.transaction():
                    await self._write(topic, values)
            else:
                await self._write(topic, values)
        except ProducerFenced:
            raise Overtaken from None

    async def _write(self, topic: str, values: Mapping[int, bytes]) -> None:
        sent = [await self._producer.send(topic, value, partition=number) for number, value in values.items()]
        await asyncio.gather(*sent)

    async def _stop(self) -> None:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(5):
                await self._producer.stop()
