"""The home of a customer: the partition that Java's Kafka client, aiokafka and Dalang's own commands choose for a key.

Called by a partition for each customer that is new to it. A producer that chooses otherwise (librdkafka does by default)
spreads a customer over two partitions, and the customer has two states then.
"""

from aiokafka.partitioner import murmur2


def home(key: bytes, partitions: int) -> int:
    """Return the partition of a key among `partitions` (>= 1), by murmur2 as Java's `DefaultPartitioner` uses it."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
