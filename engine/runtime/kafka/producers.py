"""Producers of Kafka records, with or without transactions, and a check whether a broker has transactions at all.

Called by the worker, by deploys and by commands. Only one other file makes a producer: `history.py`. Its function `send` writes
the lines of a file and needs other settings.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)

from engine.runtime.kafka import connection, topics

_BATCH: Final = 256 * 1024
_TRANSACTION_TIMEOUT_MS: Final = 20_000
_REQUEST_TIMEOUT_MS: Final = 10_000
_METADATA_MS: Final = 15_000
_PROBE_SECONDS: Final = 30
_NO_TRANSACTIONS: Final = (UnknownError, UnsupportedVersionError, IncompatibleBrokerVersion)
"""The errors that show that a broker has no transactions (Tansu 0.6 returns an unknown error to InitProducerId)."""


async def has_transactions(broker: connection.Address, app_id: str) -> bool:
    """Return True if the broker has transactions, by starting a transactional producer that writes nothing.

    The result is False only if the broker itself says that it has no transactions. If the broker does not answer, `KafkaError`
    or `TimeoutError` is raised. False would be dangerous then: the worker would write to Kafka without transactions.
    """
    producer = transactional(broker, f"{app_id}-probe")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await begun(producer)
    except ProducerFenced:
        return True  # another worker runs this check at the same time, and has fenced this producer
    finally:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(2):
                await producer.stop()


async def begun(producer: AIOKafkaProducer) -> bool:
    """Start a transactional producer; return True, or False if the broker has no transactions.

    The start fences the former producer with the same transactional id. Raises `NotAllowed` if this user may not use the id.
    """
    # aiokafka logs an error if the broker has no transactions, but here this is one of the two expected answers.
    with _without_log("aiokafka.producer.sender"):
        try:
            await producer.start()
        except _NO_TRANSACTIONS:
            return False
        except TransactionalIdAuthorizationFailed:
            id_ = producer._txn_manager.transactional_id
            raise connection.NotAllowed(f"This user lacks rights on the broker: Write on TransactionalId {id_}.") from None
    return True


@contextlib.contextmanager
def _without_log(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = False


def without_transactions(broker: connection.Address) -> AIOKafkaProducer:
    """Return a producer without transactions, not started yet.

    A record of this producer may be written twice. For some records this does no harm: `timer.due`, bundles, commands for one
    customer. On a broker without transactions, all records are written by such a producer.
    """
    return _producer(broker, None)


def transactional(broker: connection.Address, id_: str) -> AIOKafkaProducer:
    """Return a producer with the transactional id `id_`, not started yet."""
    return _producer(broker, id_)


def _producer(broker: connection.Address, transactional_id: str | None) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **connection.client(broker),
        linger_ms=0,
        acks="all",
        max_batch_size=_BATCH,
        max_request_size=2 * topics.LARGEST,
        transactional_id=transactional_id,
        transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        # A request fails after this time, for example if a broker hangs with open connections; aiokafka's default is 40 s.
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
        # This is also how soon a worker learns that the number of partitions was changed.
        metadata_max_age_ms=_METADATA_MS,
    )
