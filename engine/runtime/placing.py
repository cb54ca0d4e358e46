"""Where a customer's events belong: the partition that Java's Kafka client, aiokafka and Dalang's own commands choose for a key.

Called by a partition for each customer that is new to it. A producer that chooses otherwise (librdkafka does by default) splits
a customer over two partitions, and she has two states then.
"""

from aiokafka.partitioner import murmur2


def home(key: bytes, partitions: int) -> int:
    """The partition of a key among so many (>= 1), by the 32 bits of murmur2 as Java's `DefaultPartitioner` uses them."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
