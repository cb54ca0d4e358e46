"""Taking a partition in odd cases: nothing is lost or twice, and nothing is repaired that was whole."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.core.model import definition
from engine.runtime import bundles, state_check
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import topics
from engine.runtime.partition import partition, tails, takeover
from engine.runtime.state import codec, store
from tests.property import brokerless
from tests.property.test_half_commits import NAMES, Run, _halves, _states, bundle  # noqa: F401 - the fixture is used by its name

DECISIONS = NAMES.name(topics.DECISIONS)
WHATSAPP = NAMES.name(topics.ACTIONS["whatsapp"])


def calm(bundle: definition.Bundle, inputs: list[tuple[str, str, int]], patched: pytest.MonkeyPatch) -> tuple[Run, Any]:  # noqa: F811
    """The same inputs with nothing in their way."""
    run = Run(bundle, inputs)
    run.broker.put_in_place(patched)
    return run, asyncio.run(run.finish(store.Store())).store


def test_two_outputs_with_one_id_are_both_written(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Who is erased and comes back with the same key gets the same message id: of two such actions one is there, and the other
    is written; the next takers find nothing to mend.
    """
    inputs = [("hello", "a", 1), ("go", "a", 1), ("erase", "a", 1), ("hello", "a", 1), ("go", "a", 1)]
    expected, _ = calm(bundle, inputs, monkeypatch)
    run = Run(bundle, inputs)
    run.broker.put_in_place(monkeypatch)

    async def story() -> None:
        current = await run.take(store.Store())
        run.feed(1)
        await current.handle([run.unhandled(current)])
        run.feed(99)
        run.broker.halves = _halves({topics.DECISIONS: 1.0, topics.ACTIONS["whatsapp"]: 0.5, topics.EVENTS: 1.0})
        with pytest.raises(brokerless.Crash):
            await current.handle([run.unhandled(current)])
        await run.take(store.Store())
        await run.take(store.Store())

    asyncio.run(story())
    assert len(expected.written()[WHATSAPP]) == 2
    assert run.written() == expected.written()
    assert run.counted("repaired") == 1


def test_an_offset_that_was_not_told_is_no_half_commit(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The broker does not say where the decisions of a batch stand, the next one writes none, a third one does: all three count as
    one, and a taker finds them whole.
    """
    inputs = [("hello", "a", 1), ("go", "a", 1), ("hello", "b", 1), ("go", "b", 2)]
    run = Run(bundle, inputs)
    run.broker.put_in_place(monkeypatch)

    async def story() -> None:
        current = await run.take(store.Store())
        write = current.writer.write

        async def untold(outputs: Any, states: Any) -> None:
            await write(outputs, states)
            current.writer.last = {**current.writer.last, DECISIONS: -1}

        for count, how in ((3, untold), (1, write), (1, write)):
            run.feed(count)
            current.writer.write = how  # type: ignore[method-assign]
            await current.handle([run.unhandled(current)])
        await run.take(store.Store())

    asyncio.run(story())
    assert run.counted("repaired") == 0


def test_what_nothing_led_to_is_passed_over(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Somebody else wrote to the topic of decisions: the taker does not decide the whole backlog in search of its reason, and
    what waits is decided as ever.
    """
    inputs = [("hello", "a", 1), *(("go", "a", n) for n in (1, 2, 3)), *[("bad", "a", 1)] * 15]
    expected, states = calm(bundle, inputs, monkeypatch)
    run = Run(bundle, inputs)
    run.broker.put_in_place(monkeypatch)

    async def story() -> store.Port:
        current = await run.take(store.Store())
        run.feed(3)
        await current.handle([run.unhandled(current)])
        handled = current.store.record.offset
        run.broker.append(DECISIONS, b"a", b'{"id":"foreign"}', headers=(), timestamp=0)
        run.feed(99)
        current = await run.take(store.Store())
        assert current.store.record.offset == handled
        await current.handle([run.unhandled(current)])
        return current.store

    found = asyncio.run(story())
    assert _states(found) == _states(states)
    run.broker.topics[DECISIONS] = [each for each in run.broker.topics[DECISIONS] if each.value != b'{"id":"foreign"}']
    assert run.written() == expected.written()


@pytest.mark.parametrize("few", [0, 10_000])
def test_a_bundle_that_nobody_knew_may_emit(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch, few: int) -> None:  # noqa: F811
    """The half transaction activated the first bundle that emits, and only its emitted event is committed: it is not written again,
    whether the log is read or the bundles are asked.
    """
    inputs = [("hello", "a", 1), ("go", "a", 1)]
    expected, _ = calm(bundle, inputs, monkeypatch)
    run = Run(bundle, inputs)
    run.broker.put_in_place(monkeypatch)
    monkeypatch.setattr(takeover, "FEW", few)

    async def story() -> None:
        current = await run.take(store.Store())
        run.feed(99)
        run.broker.halves = _halves({topics.EVENTS: 1.0})
        with pytest.raises(brokerless.Crash):
            await current.handle([run.unhandled(current)])
        younger = bundles.Registry("nowhere:9", NAMES)

        async def refresh() -> None:
            younger._recorded.add(bundle)

        monkeypatch.setattr(younger, "refresh", refresh)
        run._registry = younger
        await run.finish(store.Store())

    asyncio.run(story())
    assert run.written() == expected.written()


def test_what_retention_left_is_of_a_later_transaction(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The dead letter of the last whole transaction is gone; that of a half one is there, and is not written again."""
    inputs = [("bad", "a", 1), ("bad", "a", 2), ("bad", "b", 1), ("hello", "b", 1)]
    expected, _ = calm(bundle, inputs, monkeypatch)
    run = Run(bundle, inputs)
    run.broker.put_in_place(monkeypatch)
    begins: dict[str, int] = {}

    async def beginning(self: Any, tps: Any) -> dict[Any, int]:
        return {tp: begins.get(tp.topic, 0) for tp in tps}

    monkeypatch.setattr(brokerless.Consumer, "beginning_offsets", beginning)
    dead = NAMES.name(topics.DEAD_LETTERS)

    async def story() -> None:
        current = await run.take(store.Store())
        run.feed(2)
        await current.handle([run.unhandled(current)])
        begins[dead] = len(run.broker.topics[dead])
        run.feed(1)
        run.broker.halves = _halves({topics.DEAD_LETTERS: 1.0})
        with pytest.raises(brokerless.Crash):
            await current.handle([run.unhandled(current)])
        await run.finish(store.Store())

    asyncio.run(story())
    assert run.written() == expected.written()


@pytest.mark.parametrize(
    ("topic", "headers", "value"),
    [
        (topics.DEAD_LETTERS, (("reason", None),), b"x"),
        (topics.DEAD_LETTERS, (), b"x"),
        (topics.DECISIONS, (), b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (topics.DECISIONS, (), None),
        (topics.EVENTS, (("emitted", None),), b"1"),
    ],
)
def test_an_odd_record_stops_no_taker(topic: str, headers: Any, value: bytes | None) -> None:
    """Whatever somebody else writes to an output topic has an id or none, and raises nothing."""
    id_ = tails.id_of(topic, SimpleNamespace(headers=headers, value=value))
    assert id_ is None or topic == topics.DEAD_LETTERS


def test_the_check_begins_after_a_rebuild() -> None:
    """`dalang state rebuild` writes a record that counts nothing: no check spans it, and none ends at it."""
    ends = {topic: codec.Tail(1) for topic in tails.TOPICS}
    own = [
        state_check._Own(10, 0, codec.PartitionRecord(offset=1, tails=ends)),
        state_check._Own(20, 0, codec.PartitionRecord(offset=2, base=10, tails=ends)),
        state_check._Own(30, 0, codec.PartitionRecord(offset=3)),
    ]
    assert state_check._chosen(own[:2], 1e18) == [(own[0], own[1], own[1])]
    assert state_check._chosen(own, 1e18) == []


def test_a_calendar_is_whole_after_a_batch_was_given_up(bundle: definition.Bundle, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Inputs that were decided in search of a reason, and left for later, have not taken anybody's timer out of the calendar."""
    run = Run(bundle, [("hello", "a", 1), ("go", "a", 1), ("later", "a", 1)])
    run.broker.put_in_place(monkeypatch)

    async def story() -> partition.Partition:
        current = await run.take(store.Store())
        run.feed(3)
        await current.handle([faust_batches.Chunk(run.unhandled(current))])
        run.broker.append(DECISIONS, b"a", b'{"id":"foreign"}', headers=(), timestamp=0)
        run.feed(1)
        return await run.take(store.Store())

    current = asyncio.run(story())
    held = current.store
    (key,) = [key for key in held.keys() if held.due_of(key) != codec.NO_TIMER]  # noqa: SIM118 - a store is no dictionary
    due = list(held.timer_queue.due(held.due_of(key), 0, held.due_of, strictly=False))
    assert [keys for _, keys in due] == [[key]]
