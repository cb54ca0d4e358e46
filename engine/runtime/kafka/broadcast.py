"""Broadcast: an operator's record for every partition of `customer.events`, all in one transaction.

Called by deploys.py and commands.py. Either all partitions get the record or none does. All operators use one transactional id,
so a later operator fences an earlier one that has not finished. So deploys and commands are in the same order in every partition
(decision 030).
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
"""The transactional id, without the prefix that topics have."""
_WITHIN: Final = 30.0


class Overtaken(errors.RuntimeFailure):
    """Another deploy or command was written at the same time, later in the log, so the other one is in force."""

    code = "DLG532"
    hint = "Agree with whoever ran the other one, and run yours again if it is still wanted."


class Broadcast:
    """An open producer for every partition, used in an `async with` block.

    On a broker with transactions, `send` raises `Overtaken` if another operator has begun inside the block. So what the caller
    has read inside the block is still true when `send` succeeds.
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
        """Write the record of each partition (`{partition: value}`): on a broker with transactions, all of them or none.

        Raises `Overtaken` if another operator has begun since.
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
