import asyncio
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.core import errors
from engine.runtime.monitoring import health, metrics, probes


def get(port: int, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    told = answer.status, answer.headers["Content-Type"], answer.read()
    connection.close()
    return told


class Hands:
    """A clock whose hands a test moves: how fast this machine is says nothing."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


class Served:
    def __init__(self) -> None:
        self.hands = Hands()
        self.metrics, self.health = metrics.Metrics(), health.Health(60.0, monotonic=self.hands, wall=self.hands)
        self.server = probes.Server("127.0.0.1", 0, self.metrics, self.health)

    def reasons(self, path: str) -> tuple[int, list[str]]:
        status, _, body = get(self.server.port, path)
        told: dict[str, Any] = json.loads(body)
        assert told["ok"] == (status == 200)
        return status, told["reasons"]


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.server.close()


def test_metrics_are_in_the_format_that_prometheus_reads(served: Served) -> None:
    """Every line of `/metrics` is text of Prometheus' format, and says whether the worker is ready."""
    served.metrics.rebalanced()
    status, type_, body = get(served.server.port, "/metrics")
    assert (status, type_.partition(";")[0]) == (200, "text/plain")
    assert b"dalang_rebalances_total 1.0" in body.splitlines()
    assert b"dalang_ready 0.0" in body.splitlines()
    served.health.seen(health.Seen(joined=True))
    assert b"dalang_ready 1.0" in get(served.server.port, "/metrics?name[]=all")[2].splitlines()


def test_a_loading_worker_is_healthy_and_not_ready(served: Served) -> None:
    """503 with the reason until everything is loaded, then 200."""
    assert served.reasons("/ready") == (503, ["not in the group yet"])
    served.health.seen(health.Seen(joined=True, standings=(metrics.Standing(number=2),)))
    assert served.reasons("/ready") == (503, ["loading partitions 2"])
    assert served.reasons("/health") == (200, [])
    served.health.seen(health.Seen(joined=True, standings=(metrics.Standing(number=2, loaded=True),)))
    assert served.reasons("/ready") == (200, [])


def test_a_worker_behind_the_limit_is_not_ready(served: Served) -> None:
    """The answer says which partition, and by how much."""
    behind = metrics.Standing(number=2, loaded=True, lag=5, behind=served.hands.time - 90)
    served.health.seen(health.Seen(joined=True, standings=(behind,)))
    assert served.reasons("/ready") == (503, ["partition 2 is 90 s behind, 60 s are allowed"])
    assert served.reasons("/health") == (200, [])


async def test_a_loop_that_is_blocked_is_reported_by_the_thread_beside_it(served: Served) -> None:
    """While the event loop does not turn, `/health` answers all the same, and says 503."""
    turns = asyncio.Event()

    async def beat() -> None:
        while True:
            served.health.turned()
            turns.set()
            await asyncio.sleep(0.01)

    async def turned() -> None:
        turns.clear()
        await turns.wait()

    beating = asyncio.create_task(beat())
    await turned()
    assert (await asyncio.to_thread(served.reasons, "/health"))[0] == 200
    served.hands.time += 31
    # This very call blocks the loop, whose thread it runs on: the answer comes from another.
    assert served.reasons("/health") == (503, ["the event loop has not turned for 31 s"])
    await turned()
    assert (await asyncio.to_thread(served.reasons, "/health"))[0] == 200
    beating.cancel()


def test_other_paths_are_404_and_say_what_there_is(served: Served) -> None:
    """Nothing else is served; HEAD answers without a body."""
    status, _, body = get(served.server.port, "/")
    assert (status, json.loads(body)["paths"]) == (404, ["/metrics", "/health", "/ready"])
    assert get(served.server.port, "/health", "HEAD")[::2] == (200, b"")


def test_an_address_of_the_newer_kind_is_served_too(served: Served) -> None:
    """`DALANG_METRICS_HOST=::` is every address of both kinds, which a cluster of IPv6 alone needs."""
    try:
        server = probes.Server("::", 0, served.metrics, served.health)
    except errors.RuntimeFailure:
        pytest.skip("NOT TESTED: probes on IPv6, because this machine has none")
    try:
        assert get(server.port, "/health")[0] == 200
    finally:
        server.close()


def test_a_port_that_is_taken_is_a_sentence(served: Served) -> None:
    """It says which, and what to do."""
    with pytest.raises(errors.RuntimeFailure) as raised:
        probes.Server("127.0.0.1", served.server.port, served.metrics, served.health)
    assert str(raised.value).startswith(f"DLG550 127.0.0.1:{served.server.port} cannot be opened")
    assert "--metrics-port" in str(raised.value)
