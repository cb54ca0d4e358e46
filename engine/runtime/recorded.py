"""The records of a live run: its decisions and actions from the topics, in the order of a replay.

Called by the demo and the tests, to compare a live run with its replay. Everything is kept in memory.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from engine.core.model import decisions
from engine.replay import summary
from engine.runtime.kafka import connection, history, topics


class Recorded(msgspec.Struct, frozen=True):
    """The decisions and the actions as lines, ordered by (at, customer, index), and the counts."""

    decisions: list[bytes]
    actions: list[bytes]
    summary: summary.Summary

    def sha256(self) -> Mapping[str, str]:
        """Return the hash of the decisions and of the actions, as a replay prints them."""
        return {kind: _hash(lines) for kind, lines in (("decisions", self.decisions), ("actions", self.actions))}


class _Sent(msgspec.Struct):
    id: str


async def read(broker: connection.Address, names: topics.Topics) -> Recorded:
    """Read the committed records of `journey.events` and of every `actions.<channel>`."""
    counted = summary.Summary()
    found: list[tuple[float, str, int, bytes]] = []
    # A customer's decisions are in one partition, in their order; offsets are only compared within one customer.
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
        # An action without its decision comes last, where it cannot be overlooked.
        sent += [(place.get(_id(record.value), len(place)), record.value) for record in chunk]
    return Recorded(decided, [line for _, line in sorted(sent)], counted)


def _action_of(line: bytes) -> str | None:
    """Return the id of the action that a decision leads to, or None if it leads to none."""
    if decisions.MessageRequested.type.encode() not in line:
        return None
    data = decisions.decode(line).data
    return f"{data.message_id}/{data.attempt}" if isinstance(data, decisions.MessageRequested) else None


def _id(line: bytes) -> str:
    return msgspec.json.decode(line, type=_Sent).id


def _hash(lines: list[bytes]) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
