"""The home partition of a customer: the partition that Java's Kafka client, aiokafka and Dalang choose for the customer's key.

Called by `partition/partition.py` for each new customer, to find misplaced customers. Some producers choose partitions in another
way; librdkafka does by default. If producers of both kinds write events of one customer, the events are in two partitions, and
the customer has a separate state in each of them.
"""

from aiokafka.partitioner import murmur2


def home(key: bytes, partitions: int) -> int:
    """Return the number of the partition for a key, by murmur2 as Java's `DefaultPartitioner` uses it.

    `partitions` is the number of partitions of the topic (at least 1).
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
