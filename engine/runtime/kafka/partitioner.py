"""The partitioner: the partition of a customer, as Java's Kafka client, aiokafka and Dalang's own commands choose it.

A partition calls it for each new customer. Some producers use another partitioner (librdkafka does by default). Then the events
of one customer are in two partitions, and the customer has two states.
"""

from aiokafka.partitioner import murmur2


def home(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions` (>= 1), by murmur2 as Java's `DefaultPartitioner` uses it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
