"""Workers that are frozen and woken, and the worst of customers, on a real Kafka: what is committed is what a replay decides."""

import asyncio
import json
import pathlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from aiokafka.admin.new_partitions import NewPartitions

from engine.core.decide import state_limit
from engine.runtime.kafka import topics
from tests.integration import clients, running, traffic
from tests.integration.running import Cluster
from tests.unit.core import story

CUSTOMERS = 100

GREEDY = """
enter: {event: greedy, reentry: after_exit}
steps:
  - id: loop
    send: {template: greedy, channels: [{channel: sms}]}
"""
TEMPLATE = "sms: {text: '{% for a in entry.data.list %}{% for b in entry.data.list %}.{% endfor %}{% endfor %}'}"


@pytest.fixture(scope="module")
def shop(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers on one set of topics for all cases here, the journeys live in every partition, everybody introduced."""
    cluster = Cluster(broker, "workers.", tmp_path_factory.mktemp("workers"))
    cluster.create_topics()
    directory = cluster.directory / "journeys"
    (directory / "templates").mkdir(parents=True)
    (directory / "templates" / "greedy.id.yaml").write_text(TEMPLATE)
    story.compiled(directory, story.written("quick", traffic.QUICK), story.written("greedy", GREEDY))
    cluster.keep(directory, 2)
    cluster.activated()
    cluster.send(traffic.customers(CUSTOMERS))
    yield cluster
    cluster.end()


def test_a_zombie_is_fenced(shop: Cluster) -> None:
    """A worker that sleeps (SIGSTOP) for longer than the session timeout and is woken writes nothing more for the partitions
    that another has taken over: nothing is lost, nothing is there twice. `tests/unit/runtime/test_fenced.py`: it need not leave.
    """
    assert shop.kept is not None
    with shop.flowing(4_000, CUSTOMERS, seed=11, seconds=14):
        for worker in tuple(shop.kept.workers):
            time.sleep(1.5)
            worker.send_signal(signal.SIGSTOP)
            time.sleep(5)
            worker.send_signal(signal.SIGCONT)
    assert shop.acted()


def test_a_step_that_raises_ends_its_own_instance(shop: Cluster) -> None:
    """A template that would render without end for one customer: her instance leaves as failed, her other one and everybody
    else go on.
    """
    shop.settle()
    before = Counter(shop.recorded().decisions)
    events = [traffic.event(f"c{number:04d}", f"greedy-{number}", "greedy", list=[1]) for number in range(10)]
    events.insert(5, traffic.event("c0042", "greedy-42", "greedy", list=[1] * 30_000))
    events.insert(5, traffic.event("c0042", "quick-42", "go", k="greedy"))
    shop.send(events)
    assert shop.acted()
    found = [json.loads(line) for line in (Counter(shop.recorded().decisions) - before)]
    failed = [each["customer"] for each in found if each["type"] == "step.failed"]
    assert failed == ["c0042"]
    ends = {(each["customer"], each["journey"]): each.get("data", {}) for each in found if each["type"] == "journey.exited"}
    assert ends["c0042", "greedy"]["reason"] == "failed"
    done = {(each["customer"], each["journey"]) for each in found if each["type"] == "journey.completed"}
    assert done == {("c0042", "quick"), *((f"c{number:04d}", "greedy") for number in range(10))}


def test_large_events_and_a_state_without_end(shop: Cluster) -> None:
    """An event of just under 1 MB is taken like any other. A customer whose state would pass its limit: each input that
    would do it is in the dead letters as `state_too_large` and changes nothing; her smaller inputs and everybody else go on.
    """
    large = "x" * (state_limit.LARGEST // 2)
    events = [traffic.event("c0001", "huge", "page.viewed", text="x" * 1_040_000)]
    events += [traffic.event("c0002", f"large-{k}", "go", k=k, text=large) for k in "pqrs"]
    events += [traffic.event("c0002", "small", "go", k="t"), traffic.event("c0003", "other", "go", k="t")]
    last = shop.send(events)
    shop.wait_for(last)
    assert shop.acted()
    reasons = Counter(headers["reason"] for _, headers in shop.dead_letters())
    assert reasons == {"state_too_large": 3}
    entered = [json.loads(line) for line in shop.recorded().decisions if b'"journey.entered"' in line]
    assert {(each["customer"], each["data"].get("key")) for each in entered} >= {("c0002", "p"), ("c0002", "t"), ("c0003", "t")}
    assert not {("c0002", "q"), ("c0002", "r"), ("c0002", "s")} & {
        (each["customer"], each["data"].get("key")) for each in entered
    }


def test_a_clock_that_jumps_fires_nothing_early_and_nothing_twice(cluster: Cluster) -> None:
    """The worker's machine, and a producer's, jump an hour ahead and an hour back: timers go by the broker's time, so that
    none fires before its time, none an hour late, and none twice.
    """
    skew = cluster.directory / "skew"
    _set(skew, "3600")  # wrong from the start
    journeys = cluster.directory / "journeys"
    # Later than this is what went by a clock that jumped, and not what waited for a slow machine.
    story.compiled(journeys, story.written("quick", traffic.QUICK), policy=story.POLICY.rstrip() + "\n  late_after: 30m\n")
    script = str(pathlib.Path(__file__).with_name("skewed.py"))
    cluster.start(journeys, dalang=[sys.executable, script], DALANG_TEST_SKEW=str(skew))
    cluster.activated()
    cluster.send(traffic.customers(50))
    with cluster.flowing(1_000, 50, seed=12, seconds=9):
        for jump in ("0", "3600", "-3600"):
            time.sleep(3)
            _not_ahead(cluster)
            _set(skew, jump)
        asyncio.run(_ahead(cluster))
    decided, acted = cluster.proven(journeys)
    _not_ahead(cluster)
    fired = [json.loads(line) for line in decided if b'"step.completed"' in line]
    assert len(fired) > 50 < len(acted)
    assert not [each for each in fired if each.get("late")]


def _set(skew: pathlib.Path, seconds: str) -> None:
    """In one step: the worker reads it all the time, and half a number is none."""
    new = skew.with_suffix(".new")
    new.write_text(seconds)
    new.replace(skew)


def _not_ahead(cluster: Cluster) -> None:
    latest = max((json.loads(line)["at"] for line in cluster.recorded().decisions), default="")
    assert latest <= time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())


async def _ahead(cluster: Cluster) -> None:
    """Events whose producer's clock is an hour ahead."""
    async with clients.producer(cluster.broker) as producer:
        for number in range(50):
            key = f"c{number:04d}"
            value = traffic.event(key, f"ahead-{number}", "go", k="ahead")
            await producer.send_and_wait(
                cluster.events, value, key=key.encode(), timestamp_ms=int(time.time() * 1000) + 3_600_000
            )


def test_a_changed_number_of_partitions_is_refused(cluster: Cluster) -> None:
    """Partitions that are added under a worker's feet: it ends with 2 and says what to do, a new start does so too, and no
    customer is decided upon in a partition without her state.
    """
    journeys = traffic.journeys(cluster.directory / "journeys")
    worker = cluster.start(journeys)
    cluster.activated()
    cluster.send(traffic.customers(50))
    asyncio.run(_more(cluster))
    assert cluster.ended(worker) == 2
    assert "DLG560" in cluster.log.read_text()
    assert "--topic-prefix" in cluster.log.read_text()
    cluster.send(traffic.event(f"c{number:04d}", f"go-{number}", "go", k="a") for number in range(50))
    cluster.log.write_text("")
    assert cluster.ended(cluster.start(journeys)) == 2
    assert "DLG560" in cluster.log.read_text()
    decided = [json.loads(line) for line in cluster.recorded().decisions]
    assert len({each["customer"] for each in decided}) < 50


async def _more(cluster: Cluster) -> None:
    names = [spec.name for spec in cluster.names.specs()]
    async with clients.admin(cluster.broker) as admin:
        await admin.create_partitions({name: NewPartitions(2 * running.PARTITIONS) for name in names})


def test_a_state_that_is_lost_is_made_again_from_the_log(cluster: Cluster) -> None:
    """The group's place in the log is not believed: where `customer.state` holds less, reading begins where the state ends,
    after one start more; the decisions are the same again, with the same ids.
    """
    journeys = traffic.journeys(cluster.directory / "journeys")
    worker = cluster.start(journeys)
    cluster.activated()
    cluster.send([*traffic.customers(50), *traffic.events(1_000, 50)])
    decided, _ = cluster.proven(journeys)
    assert cluster.stop(worker) == 0
    asyncio.run(_without_states(cluster))
    cluster.until(lambda: asyncio.run(topics.create(cluster.broker, cluster.names, running.PARTITIONS)), what="the topic is gone")
    kept = cluster.keep(journeys, 1)
    cluster.proven(journeys, twice=True)
    assert kept.ends[70] >= 1
    assert "DLG561" in cluster.log.read_text()
    assert set(Counter(cluster.recorded().decisions).values()) == {2}
    assert decided


async def _without_states(cluster: Cluster) -> None:
    async with clients.admin(cluster.broker) as admin:
        await admin.delete_topics([cluster.names.name(topics.STATE)])
