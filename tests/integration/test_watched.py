"""The numbers of a worker on a real Kafka, against what stands on its topics."""

import asyncio
import http.client
import json
import pathlib
import threading
from collections import Counter

import pytest
from prometheus_client import parser

from engine.core.model import channels, decisions
from engine.runtime.kafka import history, topics
from tests.integration import kafka, running, traffic
from tests.integration.running import Cluster


def get(port: int, path: str) -> tuple[int, str]:
    """The answer; 0 while nobody serves."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        connection.close()


def scrape(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of `/metrics`, by name and labels."""
    status, text = get(port, "/metrics")
    assert status == 200
    families = parser.text_string_to_metric_families(text)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for found in families for each in found.samples}


def test_the_numbers_of_a_worker_are_those_of_its_topics(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not ready, then ready; then events, decisions, actions, dead letters, states and timers as the topics have them, no lag."""
    port = kafka.free_port()
    monkeypatch.setenv("DALANG_METRICS_PORT", str(port))
    monkeypatch.setenv("DALANG_METRICS_HOST", "127.0.0.1")
    answers: list[int] = []

    def answered(status: int) -> bool:
        answers.append(get(port, "/ready")[0])
        return answers[-1] == status

    with cluster.unreadable():
        worker = cluster.start(traffic.journeys(cluster.directory / "journeys"))
        cluster.until(lambda: answered(503))
    cluster.until(lambda: answered(200))
    assert set(answers) <= {0, 503, 200}
    assert get(port, "/health")[0] == 200
    cluster.activated()
    cluster.send([*traffic.customers(100), b"{nonsense", b'{"hello":"world"}', *traffic.events(3_000, 100)])
    cluster.until(lambda: bool(cluster.recorded().actions))
    # The clock's own records too: until the last timer has fired and nothing more is written.
    ends: dict[int, int] = {}
    while ends != (ends := cluster.ends()):
        cluster.wait_for(ends)
        cluster.until(lambda: sum(value for (name, _), value in scrape(port).items() if name == "dalang_timers_waiting") == 0)

    def quiet() -> bool:
        return all(
            value == 0 for (name, _), value in scrape(port).items() if name in ("dalang_lag_records", "dalang_lag_seconds")
        )

    cluster.until(quiet)
    numbers, live = scrape(port), cluster.recorded()
    told = Counter(decisions.decode(line).type for line in live.decisions)
    assert {type_: numbers["dalang_decisions_total", (("journey", "quick"), ("type", type_))] for type_ in told} == told
    acted = Counter(json.loads(line)["channel"] for line in live.actions)
    assert set(acted) == {"whatsapp", "sms"} < set(channels.NAMES)
    assert {channel: numbers["dalang_actions_total", (("channel", channel),)] for channel in acted} == acted
    refused = Counter(json.loads(line)["data"]["reason"] for line in live.decisions if b'"journey.refused"' in line)
    assert refused
    assert {reason: numbers["dalang_refusals_total", (("journey", "quick"), ("reason", reason))] for reason in refused} == refused
    buried = Counter(headers["reason"] for _, headers in cluster.dead_letters())
    assert {reason: numbers["dalang_dead_letters_total", (("reason", reason),)] for reason in buried} == buried
    events = {number: numbers["dalang_events_total", (("partition", str(number)),)] for number in ends}
    assert events == asyncio.run(_events(cluster))
    assert numbers["dalang_batch_records_sum", ()] == sum(events.values())
    assert numbers["dalang_activations_total", ()] == running.PARTITIONS
    assert "dalang_misplaced_customers_total" not in {name for name, _ in numbers}
    assert numbers["dalang_rebalances_total", ()] >= 1
    assert numbers["dalang_partitions", ()] == running.PARTITIONS
    # Once each, and again after a pause in which the group went on without this worker.
    assert (
        numbers["dalang_load_duration_seconds_count", ()]
        == cluster.log.read_text().count("partition loaded")
        >= running.PARTITIONS
    )
    states = asyncio.run(_states(cluster))
    for number, values in states.items():
        assert numbers["dalang_customers", (("partition", str(number)),)] == len(values)
        assert numbers["dalang_state_bytes", (("partition", str(number)),)] == sum(map(len, values))
    assert sum(map(len, states.values())) == 100
    assert cluster.stop(worker) == 0
    assert get(port, "/health")[0] == 0


async def _events(cluster: Cluster) -> Counter[int]:
    """How many records each partition of the events has; markers of transactions are none."""
    return Counter([record.partition async for chunk in history.records(cluster.broker, cluster.events) for record in chunk])


async def _states(cluster: Cluster) -> dict[int, list[bytes]]:
    """The snapshots of each partition, read by another than the worker."""
    from engine.runtime.state import store

    name = cluster.names.name(topics.STATE)
    loaded = [await store.load(cluster.broker, name, number) for number in range(running.PARTITIONS)]
    return {number: [*each.snapshots.values()] for number, each in enumerate(loaded)}


def test_each_worker_tells_of_its_own_partitions(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers share the partitions, and so the numbers; one that leaves hands them on, and no number is there twice."""
    journeys = traffic.journeys(cluster.directory / "journeys")
    ports, workers = [kafka.free_port(), kafka.free_port()], []

    def partitions(port: int) -> set[str]:
        if get(port, "/ready")[0] != 200:
            return set()
        return {dict(labels)["partition"] for name, labels in scrape(port) if name == "dalang_lag_records"}

    everything = {str(number) for number in range(running.PARTITIONS)}
    for port in ports:
        monkeypatch.setenv("DALANG_METRICS_PORT", str(port))
        workers.append(cluster.start(journeys))
        cluster.until(lambda port=port: partitions(port) != set())  # type: ignore[misc]

    def shared() -> bool:
        """Two each, and no number twice."""
        both = [partitions(port) for port in ports]
        return sorted(map(len, both)) == [2, 2] and both[0] | both[1] == everything

    def customers() -> list[int]:
        told = [scrape(port) for port in ports]
        return [sum(name == "dalang_customers" for name, _ in numbers) for numbers in told]

    cluster.until(shared)
    assert scrape(ports[0])["dalang_rebalances_total", ()] >= 2
    last = cluster.send(traffic.events(2_000, 100))
    cluster.wait_for(last)
    cluster.until(lambda: shared() and customers() == [2, 2])
    assert cluster.stop(workers[1]) == 0
    cluster.until(lambda: partitions(ports[0]) == everything)


def test_a_port_that_is_taken_ends_the_worker_with_a_sentence(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that nobody can watch does not start: it says which port, and exits 2."""
    monkeypatch.setenv("DALANG_METRICS_PORT", cluster.broker.rpartition(":")[2])
    monkeypatch.setenv("DALANG_METRICS_HOST", "127.0.0.1")
    worker = cluster.start(traffic.journeys(cluster.directory / "journeys"))
    assert cluster.ended(worker) == 2
    assert "DLG550" in cluster.log.read_text()


def test_a_worker_whose_broker_stands_still_is_healthy_and_not_ready(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that does not answer is no reason to kill a worker, and one not to call it ready; once it answers all is well.

    Behind the limit it is not ready either: with a thousandth of a second allowed, it is behind whenever events flow.
    """
    missing = kafka.why_not()
    if missing:
        pytest.skip(f"NOT TESTED: probes while a broker stands still, because there is {missing} here")
    node, port = kafka.Kafka(tmp_path / "kafka"), kafka.free_port()
    node.start()
    cluster = Cluster(node.address, "", tmp_path)
    monkeypatch.setenv("DALANG_METRICS_PORT", str(port))
    monkeypatch.setenv("DALANG_READY_LAG", "0.001")
    answers: list[tuple[int, int, str]] = []
    seen = threading.Event()

    def send() -> None:
        while not seen.is_set():
            cluster.send(traffic.events(2_000, 500))

    def says(status: int, reason: str = "") -> bool:
        answers.append((get(port, "/health")[0], *get(port, "/ready")))
        return answers[-1][1] == status and reason in answers[-1][2]

    try:
        cluster.create_topics()
        cluster.start(traffic.journeys(tmp_path / "journeys"))
        cluster.activated()
        cluster.until(lambda: says(200))
        with node.stalled():
            cluster.until(lambda: says(503, "the broker has not answered for"))
        cluster.until(lambda: says(200))
        sending = threading.Thread(target=send)
        sending.start()
        try:
            cluster.until(lambda: says(503, "s behind, 0.001 s are allowed"))
        finally:
            seen.set()
            sending.join()
        cluster.until(lambda: says(200))
        assert {healthy for healthy, _, _ in answers} == {200}
    finally:
        cluster.end()
        node.stop()
