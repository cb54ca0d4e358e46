"""Customers in partitions that are not theirs: the one sign of a producer that partitions in another way."""

import asyncio
import pathlib
from typing import Any

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as some

from engine.runtime.kafka import partitioner
from engine.runtime.state import codec
from tests.unit.runtime.rig import Rig

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Keys and their murmur2 as a signed int, from `UtilsTest.testMurmur2` of Apache Kafka."""


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
def test_a_key_is_at_home_where_javas_client_puts_it(key: bytes, hashed: int) -> None:
    """`Utils.toPositive(murmur2(key)) % partitions`, by the values of Kafka's own test."""
    assert [partitioner.home(key, count) for count in (1, 4, 12, 1000)] == [(hashed & 0x7FFFFFFF) % n for n in (1, 4, 12, 1000)]


@given(some.binary(max_size=60), some.integers(1, 500))
def test_what_dalang_sends_is_at_home(key: bytes, partitions: int) -> None:
    """Its own commands and timers, and the tools that put events onto the log, partition by aiokafka's default."""
    every = list(range(partitions))
    assert partitioner.home(key, partitions) == DefaultPartitioner()(key, every, every)


@pytest.fixture
def rig(tmp_path: pathlib.Path) -> Rig:
    rig = Rig(tmp_path)
    rig.store.record = msgspec.structs.replace(rig.store.record, partitions=12)
    asyncio.run(rig.handle(rig.activation()))
    return rig


HOME = [each for each in (f"c{n}" for n in range(200)) if partitioner.home(each.encode(), 12) == 7]
AWAY = [each for each in (f"c{n}" for n in range(200)) if partitioner.home(each.encode(), 12) != 7]


async def test_each_new_customer_of_another_partition_counts_once(rig: Rig, capsys: Any) -> None:
    """She is decided upon all the same, her later events count no more, and the log tells of the first one alone."""
    await rig.handle(*(rig.event(each, "go", n=2, k="x") for each in (*HOME[:3], *AWAY[:4])))
    await rig.handle(*(rig.event(each, "go", n=2, k="y") for each in AWAY[:4]))
    assert rig.value("dalang_misplaced_customers_total", partition="7") == 4
    assert {*HOME[:3], *AWAY[:4]} == {codec.customer(each).id for each in rig.store.snapshots.values()}
    told = capsys.readouterr()
    assert (told.out + told.err).count("customer misplaced") == 1


async def test_those_at_home_and_those_whom_nothing_names_are_no_news(rig: Rig) -> None:
    """Nothing counts where the producers agree, nor where an event leaves no state."""
    await rig.handle(*(rig.event(each, "go", n=2, k="x") for each in HOME), rig.event(AWAY[0], "unheard", n=1))
    assert rig.value("dalang_misplaced_customers_total", partition="7") == 0
    assert len(rig.store.snapshots) == len(HOME)
