"""Deploys on a real Kafka: in mid-stream, at once, twice, and of what cannot be found."""

import asyncio
import itertools
import json
import pathlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.authoring.compiling import catalogs
from engine.runtime import bundles, deploys
from engine.runtime.kafka import connection, history, timestamps, topics
from engine.runtime.state import codec, store
from tests import waiting
from tests.integration import clients, running, traffic
from tests.integration.running import Cluster
from tests.unit.core import story

WAITING = "enter: {event: go, key: event.data.k, reentry: {after: 3s}}\nsteps:\n  - {id: %s, wait: 1h, restart_on: touch}\n"

pytestmark = pytest.mark.kafka


def version(cluster: Cluster, name: str, text: str = "") -> pathlib.Path:
    """A directory with its own version of the quick journey: those who buy leave with its name as the reason."""
    directory = cluster.directory / name
    told = text or traffic.QUICK.replace("reason: bought", f"reason: bought-{name}")
    story.compiled(directory, story.written("quick", told))
    return directory


def deployed(cluster: Cluster, directory: pathlib.Path) -> dict[str, Any]:
    """Deploy; what it said."""
    done = cluster.dalang("deploy", str(directory), "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def activations(cluster: Cluster) -> list[tuple[int, int, str]]:
    """Partition, offset and bundle of every `bundle.activated` on the log, each partition's in order."""

    async def read() -> list[tuple[int, int, str]]:
        found = []
        async for chunk in history.records(cluster.broker, cluster.events):
            for record in chunk:
                named = bundles.activated(record)
                if named is not None:
                    found.append((record.partition, record.offset, named[0]))
        return sorted(found)

    return asyncio.run(read())


def live(cluster: Cluster) -> set[str]:
    return {each.bundle for each in asyncio.run(deploys.live(cluster.broker, cluster.names)).values()}


def states(cluster: Cluster) -> list[codec.PartitionRecord]:
    async def read() -> list[store.Store]:
        topic = cluster.names.name(topics.STATE)
        return [await store.load(cluster.broker, topic, number) for number in range(running.PARTITIONS)]

    return [each.record for each in asyncio.run(read())]


def followed(cluster: Cluster, bundle: str) -> Callable[[], bool]:
    return lambda: all(each.bundle == bundle for each in states(cluster))


def put(cluster: Cluster, topic: str, key: bytes, value: bytes | None, partition: int | None = None) -> None:
    async def send() -> None:
        async with clients.producer(cluster.broker) as producer:
            await producer.send_and_wait(cluster.names.name(topic), value, key=key or None, partition=partition)

    asyncio.run(send())


def test_a_deploy_in_mid_stream_moves_nobody_and_takes_who_comes_after(cluster: Cluster) -> None:
    """Workers without any files follow two deploys while events flow: by the positions in the log, who entered before an
    activation finishes on the old version and who entered after it on the new one; and a replay of the topics, without
    files, decides the same, byte for byte.
    """
    old, new = version(cluster, "old"), version(cluster, "new")
    ids = {catalogs.bundle(each).id: each.name for each in (old, new)}
    versions = {catalogs.bundle(each).journeys[0].version: each.name for each in (old, new)}
    first = deployed(cluster, old)
    assert (first["changed"], set(first["before"].values())) == ([0, 1, 2, 3], {""})
    cluster.keep(None, 2)
    cluster.send(traffic.customers(100))
    live = threading.Event()
    flowing = threading.Thread(target=_flow, args=(cluster, live))
    flowing.start()
    try:
        time.sleep(2)
        assert set(deployed(cluster, new)["before"].values()) == {first["bundle"]}
    finally:
        live.set()
        waiting.joined(flowing)
    decided, _ = cluster.proven(None)

    places = {(partition, ids[bundle]): offset for partition, offset, bundle in activations(cluster)}
    at = entered_at(cluster)
    told = [json.loads(line) for line in decided]
    entered = {each["instance"]: each for each in told if each["type"] == "journey.entered"}
    for each in entered.values():
        partition, offset = at[each["cause"]]
        expected = "new" if offset > places[partition, "new"] else "old"
        assert versions[each["version"]] == expected, each
    late = 0
    for each in told:
        if each["instance"]:
            assert each["version"] == entered[each["instance"]]["version"], each
        if each["type"] == "journey.exited" and each["data"]["reason"].startswith("bought-"):
            assert each["data"]["reason"] == f"bought-{versions[each['version']]}"
            partition, offset = at[each["cause"]]
            late += offset > places[partition, "new"] and versions[each["version"]] == "old"
    assert {versions[each["version"]] for each in entered.values()} == {"old", "new"}
    assert late > 10, "too few left on the old version after the deploy for this to prove anything"


def _flow(cluster: Cluster, live: threading.Event) -> None:
    """At an even pace until the deploy is done, however long that takes here, and for two seconds more."""
    left = 5
    for seed in itertools.count(7):
        left -= live.is_set()
        cluster.send(traffic.events(500, 100, seed))
        if not left:
            return
        time.sleep(0.4)


def entered_at(cluster: Cluster) -> dict[str, tuple[int, int]]:
    """Where each event stands in the log."""

    async def read() -> dict[str, tuple[int, int]]:
        found = {}
        async for chunk in history.records(cluster.broker, cluster.events):
            for record in chunk:
                found[json.loads(record.value)["id"]] = (record.partition, record.offset)
        return found

    return asyncio.run(read())


def test_what_is_live_is_not_deployed_again(cluster: Cluster) -> None:
    """The same bundle twice changes nothing and says so, before any worker has read it and after; a deploy keeps the clock."""
    old, new = version(cluster, "old"), version(cluster, "new")
    deployed(cluster, old)
    assert deployed(cluster, old)["changed"] == []
    assert len(activations(cluster)) == running.PARTITIONS
    cluster.start(old, clock="stream")
    cluster.until(lambda: all(each.clock == "stream" for each in states(cluster)))
    done = cluster.dalang("deploy", str(old))
    assert (done.returncode, "live already; nothing was changed" in done.stdout) == (0, True)
    told = deployed(cluster, new)
    assert told["changed"] == [0, 1, 2, 3]
    cluster.until(followed(cluster, told["bundle"]))
    assert {each.clock for each in states(cluster)} == {"stream"}
    assert len(activations(cluster)) == 3 * running.PARTITIONS


def test_a_worker_deploys_its_directory_once_and_follows_later_deploys(cluster: Cluster) -> None:
    """A worker with --journeys deploys when it starts. After a later `dalang deploy` it does not take that back, neither when
    the group is rebalanced nor when partitions come to it.
    """
    old, new = version(cluster, "old"), version(cluster, "new")
    worker = cluster.start(old)
    cluster.activated()
    told = deployed(cluster, new)
    cluster.until(followed(cluster, told["bundle"]))
    other = cluster.start(None)
    cluster.until(lambda: cluster.share(2))
    cluster.wait_for(cluster.send(traffic.events(200, 50)))
    other.send_signal(signal.SIGKILL)
    cluster.until(lambda: cluster.share(1))
    cluster.wait_for(cluster.send(traffic.events(200, 50, seed=8)))
    assert worker.poll() is None
    assert live(cluster) == {told["bundle"]}
    assert len(activations(cluster)) == 2 * running.PARTITIONS
    # Another start is another deploy: this is how a directory is rolled back with a worker alone.
    cluster.start(old)
    cluster.until(lambda: live(cluster) == {catalogs.bundle(old).id})


def test_a_version_that_cannot_be_found_parks_its_instances(cluster: Cluster) -> None:
    """Whose bundle is gone from `journey.bundles` is parked with the reason, and never moved by another version; others go on."""
    old, new = version(cluster, "old", WAITING % "old"), version(cluster, "new", WAITING % "new")
    gone = deployed(cluster, old)["bundle"]
    worker = cluster.start(None)
    cluster.wait_for(cluster.send([traffic.event("c1", "e1", "go", k="a"), traffic.event("c2", "e2", "go", k="a")]))
    deployed(cluster, new)
    put(cluster, topics.BUNDLES, gone.encode(), None)
    assert cluster.stop(worker) == 0
    cluster.start(None)
    cluster.wait_for(cluster.send([traffic.event("c1", "e3", "touch", k="a"), traffic.event("c1", "e4", "go", k="b")]))
    told = [json.loads(line) for line in cluster.recorded().decisions]
    (parked,) = [each for each in told if each["type"] == "instance.parked"]
    former = catalogs.bundle(old).journeys[0].version
    assert (parked["customer"], parked["version"]) == ("c1", former)
    assert former in parked["data"]["reason"]
    assert not [each for each in told if each["cause"] == "e3" and each["type"] != "instance.parked"]
    (entered,) = [each for each in told if each["cause"] == "e4" and each["type"] == "journey.entered"]
    assert entered["version"] == catalogs.bundle(new).journeys[0].version


def test_an_activation_of_a_bundle_that_is_not_there_is_a_dead_letter(cluster: Cluster) -> None:
    """The bundle before it stays live, the record goes to the dead letters as unknown_bundle, and a replay says the same."""
    told = deployed(cluster, version(cluster, "old"))
    cluster.start(None)
    cluster.until(followed(cluster, told["bundle"]))
    event = codec.bundle_activated("sha256:gone", "stream", timestamps.instant(1_790_000_000_000), "nobody-1")
    put(cluster, topics.EVENTS, b"", event, partition=2)
    cluster.wait_for(cluster.send([traffic.event("c1", "e1", "go", k="a")]))
    cluster.until(lambda: len(cluster.dead_letters()) == 1)
    ((value, headers),) = cluster.dead_letters()
    assert (value, headers["reason"], headers["partition"]) == (event, "unknown_bundle", "2")
    assert {(each.bundle, each.clock) for each in states(cluster)} == {(told["bundle"], "wall")}
    assert live(cluster) == {told["bundle"]}


def test_a_worker_whose_live_bundle_is_gone_leaves_until_it_is_deployed_again(cluster: Cluster) -> None:
    """It must not go on as if nothing were live: it leaves with 70 and says what to do, which helps."""
    old = version(cluster, "old")
    told = deployed(cluster, old)
    worker = cluster.start(None)
    cluster.until(followed(cluster, told["bundle"]))
    cluster.stop(worker)
    put(cluster, topics.BUNDLES, told["bundle"].encode(), None)
    assert cluster.ended(cluster.start(None)) == 70
    assert "is live in partition" in cluster.log.read_text()
    assert deployed(cluster, old)["changed"] == []
    cluster.start(None)
    cluster.wait_for(cluster.send([traffic.event("c1", "e1", "go", k="a")]))
    assert b"journey.entered" in cluster.recorded().decisions[0]


def test_deploys_at_the_same_time_leave_one_bundle_live_everywhere(cluster: Cluster) -> None:
    """All partitions see the same deploys in the same order, whoever wins; who is overtaken says so and changed nothing."""
    directories = [version(cluster, name) for name in ("a", "b", "c", "d")]
    command = [*running.DALANG, "deploy", "--broker", cluster.broker]
    started = [
        subprocess.Popen(
            [*command, str(each)], env=cluster.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for each in directories
    ]
    ended = {
        catalogs.bundle(each).id: process.communicate(timeout=waiting.LONG)
        for each, process in zip(directories, started, strict=True)
    }
    codes = dict(zip(ended, [process.returncode for process in started], strict=True))
    assert set(codes.values()) <= {0, 2}, ended
    for bundle, code in codes.items():
        assert ("DLG532" in ended[bundle][1]) == (code == 2), ended[bundle]
    orders: dict[int, list[str]] = {}
    for partition, _, bundle in activations(cluster):
        orders.setdefault(partition, []).append(bundle)
    assert orders.keys() == {0, 1, 2, 3}
    assert all(order == orders[0] for order in orders.values())
    assert sorted(orders[0]) == sorted(bundle for bundle, code in codes.items() if code == 0)
    assert live(cluster) == {orders[0][-1]}


def test_a_directory_with_errors_is_not_deployed(cluster: Cluster) -> None:
    """Findings as `dalang check` prints them, exit 1, and nothing on the topics."""
    directory = version(cluster, "old")
    (directory / "journey-0.yaml").write_text("journey: a\nowner: o\n")
    done = cluster.dalang("deploy", str(directory))
    assert done.returncode == 1
    assert f"{directory}/journey-0.yaml:1:1 DLG" in done.stdout
    found = json.loads(cluster.dalang("deploy", str(directory), "--json").stdout)
    assert found["findings"][0]["code"].startswith("DLG")
    assert activations(cluster) == []
    assert asyncio.run(bundles.read(cluster.broker, cluster.names.name(topics.BUNDLES)))[0] == {}


def test_the_live_bundle_is_found_at_the_end_of_long_states(cluster: Cluster) -> None:
    """What is live is read from the end of the states, however much stands between, and from the log after it."""
    told = deployed(cluster, version(cluster, "old"))
    worker = cluster.start(None)
    cluster.until(followed(cluster, told["bundle"]))
    cluster.stop(worker)

    async def fill() -> None:
        topic = cluster.names.name(topics.STATE)
        async with clients.producer(cluster.broker, linger_ms=5) as producer:
            for number in range(3_000):  # as of a partition whose own record was written long before them
                await producer.send(topic, b"x", key=f"c{number}".encode(), partition=1)

    asyncio.run(fill())
    assert live(cluster) == {told["bundle"]}
    new = deployed(cluster, version(cluster, "new"))
    assert live(cluster) == {new["bundle"]}


def test_a_file_of_the_log_needs_its_bundles(cluster: Cluster) -> None:
    """An exported log is decided by the exported bundles, or by the topic; without either it is said what is missing."""
    deployed(cluster, version(cluster, "old"))
    cluster.start(None)
    cluster.wait_for(cluster.send([traffic.event("c1", "e1", "go", k="a"), traffic.event("c1", "e2", "order", k="a")]))
    file, kept = cluster.directory / "log.jsonl", cluster.directory / "bundles.jsonl"
    log = f"kafka://{cluster.broker}/{cluster.events}"
    environment = cluster.environment()
    done = running.dalang(["history", "export", log, str(file), "--bundles", str(kept)], environment)
    assert (done.returncode, f"1 bundles in {kept}" in done.stdout) == (0, True), done.stderr
    expected = cluster.recorded().decisions
    assert expected
    for source in (str(kept), log, f"kafka://{cluster.broker}/{cluster.names.name(topics.BUNDLES)}"):
        decided, _ = running.replay(str(file), None, cluster.directory, "--bundles", source)
        running.same(expected, decided)
    bare = running.dalang(["replay", str(file)], environment)
    assert (bare.returncode, "DLG405" in bare.stderr, "--bundles" in bare.stderr) == (2, True, True)


def test_a_log_on_which_nothing_was_deployed_says_so(cluster: Cluster) -> None:
    """A replay by what was live, where nothing ever was, is an error and not an empty answer."""
    cluster.send([traffic.event("c1", "e1", "go", k="a")])
    done = running.dalang(["replay", f"kafka://{cluster.broker}/{cluster.events}"], cluster.environment())
    assert (done.returncode, "DLG407" in done.stderr) == (2, True)


def test_a_record_of_the_bundles_that_is_none_stops_nobody(cluster: Cluster) -> None:
    """Nonsense on `journey.bundles` is passed over and said in the worker's log."""
    told = deployed(cluster, version(cluster, "old"))
    put(cluster, topics.BUNDLES, b"nonsense", b"{}")
    cluster.start(None)
    cluster.until(followed(cluster, told["bundle"]))
    assert "bundle unreadable" in cluster.log.read_text()
    assert connection.run(bundles.read(cluster.broker, cluster.names.name(topics.BUNDLES)))[1] == {"nonsense"}


def commanded(cluster: Cluster) -> list[tuple[int, dict[str, Any]]]:
    """Partition and event of every command on the log."""

    async def read() -> list[tuple[int, dict[str, Any]]]:
        found = []
        async for chunk in history.records(cluster.broker, cluster.events):
            found += [(record.partition, json.loads(record.value)) for record in chunk if b"journey.command" in record.value]
        return found

    return asyncio.run(read())


def test_a_command_stands_in_every_partition_or_under_its_customer(cluster: Cluster) -> None:
    """Without a customer once in every partition, all or none; with one, where her events are. A worker takes both."""
    deployed(cluster, version(cluster, "old"))
    cluster.start(None)
    done = cluster.dalang("command", "pause", "--journey", "quick")
    assert (done.returncode, done.stdout) == (0, "pause quick for everybody, in 4 partitions: written.\n")
    assert sorted(partition for partition, _ in commanded(cluster)) == [0, 1, 2, 3]
    assert {json.dumps(event["data"]) for _, event in commanded(cluster)} == {'{"command": "pause", "journey": "quick"}'}
    entered = cluster.send([traffic.event("c2", "e0", "go", k="a")])
    cluster.wait_for(entered)
    assert [json.loads(line)["type"] for line in cluster.recorded().decisions] == ["journey.refused"]
    assert cluster.dalang("command", "resume", "--journey", "quick").returncode == 0
    (place,) = cluster.send([traffic.event("c1", "e1", "page.viewed")])
    done = cluster.dalang(
        "command", "enter", "--journey", "quick", "--customer", "c1", "--key", "a", "--data", '{"k": "a"}', "--json"
    )
    assert json.loads(done.stdout)["partitions"] == [place]
    ((partition, event),) = [each for each in commanded(cluster) if each[1].get("subject")]
    assert (partition, event["subject"], event["data"]["k"]) == (place, "c1", "a")
    cluster.wait_for(cluster.send([traffic.event(f"c{number}", f"f{number}", "go", k="a") for number in range(20)]))
    told = [json.loads(line) for line in cluster.recorded().decisions]
    (by_hand,) = [each for each in told if each["type"] == "journey.entered" and each["cause"] == event["id"]]
    assert (by_hand["customer"], by_hand["data"]["key"], by_hand["data"]["entry"]["data"]["k"]) == ("c1", "a", "a")
    assert cluster.dead_letters() == []


def test_a_command_for_a_journey_that_nobody_knows_is_refused(cluster: Cluster) -> None:
    """A typing error is no command that was obeyed: exit 2, the known names, nothing written. Entering needs a live one."""
    old = version(cluster, "old")
    deployed(cluster, old)
    done = cluster.dalang("command", "stop", "--journey", "quikc")
    assert (done.returncode, "DLG534 No journey quikc is deployed. These are: quick." in done.stderr) == (2, True)
    (old / "journey-0.yaml").write_text((old / "journey-0.yaml").read_text().replace("journey: quick", "journey: brisk"))
    deployed(cluster, old)
    done = cluster.dalang("command", "enter", "--journey", "quick", "--customer", "c1")
    assert (done.returncode, "No journey quick is live. These are: brisk." in done.stderr) == (2, True)
    assert cluster.dalang("command", "stop", "--journey", "quick").returncode == 0
    assert {event["data"]["command"] for _, event in commanded(cluster)} == {"stop"}


def snapshots(cluster: Cluster) -> list[tuple[codec.PartitionRecord, dict[bytes, bytes]]]:
    async def read() -> list[store.Store]:
        topic = cluster.names.name(topics.STATE)
        return [await store.load(cluster.broker, topic, number) for number in range(running.PARTITIONS)]

    # A partition's lineage is a name by chance: one whose own record was lost gets another, and states on disk are read anew. Where the
    # last transaction wrote is not known after a rebuild: the next worker counts from its own marks.
    return [(msgspec.structs.replace(each.record, lineage="", base=-1, tails={}), each.snapshots) for each in asyncio.run(read())]


def test_the_states_are_rebuilt_from_the_log_and_nothing_is_sent_again(cluster: Cluster) -> None:
    """Lost, strange and unreadable states become, byte for byte, those that the workers had; no decision or action is
    written; a worker goes on from there, and what it decides is what a replay decides.
    """
    deployed(cluster, version(cluster, "old"))
    worker = cluster.start(None)
    cluster.send(traffic.customers(60))
    cluster.send(traffic.events(2_000, 60))
    deployed(cluster, version(cluster, "new"))
    cluster.send(traffic.events(1_000, 60, seed=8))
    cluster.settle()
    assert cluster.stop(worker) == 0
    before, recorded = snapshots(cluster), cluster.recorded()
    for number, (_, customers) in enumerate(before):
        keys = sorted(customers)
        put(cluster, topics.STATE, keys[0], None, number)
        put(cluster, topics.STATE, keys[1], b"\x63nonsense", number)
        put(cluster, topics.STATE, b"stranger", customers[keys[2]], number)
        put(cluster, topics.STATE, codec.PARTITION_KEY, None, number)
    done = cluster.dalang("state", "rebuild", "--app-id", cluster.app_id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1 removed") >= 1
    assert snapshots(cluster) == before
    assert cluster.recorded().decisions == recorded.decisions
    assert cluster.recorded().actions == recorded.actions
    cluster.start(None)
    cluster.send(traffic.events(500, 60, seed=9))
    cluster.settle()
    decided, acted = cluster.replayed(None)
    running.same(cluster.recorded().decisions, decided)
    running.same(cluster.recorded().actions, acted)
    assert len(acted) > len(recorded.actions) > 20


def test_a_deploy_with_a_hole_in_its_map_is_refused(cluster: Cluster) -> None:
    """The map covers every step that can be waited on: a deploy that leaves one without a place says which, and changes nothing."""
    old = version(cluster, "old", WAITING % "old")
    new = version(cluster, "new", "on_update: migrate\n" + WAITING % "new")
    told = deployed(cluster, old)
    done = cluster.dalang("deploy", str(new))
    assert done.returncode == 2
    assert "DLG537" in done.stderr
    assert "DLG694" in done.stderr
    assert "`old`" in done.stderr
    assert deployed(cluster, old) == {**told, "changed": [], "before": dict.fromkeys(told["before"], told["bundle"])}


def test_a_deploy_that_migrates_moves_who_waits(cluster: Cluster) -> None:
    """With `on_update: migrate` those who wait go over to the new version at the activation's place in the log; a replay of the
    topics without files says the same.
    """
    moving = "on_update: migrate\nmigrations: {old: new}\n"
    old, new = version(cluster, "old", WAITING % "old"), version(cluster, "new", moving + WAITING % "new")
    deployed(cluster, old)
    cluster.start(None)
    cluster.wait_for(cluster.send([traffic.event(f"c{number}", f"e{number}", "go", k="a") for number in range(20)]))
    told = deployed(cluster, new)
    cluster.until(followed(cluster, told["bundle"]))
    decided = [json.loads(line) for line in cluster.recorded().decisions]
    moved = [each for each in decided if each["type"] == "instance.migrated"]
    assert {each["customer"] for each in moved} == {f"c{number}" for number in range(20)}
    assert {(each["version"], each["step"]) for each in moved} == {(catalogs.bundle(new).journeys[0].version, "new")}
    assert {each["cause"] for each in moved} <= set(entered_at(cluster))
    running.same(cluster.recorded().decisions, cluster.replayed(None)[0])
