"""The decisions and actions that a worker wrote to Kafka, in the order in which a replay writes them.

Called by the demo and the tests, to compare a live run with its replay. Everything is read into memory.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from engine.core.model import decisions
from engine.replay import summary
from engine.runtime.kafka import connection, history, topics


class Recorded(msgspec.Struct, frozen=True):
    """The decisions and actions of a live run as JSON lines, and a summary that counts the decisions.

    Decisions are sorted by time, then by customer, then by offset. Actions are in the order of the decisions that requested
    them.
    """

    decisions: list[bytes]
    actions: list[bytes]
    summary: summary.Summary

    def sha256(self) -> Mapping[str, str]:
        """Return `{"decisions": SHA-256, "actions": SHA-256}` of the lines, to be compared with the hashes of a replay."""
        return {kind: _hash(lines) for kind, lines in (("decisions", self.decisions), ("actions", self.actions))}


class _Sent(msgspec.Struct):
    id: str


async def read(broker: connection.Address, names: topics.Topics) -> Recorded:
    """Read all committed records of `journey.events` and of every topic `actions.<channel>`."""
    counted = summary.Summary()
    found: list[tuple[float, str, int, bytes]] = []
    # All decisions of a customer are in one partition, so their offsets give their order. Two customers are never compared by
    # offset, because the sort compares the customers' ids first.
    async for chunk in history.records(broker, names.name(topics.DECISIONS)):
        for record in chunk:
            decision = decisions.decode(record.value)
            counted.count(decision)
            found.append((decision.at.timestamp(), decision.customer, record.offset, record.value))
    found.sort()
    decided = [line for *_, line in found]
    place = {id_: index for index, id_ in enumerate(filter(None, map(_action_of, decided)))}
    sent: list[tuple[int, bytes]] = []
    async for chunk in history.records(broker, *(names.name(topic) for topic in topics.ACTIONS.values())):
        # An action whose decision is missing is sorted to the end, where it is easy to see.
        sent += [(place.get(_id(record.value), len(place)), record.value) for record in chunk]
    return Recorded(decided, [line for _, line in sorted(sent)], counted)


def _action_of(line: bytes) -> str | None:
    """Return the id of the action that a decision requested, or None if the decision requested no action."""
    if decisions.MessageRequested.type.encode() not in line:
        return None
    data = decisions.decode(line).data
    return f"{data.message_id}/{data.attempt}" if isinstance(data, decisions.MessageRequested) else None


def _id(line: bytes) -> str:
    return msgspec.json.decode(line, type=_Sent).id


def _hash(lines: list[bytes]) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
