"""What a worker does on a real Kafka beside surviving: bad input, transactions, clocks, ends."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from engine.runtime.kafka import topics
from tests import waiting
from tests.integration import clients, kafka, running, traffic
from tests.integration.running import Cluster


def test_bad_records_go_to_the_dead_letters_and_the_stream_goes_on(cluster: Cluster) -> None:
    """What is no event goes to `dead.letters` with the original bytes, the position and a reason; the stream goes on."""
    journeys = traffic.journeys(cluster.directory / "journeys")
    cluster.start(journeys)
    cluster.activated()
    good = json.loads(traffic.event("c1", "e1", "go", k="a"))
    bad = {
        "not_json": b"{nonsense",
        "not_a_cloudevent": b'{"hello":"world"}',
        "no_subject": json.dumps({**good, "subject": ""}).encode(),
        "not_a_time": json.dumps({**good, "time": "yesterday"}).encode(),
        "too_large": json.dumps({**good, "data": "x" * 2_000_000}).encode(),
        "key_is_not_subject": json.dumps({**good, "subject": "somebody-else"}).encode(),
    }
    keyless = json.dumps({**good, "subject": "without-key"}).encode()
    invalid = b'{"specversion":"1.0","id":"\xff"}'

    async def send() -> list[int]:
        """The offset of each; the good one is the last, as the timers that it sets are records too."""
        values = [(value, b"c1") for value in (*bad.values(), invalid, None)]
        async with clients.producer(cluster.broker, max_request_size=8_000_000) as producer:
            sent = [
                await producer.send_and_wait(cluster.events, value, key=key, partition=1)
                for value, key in (*values, (keyless, None), (json.dumps(good).encode(), b"c1"))
            ]
        return [each.offset for each in sent]

    *offsets, last = asyncio.run(send())
    cluster.wait_for({1: last})
    buried = cluster.dead_letters()
    assert sorted(headers["reason"] for _, headers in buried) == sorted([*bad, "not_json", "no_value", "key_is_not_subject"])
    for value, headers in buried:
        assert headers["topic"] == cluster.events
        assert headers["partition"] == "1"
        expected = {**bad, "no_value": None}[headers["reason"]]
        assert value in (expected, invalid, keyless)
    assert sorted(int(headers["offset"]) for _, headers in buried) == offsets
    assert [json.loads(line)["type"] for line in cluster.recorded().decisions][:1] == ["journey.entered"]
    cluster.proven(journeys)


def test_aborted_events_are_never_seen(cluster: Cluster) -> None:
    """Reading is read_committed: events of an aborted transaction enter nobody, those of a committed one do."""
    journeys = traffic.journeys(cluster.directory / "journeys")
    cluster.start(journeys)
    cluster.activated()

    async def send() -> None:
        async with clients.producer(cluster.broker, transactional_id=f"{cluster.names.prefix}shop") as producer:
            for number in range(30):
                await producer.begin_transaction()
                value = traffic.event(f"c{number}", f"e{number}", "go", k="a")
                await (await producer.send(cluster.events, value, key=f"c{number}".encode(), partition=0))
                await (producer.abort_transaction() if number % 3 == 0 else producer.commit_transaction())

    asyncio.run(send())
    cluster.until(lambda: len([None for line in cluster.recorded().decisions if b"journey.entered" in line]), (20).__eq__)
    entered = {json.loads(line)["customer"] for line in cluster.recorded().decisions}
    assert entered == {f"c{number}" for number in range(30) if number % 3}


def test_the_stream_clock_decides_what_the_virtual_clock_does(cluster: Cluster) -> None:
    """Months through Kafka in seconds under `--clock stream`: the decisions and actions of a replay of the file, byte for byte."""
    journeys = traffic.journeys(cluster.directory / "journeys")
    lines = [*traffic.customers(50)]
    for number, line in enumerate(traffic.events(3_000, 50)):
        at = f"2026-{1 + number // 300:02d}-{1 + number % 28:02d}T{number % 24:02d}:00:{number % 60:02d}Z"
        lines.append(json.dumps({**json.loads(line), "time": at}).encode())
    lines = sorted(
        (json.dumps({"time": "2026-01-01T00:00:00Z", **json.loads(line)}).encode() for line in lines),
        key=lambda line: str(json.loads(line)["time"]),
    )
    file = cluster.directory / "events.jsonl"
    file.write_bytes(b"\n".join(lines))
    cluster.start(journeys, clock="stream")
    cluster.activated()
    cluster.send(lines)
    everybody = {"specversion": "1.0", "id": "end", "source": "tests", "type": "timer.due", "time": "2100-01-01T00:00:00Z"}
    cluster.wait_for(cluster.send([json.dumps(everybody).encode()]))
    live = cluster.recorded()
    decided, acted = running.replay(str(file), journeys, cluster.directory)
    assert live.decisions == decided
    assert live.actions == acted
    assert len(acted) > 100
    # The log itself, as it stands in the topic, says the same; also without the files.
    assert cluster.replayed(journeys) == (decided, acted)
    assert cluster.replayed(None) == (decided, acted)


def test_sigterm_ends_a_worker(cluster: Cluster) -> None:
    """On SIGTERM in mid-stream it finishes its batch, leaves the group and exits 0. `tests/benchmarks/test_ends.py` has the seconds."""
    worker = cluster.start(traffic.journeys(cluster.directory / "journeys"))
    cluster.wait_for(cluster.send(traffic.customers(10)))
    cluster.send(traffic.events(2_000, 50))
    assert cluster.stop(worker) == 0
    cluster.until(cluster.members, ("Empty", 0).__eq__)


def test_the_logs_hold_no_personal_data(cluster: Cluster) -> None:
    """Logs name customers, journeys and causes; never a phone, an address or a text."""
    cluster.start(traffic.journeys(cluster.directory / "journeys"))
    cluster.activated()
    last = cluster.send([*traffic.customers(20), b"{bad +6212345", traffic.event("c0001", "x", "go", k="a")])
    cluster.wait_for(last)
    assert "+62" not in cluster.log.read_text()


def test_missing_topics_are_said(broker: str) -> None:
    """A worker without topics says which are missing and what to do, and exits 2."""
    command = [*running.DALANG, "worker", "--broker", broker, "--topic-prefix", "nowhere."]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(running.ROOT)}, check=False
    )
    assert (done.returncode, "nowhere.customer.events" in done.stderr, "topics create" in done.stderr) == (2, True, True)


@pytest.mark.parametrize("arguments", [["worker"], ["topics", "create"], ["topics", "check"]])
def test_no_broker_is_a_sentence(arguments: list[str]) -> None:
    """Without a broker every command that needs one ends by itself, says so, and exits 2. `tests/benchmarks/test_ends.py` has the
    seconds.
    """
    address = f"127.0.0.1:{kafka.free_port()}"
    done = subprocess.run(
        [*running.DALANG, *arguments, "--broker", address],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(running.ROOT)},
        check=False,
        timeout=waiting.LONG,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("dalang: DLG501 No Kafka broker answers")
    assert "Traceback" not in done.stderr


def test_a_broker_that_dies_under_the_worker_loses_nothing(tmp_path: pathlib.Path) -> None:
    """The broker is killed in mid-stream and started again: the worker waits and goes on, or leaves with 70 and is started
    again; nothing is lost or repeated.
    """
    missing = kafka.why_not()
    if missing:
        pytest.skip(f"NOT TESTED: the death of a broker, because there is {missing} here")
    node = kafka.Kafka(tmp_path, session=kafka.SHORT)
    node.start()
    cluster = Cluster(node.address, "", tmp_path)
    try:
        cluster.create_topics()
        journeys = traffic.journeys(tmp_path / "journeys")
        cluster.keep(journeys, 1)
        cluster.activated()
        cluster.send(traffic.customers(100))
        cluster.send(traffic.events(4_000, 100))
        node.stop(signal.SIGKILL)
        time.sleep(3)
        node.start()
        cluster.send(traffic.events(2_000, 100, seed=8))
        _, acted = cluster.proven(journeys)
        assert acted
    finally:
        cluster.end()
        node.stop()


def test_all_topics_are_made_with_one_count(cluster: Cluster) -> None:
    """`topics create` makes them all with the same partition count; a second time it makes none."""
    assert asyncio.run(topics.partitions(cluster.broker, cluster.names)) == running.PARTITIONS
    assert asyncio.run(topics.create(cluster.broker, cluster.names, running.PARTITIONS)) == []


def test_a_lost_topic_is_made_with_the_others_count(cluster: Cluster) -> None:
    """`topics create` gives a lost topic the partitions of the rest, whatever its default; asked for another count it refuses and
    makes nothing. Until then every command names the missing topic and says how to make it.
    """
    lost = cluster.names.name(topics.STATE)

    async def lose() -> None:
        async with clients.admin(cluster.broker) as admin:
            await admin.delete_topics([lost])

    asyncio.run(lose())
    cluster.until(lambda: asyncio.run(topics.numbers(cluster.broker, lost)) == [])
    deploy = ["deploy", str(traffic.journeys(cluster.directory / "journeys"))]
    for arguments in (["state", "rebuild"], ["command", "pause"], deploy):
        done = cluster.dalang(*arguments)
        assert (done.returncode, f"DLG510 Missing topics: {lost}. Create them with" in done.stderr) == (2, True), done.stderr
    refused = cluster.dalang("topics", "create", "--partitions", "12")
    assert (refused.returncode, "has 4 partitions, but --partitions says 12" in refused.stderr) == (2, True)
    assert cluster.dalang("topics", "create").stdout == f"created {lost}\n"
    assert cluster.dalang("topics", "check").stdout == "All topics exist, with 4 partitions each.\n"
