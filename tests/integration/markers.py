"""A marker that ends a transaction in one partition alone: what a coordinator that came up with an old log sends by mistake.

Brokers take `WriteTxnMarkers` (KIP-98; in the compact form of KIP-482) from anybody where no authorizer stands.
"""

import socket
import struct
from typing import NamedTuple

WRITE_TXN_MARKERS, VERSION, CORRELATION = 27, 1, 7
_NO_TAGS = b"\x00"


class Transaction(NamedTuple):
    """What a marker names: whose transaction it ends. The epoch is the producer's."""

    id: str
    producer: int
    epoch: int


def commit(address: str, transaction: Transaction, topic: str, partition: int, coordinator_epoch: int = 0) -> None:
    """Commit what the transaction has written to this partition so far; `AssertionError` if the broker refuses."""
    marker = struct.pack(">qh?", transaction.producer, transaction.epoch, True)
    marker += _array([_text(topic) + _array([struct.pack(">i", partition)]) + _NO_TAGS])
    marker += struct.pack(">i", coordinator_epoch) + _NO_TAGS
    header = struct.pack(">hhih", WRITE_TXN_MARKERS, VERSION, CORRELATION, -1) + _NO_TAGS
    answer = _asked(address, header + _array([marker]) + _NO_TAGS)
    # Correlation and tags; of each marker its producer, of each topic its name, of each partition its number and an error code.
    at = 4 + 1 + 1 + 8 + 1 + 1 + len(topic.encode()) + 1
    number, code = struct.unpack_from(">ih", answer, at)
    assert (number, code) == (partition, 0), f"the broker refuses the marker for {topic}-{partition}: error {code}"


def _array(items: list[bytes]) -> bytes:
    """A compact array of fewer than 127 items."""
    return bytes([len(items) + 1]) + b"".join(items)


def _text(text: str) -> bytes:
    encoded = text.encode()
    assert len(encoded) < 127
    return bytes([len(encoded) + 1]) + encoded


def _asked(address: str, frame: bytes) -> bytes:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(len(frame).to_bytes(4, "big") + frame)
        answers = connection.makefile("rb")
        return answers.read(int.from_bytes(answers.read(4), "big"))
