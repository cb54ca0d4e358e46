from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from engine.runtime import bundles
from engine.runtime.consumer_group import faust_batches
from engine.runtime.kafka import topics
from engine.runtime.partition import partition
from engine.runtime.state import store

HERE = TP("customer.events", 3)
NOBODY: Any = None  # nothing is written


def fetched(*offsets: int) -> list[Any]:
    return [
        SimpleNamespace(topic=HERE.topic, partition=HERE.partition, offset=each, timestamp=0, timestamp_type=0)
        for each in offsets
    ]


def chunks(trail: faust_batches.Trail, *offsets: int) -> list[faust_batches.Chunk]:
    return [batch.value for _, batch in faust_batches.BatchScheduler().iterate(trail.marked({HERE: fetched(*offsets)}))]


def test_a_fetch_is_cut_into_chunks_that_name_the_record_before_them() -> None:
    """A chunk follows the last record of the one before, also over the gaps that markers leave, and across fetches."""
    trail = faust_batches.Trail()
    first = chunks(trail, *range(faust_batches.CHUNK + 1))
    assert [(len(chunk), chunk.follows) for chunk in first] == [(faust_batches.CHUNK, None), (1, faust_batches.CHUNK - 1)]
    (second,) = chunks(trail, faust_batches.CHUNK + 7)
    assert second.follows == faust_batches.CHUNK


def test_a_chunk_after_a_seek_follows_nothing() -> None:
    """What is read again starts where all before was handled."""
    trail = faust_batches.Trail()
    chunks(trail, 5, 6)
    assert [chunk.follows for chunk in chunks(trail, 5, 6)] == [None]


async def test_a_chunk_whose_predecessor_was_dropped_is_refused() -> None:
    """Records that were fetched and not handled must not be jumped over."""
    names = topics.Topics()
    here = partition.Partition(3, names, bundles.Registry("localhost:9", names), store.Store(), NOBODY)
    here.store.record = here.store.record.__class__(offset=6)
    lost = faust_batches.Chunk(fetched(9))
    lost.follows = 8
    with pytest.raises(partition.Skipped):
        await here.handle([lost])


async def test_a_fetch_that_faust_dropped_whole_is_missed() -> None:
    """A fetch that comes back during a rebalance is dropped before any chunk is made of it; what comes next names it all the
    same, and is refused.
    """
    names, trail = topics.Topics(), faust_batches.Trail()
    here = partition.Partition(3, names, bundles.Registry("localhost:9", names), store.Store(), NOBODY)
    here.store.record = here.store.record.__class__(offset=6)
    trail.marked({HERE: fetched(7, 8)})
    (then,) = chunks(trail, 9, 10)
    assert then.follows == 8
    with pytest.raises(partition.Skipped):
        await here.handle([then])


async def test_what_was_handled_already_is_nothing_new() -> None:
    """A chunk that comes again is passed over, and one after it that it leads to is not refused."""
    names = topics.Topics()
    here = partition.Partition(3, names, bundles.Registry("localhost:9", names), store.Store(), NOBODY)
    here.store.record = here.store.record.__class__(offset=6)
    again, then = faust_batches.Chunk(fetched(4, 5)), faust_batches.Chunk(fetched(6))
    then.follows = 5
    assert await here.handle([again, then]) == 0
