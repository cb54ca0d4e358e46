"""Topics of one partition in memory, for `takeover.py`: transactions, marks, readers of committed records, half commits."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from engine.runtime.kafka import broker_clock, history
from engine.runtime.partition import writer
from engine.runtime.state import store

NUMBER = 3
Halves = Callable[[str, int], int]
"""How many of a transaction's records are committed: by topic, of how many."""


class Crash(Exception):
    """The worker died while its transaction was open, and some of it was committed."""


class Broker:
    """Every topic by its full name. A record that is not `committed` is aborted."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Any]] = {}
        self.halves: Halves | None = None
        """What is committed of the next transaction, whose worker dies."""

    def append(self, topic: str, key: bytes | None, value: bytes | None, *, committed: bool = True, **given: Any) -> int:
        records = self.topics.setdefault(topic, [])
        known = {"topic": topic, "partition": NUMBER, "offset": len(records), "key": key, "value": value, **given}
        record = SimpleNamespace(committed=committed, **known)
        records.append(record)
        return len(records) - 1

    def committed(self, topic: str) -> list[Any]:
        return [record for record in self.topics.get(topic, []) if record.committed]

    @contextlib.asynccontextmanager
    async def reading(self, broker: Any, *tps: Any) -> AsyncIterator["Consumer"]:
        yield Consumer(self, tps)

    def put_in_place(self, patched: pytest.MonkeyPatch) -> None:
        """Instead of Kafka, for everything that takes a partition."""
        patched.setattr(history, "reading", self.reading)
        patched.setattr(writer, "Claimer", lambda *_: Claimer(self))


class Claimer:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def claim(self, names: Iterable[str]) -> dict[str, int]:
        return {
            name: self._broker.append(name, writer.CLAIM_KEY, None, committed=False, headers=(), timestamp=0) for name in names
        }


class Writer(writer.Writer):
    """Each transaction is committed, or dies as `Broker.halves` says."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self.transactions = broker, True

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def write(self, outputs: list[writer.Output], states: list[writer.Output]) -> None:
        halves, self._broker.halves = self._broker.halves, None
        by_topic: dict[str, list[writer.Output]] = {}
        for output in (*outputs, *states):
            by_topic.setdefault(output.topic, []).append(output)
        last = {}
        for topic, each in by_topic.items():
            kept = len(each) if halves is None else halves(topic, len(each))
            for index, output in enumerate(each):
                given = {"headers": output.headers, "timestamp": 0}
                last[topic] = self._broker.append(topic, output.key, output.value, committed=index < kept, **given)
        if halves is not None:
            raise Crash
        self.last = last
        self.reached = store.Mark(last[states[-1].topic], 0)


class Consumer:
    """Reads committed records, a few at a time."""

    def __init__(self, broker: Broker, tps: Iterable[Any]) -> None:
        self._broker = broker
        self._at = dict.fromkeys(tps, 0)

    def assign(self, tps: Iterable[Any]) -> None:
        self._at = dict.fromkeys(tps, 0)

    def seek(self, tp: Any, offset: int) -> None:
        self._at[tp] = offset

    async def seek_to_beginning(self, *tps: Any) -> None:
        self._at.update(dict.fromkeys(tps, 0))

    async def beginning_offsets(self, tps: Iterable[Any]) -> dict[Any, int]:
        return dict.fromkeys(tps, 0)

    async def getmany(self, *tps: Any, **_: Any) -> dict[Any, list[Any]]:
        found = {}
        for tp in tps:
            start = self._at[tp]
            chunk = self._broker.topics.get(tp.topic, [])[start : start + 7]
            self._at[tp] = start + len(chunk)
            if committed := [record for record in chunk if record.committed]:
                found[tp] = committed
        return found

    def highwater(self, tp: Any) -> int:
        return len(self._broker.topics.get(tp.topic, []))

    async def position(self, tp: Any) -> int:
        return self._at[tp]


WALL = broker_clock.Wall(lambda: 0.0)
