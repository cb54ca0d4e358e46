"""The tails of the output topics: records of where each topic ended, which show whether the last transaction is whole.

Kafka can commit a transaction in one partition and abort it in another
(docs/failures.md#a-transaction-that-is-committed-by-half). So the partition record has, for each output topic, the offset after
which the last transaction wrote, the number of records that it wrote there, and a checksum of their ids. This module is pure: a
partition counts its writes with it, and takeover.py compares the counts with the readable records.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.runtime.kafka import topics
from engine.runtime.partition import writer
from engine.runtime.state import codec

TOPICS: Final = (topics.DECISIONS, *topics.ACTIONS.values(), topics.EVENTS, topics.DEAD_LETTERS)
"""Every topic for outputs, without the prefix.

Only the partition's own worker writes to its partition of these topics, except for `customer.events`, where the header
`EMITTED` marks the worker's own records.
"""
EMITTED: Final = "emitted"
"""The header of an event that a step emitted; another producer's copy of the event does not have it."""
_CHECKSUMS: Final = 1 << 32


class _Identified(msgspec.Struct):
    id: str


_read_id: Final = msgspec.json.Decoder(_Identified).decode


class Found(msgspec.Struct):
    """The readable records of one output topic after its tail: their ids and offsets, in the order of the log."""

    ids: list[str] = []
    offsets: list[int] = []
    cut: bool = False
    """True if retention has removed the first of these records, so that nothing can be concluded from the rest."""


class Comparison(msgspec.Struct, frozen=True):
    """The result when the last transaction, as its partition record counts it, is compared with the topics."""

    missing: Mapping[str, int]
    """`{topic: number of records that the partition record counts, but that cannot be read}`."""
    extra: tuple[tuple[str, str], ...]
    """(topic, id) of each readable record of a transaction that is not whole."""
    tails: Mapping[str, codec.Tail]
    """The tail of each topic after the last whole transaction."""


def letter_id(headers: Mapping[str, str]) -> str:
    """Return the id of a dead letter: the position of the record in it, the reason, and the customer."""
    return "/".join(headers.get(name, "") for name in ("topic", "partition", "offset", "reason", "customer"))


def id_of(topic: str, record: Any) -> str | None:
    """Return the id of a record of an output topic, None for a record that no worker wrote."""
    if topic == topics.DEAD_LETTERS:
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        return letter_id(headers) if "reason" in headers else None
    if topic == topics.EVENTS and not any(name == EMITTED for name, _ in record.headers):
        return None
    try:
        return _read_id(record.value).id
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
        return None


def checksum(ids: Iterable[str]) -> int:
    """Return a checksum of ids. It does not depend on their order, and a repeated id changes it."""
    return sum(zlib.crc32(each.encode()) for each in ids) % _CHECKSUMS


def counted(before: Mapping[str, codec.Tail], outputs: Iterable[writer.Output], names: topics.Topics) -> dict[str, codec.Tail]:
    """Return the tails with these outputs added."""
    written: dict[str, list[str]] = {}
    for output in outputs:
        written.setdefault(output.topic, []).append(output.id)
    found = dict(before)
    for topic in TOPICS:
        if (ids := written.get(names.name(topic))) is not None:
            tail = before[topic]
            total = (tail.checksum + checksum(ids)) % _CHECKSUMS
            found[topic] = codec.Tail(tail.after, tail.count + len(ids), total)
    return found


def moved(before: Mapping[str, codec.Tail], last: Mapping[str, int], names: topics.Topics, handled: int) -> dict[str, codec.Tail]:
    """Return the tails after a whole write whose `last` offsets are known.

    `handled` is the last offset of `customer.events` that the batch handled. Emitted events come after it in the topic.
    """
    found = {topic: codec.Tail(max(tail.after, last.get(names.name(topic), -1))) for topic, tail in before.items()}
    found[topics.EVENTS] = codec.Tail(max(found[topics.EVENTS].after, handled))
    return found


class Counting:
    """The counting of a partition's writes, which begins after the partition record at the offset `base` and after the tails.

    On a broker without transactions, and if nothing is written, there are no tails and nothing is counted.
    """

    def __init__(self, names: topics.Topics) -> None:
        self._names = names
        self.start(-1, {})

    def start(self, base: int, ends: Mapping[str, codec.Tail]) -> None:
        """Begin to count after the partition record at the offset `base` and after the tails `ends`."""
        self.base, self.tails = base, ends
        self._untold: set[str] = set()

    def record(self, before: codec.PartitionRecord, outputs: Iterable[writer.Output]) -> codec.PartitionRecord:
        """Return the partition record with these outputs counted."""
        if not self.tails:
            return before
        return msgspec.structs.replace(before, base=self.base, tails=counted(self.tails, outputs, self._names))

    def follow(self, record: codec.PartitionRecord, last: Mapping[str, int], mark: int) -> None:
        """Begin to count after a write whose partition record has the offset `mark`; `last` are the topics' last offsets.

        If the broker did not report an offset (-1), this write and the next one are counted together.
        """
        self._untold = {topic for topic in self._untold | last.keys() if last.get(topic, -1) < 0}
        if self._untold:
            self.tails = record.tails
        else:
            self.start(mark, moved(record.tails, last, self._names, record.offset))


def compared(record: codec.PartitionRecord, found: Mapping[str, Found]) -> Comparison:
    """Compare the tails of a partition record with the topics.

    Everything before a tail is whole, because each takeover has made the last transaction whole.
    """
    missing: dict[str, int] = {}
    extra: list[tuple[str, str]] = []
    after: dict[str, codec.Tail] = {}
    for topic, tail in record.tails.items():
        there = found.get(topic, Found())
        # If retention has removed records, nothing is known of the last transaction: what is left may be of a later one.
        own = [] if there.cut else there.ids[: tail.count]
        if there.cut or (len(own) == tail.count and checksum(own) == tail.checksum):
            extra += [(topic, id_) for id_ in there.ids[len(own) :]]
            after[topic] = codec.Tail(there.offsets[len(own) - 1] if own else tail.after)
        else:
            missing[topic] = max(1, tail.count - len(there.ids))
    if missing:
        # The whole transaction is decided again, so every record of it that is there must be skipped.
        everything = tuple((topic, id_) for topic, each in found.items() for id_ in each.ids)
        return Comparison(missing, everything, {topic: codec.Tail(tail.after) for topic, tail in record.tails.items()})
    after[topics.EVENTS] = codec.Tail(max(after[topics.EVENTS].after, record.offset))
    return Comparison({}, tuple(extra), after)


def absent(outputs: Sequence[writer.Output], there: Collection[tuple[str, str]], names: topics.Topics) -> list[writer.Output]:
    """Return the outputs that are not on the broker yet; `there` are (topic without prefix, id) of those that are."""
    prefix, left, found = len(names.prefix), Counter(there), []
    for output in outputs:
        if left[known := (output.topic[prefix:], output.id)]:
            left[known] -= 1
        else:
            found.append(output)
    return found
