"""The work of `dalang state rebuild`: compute all customers' states again from `customer.events`, and write them.

Called while no worker runs. The worker's own code decides all events again, in memory. The decisions and actions are dropped,
because the workers wrote them when the events came. At the end the states are written. On a broker with transactions, each
partition is one transaction, so it has either its old states or its new states.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka.errors import ProducerFenced

from engine.core import errors
from engine.runtime import bundles
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import acl, connection, history, producers, topics
from engine.runtime.partition import partition, writer
from engine.runtime.state import codec, store


class LogTooShort(errors.RuntimeFailure):
    """The oldest records of the log are deleted, so a state that is rebuilt from the log would lack what they say."""

    code = "DLG535"
    hint = "Keep the present states; or give --partial, and accept that waits, caps and consents from those records are lost."


class WorkerRunning(errors.RuntimeFailure):
    """A worker took a partition while its state was rebuilt."""

    code = "DLG536"
    hint = "Stop every worker of this app id (DALANG_APP_ID), then run the rebuild again."


class Rebuilt(msgspec.Struct, frozen=True):
    """The result for one partition: the number of customers, the number of removed customers, and the last offset handled.

    A customer is removed if she has a state in `customer.state` but none after the rebuild. `offset` is an offset of
    `customer.events`.
    """

    customers: int
    removed: int
    offset: int


class _Dropping(writer.Writer):
    """A replacement for the worker's Kafka writer that writes nothing, because all outputs are on their topics already."""

    def __init__(self) -> None:
        pass

    async def write(self, outputs: list[writer.Output], states: list[writer.Output]) -> None:
        """Write nothing."""


async def rebuild(
    broker: connection.Address,
    names: topics.Topics,
    app_id: str,
    *,
    partial: bool = False,
    heard: Callable[[int], None] = lambda _: None,
) -> dict[int, Rebuilt]:
    """Decide all of `customer.events` again, write the states, and return `{partition: result}`.

    The rebuild uses the transactional ids of the workers. This fences a worker that still runs: it exits with code 70. `heard`
    is called with the number of records of each chunk that is read, to show the progress.

    Raises `LogTooShort` if retention has removed the oldest events and `partial` is False. Raises `WorkerRunning` if a worker
    takes a partition during the rebuild.
    """
    await connection.reachable(broker)
    await acl.check(broker, acl.rights("state rebuild", names, app_id))
    events = names.name(topics.EVENTS)
    count = len(await topics.needed(broker, names, topics.EVENTS, topics.BUNDLES, topics.STATE))
    short = [tp.partition for tp, offset in (await history.begins(broker, events)).items() if offset > 0]
    if short and not partial:
        raise LogTooShort(f"The oldest records of the log are deleted, in the partitions {', '.join(map(str, sorted(short)))}.")
    transactions = await producers.has_transactions(broker, names.name(app_id))
    writers = [writer.Writer(broker, names.name(app_id), number, transactions=transactions) for number in range(count)]
    try:
        for own in writers:
            await own.start()
        folded = await _fold(broker, names, count, heard)
        found = await _keys(broker, names)
        return {number: await _write(writers[number], names, folded[number], found.get(number, set())) for number in range(count)}
    except ProducerFenced:
        raise WorkerRunning from None
    finally:
        for own in writers:
            await own.stop()


async def _fold(broker: connection.Address, names: topics.Topics, count: int, heard: Callable[[int], None]) -> list[store.Store]:
    """Return the states of each partition after all events; the index in the list is the partition's number."""
    registry = bundles.Registry(broker, names)
    await registry.refresh()
    stores = [store.Store() for _ in range(count)]
    parts = []
    for number, each in enumerate(stores):
        each.record = codec.PartitionRecord(partitions=count)
        parts.append(partition.Partition(number, names, registry, each, _Dropping()))
    async for fetched in history.records(broker, names.name(topics.EVENTS)):
        await parts[fetched[0].partition].handle([faust_batches.Chunk(fetched)])
        heard(len(fetched))
    return stores


async def _keys(broker: connection.Address, names: topics.Topics) -> dict[int, set[bytes]]:
    """Return `{partition: keys}` of the records in `customer.state` that have a value.

    The values are not decoded, because some of them may be unreadable.
    """
    found: dict[int, set[bytes]] = {}
    async for fetched in history.records(broker, names.name(topics.STATE)):
        keys = found.setdefault(fetched[0].partition, set())
        for record in fetched:
            (keys.discard if record.value is None else keys.add)(record.key)
    return found


async def _write(own: writer.Writer, names: topics.Topics, built: store.Store, known: set[bytes]) -> Rebuilt:
    topic = names.name(topics.STATE)
    gone = known - built.snapshots.keys() - {codec.PARTITION_KEY}
    values: dict[bytes, Any] = {**dict.fromkeys(sorted(gone)), **built.snapshots}
    values[codec.PARTITION_KEY] = codec.partition_record(built.record)  # the partition record comes last: see `Writer.write`
    await own.write([], [writer.Output(topic, key, value) for key, value in values.items()])
    return Rebuilt(len(built.snapshots), len(gone), built.record.offset)
