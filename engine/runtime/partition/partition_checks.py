"""The checks of a partition before its first record is handled: the number of partitions, and the first offset.

Called by the worker for each partition that it loads. If the number of partitions changes, a customer's new events may go to
another partition, which does not have her state and her timers. So the worker refuses to work with a changed number. The check of
the first offset is in worker.py; its error is here.
"""

import uuid

import msgspec

from engine.core import errors
from engine.runtime.kafka import connection, topics
from engine.runtime.state import codec, store


class PartitionsChanged(errors.RuntimeFailure):
    """The number of partitions was changed while customers had states in them."""

    code = "DLG560"
    hint = (
        "New events of a customer may go to another partition than her state, and Kafka cannot remove partitions. Create topics"
        " with the new number under another --topic-prefix, move the log with `dalang history export` and"
        " `dalang history import`, and start the workers with that prefix."
    )


class AheadOfState(errors.RuntimeFailure):
    """The consumer group is further in the log than the partition's state, so the records between them would be skipped."""

    code = "DLG561"
    hint = "The group was set back to the state's offset and the worker exits with 70; start it again, and it goes on from there."


async def agreed(
    broker: connection.Address, names: topics.Topics, number: int, record: codec.PartitionRecord, count: int
) -> codec.PartitionRecord:
    """Return the partition record `record` of partition `number` with the number of partitions (`count`) and a lineage set.

    A lineage that is there already is kept. Raises `PartitionsChanged` if the states were written with another number of
    partitions than `count`. A partition without a partition record may have been added later. So for such a partition, the number
    in the record of partition 0 is checked.
    """
    known = record.partitions
    if record.offset < 0 and not known and number:
        first = await store.load(broker, names.name(topics.STATE), 0)
        known = first.record.partitions
    unchanged(names, known or count, count)
    return msgspec.structs.replace(record, partitions=count, lineage=record.lineage or uuid.uuid4().hex)


def unchanged(names: topics.Topics, known: int, count: int) -> None:
    """Raise `PartitionsChanged` if the number of partitions was `known` and is now another one, `count`."""
    if known != count:
        raise PartitionsChanged(f"{names.name(topics.EVENTS)} had {known} partitions and has {count} now.")
