"""Kafka commits the last transaction by half, in any way: what can be read in the end is what an undisturbed run writes."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.authoring.compiling import catalogs
from engine.core.model import definition
from engine.runtime import bundles
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import timestamps, topics
from engine.runtime.monitoring import metrics
from engine.runtime.partition import partition, takeover, writer
from engine.runtime.state import codec, store
from tests.property import brokerless
from tests.unit.core import story

JOURNEY = """
enter: {event: go, key: event.data.k, reentry: never}
exit: [{event: stop, when: event.data.k == entry.data.k}]
steps:
  - {id: ask, send: {template: hello, channels: [{channel: whatsapp, success: delivered, fallback_after: 1h}, {channel: sms}]}}
  - {id: tell, emit: {event: told, data: {k: entry.data.k}}}
"""
NAMES = topics.Topics("shop.")
START = 1_764_000_000_000
OUTPUTS = [NAMES.name(topic) for topic in (topics.DECISIONS, *topics.ACTIONS.values(), topics.DEAD_LETTERS)]

happenings = st.lists(
    st.tuples(
        st.sampled_from(["hello", "go", "go", "stop", "bad", "erase", "later"]), st.sampled_from("abcd"), st.integers(1, 3)
    ),
    min_size=1,
    max_size=25,
)

part = st.sampled_from([0.0, 0.5, 1.0])
written = (topics.STATE, topics.DECISIONS, topics.ACTIONS["whatsapp"], topics.ACTIONS["sms"], topics.EVENTS, topics.DEAD_LETTERS)
shares = st.one_of(
    st.builds(lambda topic, much: {topic: much}, st.sampled_from(written), st.sampled_from([0.5, 1.0])),
    st.fixed_dictionaries(dict.fromkeys(written, part)),
)
"""Which part of each topic's records is committed: of one alone, or of each another."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> definition.Bundle:
    directory = tmp_path_factory.mktemp("half")
    story.compiled(directory, story.written("quick", JOURNEY))
    return catalogs.bundle(directory)


class Run:
    """A log of inputs, and workers that take its partition one after another."""

    def __init__(self, bundle: definition.Bundle, inputs: list[tuple[str, str, int]]) -> None:
        self.broker, self.metrics = brokerless.Broker(), metrics.Metrics(wall=lambda: 0.0)
        self._registry = bundles.Registry("nowhere:9", NAMES)
        self._registry._recorded.add(bundle)
        self._inputs = [
            (None, codec.bundle_activated(bundle.id, "stream", timestamps.instant(START), "activate")),
            *(_line(index, *each) for index, each in enumerate(inputs)),
        ]
        self.fed = self.crashes = 0

    def feed(self, count: int) -> None:
        """So many more inputs are on the log."""
        for key, value in self._inputs[self.fed : self.fed + count]:
            self.broker.append(NAMES.name(topics.EVENTS), key, value, headers=(), timestamp=START, timestamp_type=1)
        self.fed = min(self.fed + count, len(self._inputs))

    @property
    def done(self) -> bool:
        return self.fed == len(self._inputs)

    async def take(self, held: store.Port) -> partition.Partition:
        taken = takeover.Takeover("nowhere:9", NAMES, self._registry, brokerless.WALL, self.metrics, self._connected)
        return await taken.take(brokerless.NUMBER, brokerless.Writer(self.broker), held, "shop", 4)

    def _connected(self, number: int, held: store.Port, own: writer.Writer) -> partition.Partition:
        return partition.Partition(number, NAMES, self._registry, held, own)

    def unhandled(self, current: partition.Partition) -> faust_batches.Chunk:
        """What a worker reads next: no more than a few records, none that a step emitted."""
        records = self.broker.committed(NAMES.name(topics.EVENTS))
        return faust_batches.Chunk(each for each in records if each.offset > current.store.record.offset)

    async def finish(self, held: store.Port) -> partition.Partition:
        current = await self.take(held)
        while not self.done:
            self.feed(5)
            await current.handle([self.unhandled(current)])
        if chunk := self.unhandled(current):
            await current.handle([chunk])
        return current

    def counted(self, what: str) -> float:
        """How many batches are `repaired` or `unrepaired`."""
        return self.metrics.registry.get_sample_value(f"dalang_{what}_batches_total", {"partition": "3"}) or 0

    def written(self) -> dict[str, list[bytes]]:
        """Each output that can be read, by topic, without what belongs to its place in the log."""
        found = {topic: sorted(_value(record) for record in self.broker.committed(topic)) for topic in OUTPUTS}
        events = self.broker.committed(NAMES.name(topics.EVENTS))
        return {**found, "emitted": sorted(each.value for each in events if b'"dalang/journeys"' in each.value)}


def _value(record: Any) -> bytes:
    if not record.topic.endswith(topics.DEAD_LETTERS):
        return bytes(record.value)
    return bytes(record.value + b" " + dict(record.headers)["reason"])


def _line(index: int, kind: str, customer: str, minutes: int) -> tuple[bytes | None, bytes]:
    at = f"2026-11-22T{index:02d}:{minutes:02d}:00Z"
    told = {"specversion": "1.0", "id": f"e{index}", "source": "tests", "time": at, "recordedtime": at}
    match kind:
        case "bad":
            return None, b"{nonsense %d" % index
        case "later":
            return None, json.dumps({**told, "type": "timer.due"}).encode()
        case "hello":
            more = {"type": "customer.identified", "data": {"traits": {"phone": f"+62811{index}"}}}
        case "erase":
            more = {"type": "customer.erased", "data": {}}
        case _:
            more = {"type": kind, "data": {"k": minutes}}
    return customer.encode(), json.dumps({**told, **more, "subject": customer}).encode()


@given(st.data(), happenings)
def test_whatever_is_committed_by_half_is_made_whole(bundle: definition.Bundle, data: st.DataObject, inputs: Any) -> None:
    """Any part of each topic's records of the last transaction is committed, several times, also of a repair: in the end each
    decision, action, emitted event and dead letter is there once, the same as undisturbed, and so are the states.
    """
    with pytest.MonkeyPatch.context() as patch:
        calm, disturbed = Run(bundle, inputs), Run(bundle, inputs)
        calm.broker.put_in_place(patch)
        expected = asyncio.run(calm.finish(store.Store()))
        disturbed.broker.put_in_place(patch)
        found = asyncio.run(_disturbed(disturbed, data))
        assert disturbed.written() == calm.written()
        assert _states(found.store) == _states(expected.store)
        assert disturbed.counted("unrepaired") == 0
        assert disturbed.counted("repaired") <= disturbed.crashes


def test_states_go_back_on_the_topic_too(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some states of an aborted transaction are committed. The next worker writes the earlier ones before it decides, so that
    its own death a moment later leaves nothing that a third one would believe.
    """
    inputs = [("hello", "a", 1), ("go", "a", 1), ("go", "b", 1), ("hello", "c", 1)]
    calm, disturbed = Run(bundle, inputs), Run(bundle, inputs)
    calm.broker.put_in_place(monkeypatch)
    expected = asyncio.run(calm.finish(store.Store()))
    disturbed.broker.put_in_place(monkeypatch)
    found = asyncio.run(_dies_before_it_decides(disturbed))
    assert disturbed.written() == calm.written()
    assert _states(found.store) == _states(expected.store)
    assert disturbed.counted("repaired") == 1


async def _dies_before_it_decides(run: Run) -> partition.Partition:
    current = await run.take(store.Store())
    run.feed(2)
    await current.handle([run.unhandled(current)])
    run.feed(3)
    run.broker.halves = _halves({topics.STATE: 0.7})
    with pytest.raises(brokerless.Crash):
        await current.handle([run.unhandled(current)])
    await run.take(store.Store())
    return await run.finish(store.Store())


async def _disturbed(run: Run, data: st.DataObject) -> partition.Partition:
    held: store.Port = store.Store()
    for _ in range(data.draw(st.integers(1, 4), label="crashes")):
        parts = data.draw(shares, label="committed")
        during_repair = data.draw(st.booleans(), label="already while it is repaired")
        try:
            if during_repair:
                run.broker.halves = _halves(parts)
            current = await run.take(held)
            run.feed(data.draw(st.integers(0, 6), label="inputs"))
            if chunk := run.unhandled(current):
                cut = data.draw(st.integers(0, len(chunk)), label="handled before")
                if chunk[:cut]:
                    await current.handle([faust_batches.Chunk(chunk[:cut])])
                if chunk[cut:]:
                    run.broker.halves = _halves(parts)
                    await current.handle([faust_batches.Chunk(chunk[cut:])])
        except brokerless.Crash:
            run.crashes += 1
        run.broker.halves = None
        held = data.draw(st.sampled_from([store.Store(), held]), label="store")
    return await run.finish(store.Store())


def _halves(parts: dict[str, float]) -> brokerless.Halves:
    return lambda topic, count: round(count * parts.get(topic.removeprefix(NAMES.prefix), 0))


def _states(held: store.Port) -> dict[bytes, Any]:
    return {key: codec.customer(held.get(key) or b"") for key in held.keys()}  # noqa: SIM118 - a store is no dictionary
