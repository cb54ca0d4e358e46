"""Rights on a Kafka with its own StandardAuthorizer, users by SASL/PLAIN, and SCRAM over TLS."""

import asyncio
import os
import pathlib
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from engine.authoring.compiling import catalogs
from engine.runtime import bundles, commands, deploys, settings
from engine.runtime.kafka import acl, connection, topics
from tests.integration import kafka, running, traffic
from tests.integration.kafka import secured
from tests.integration.running import Cluster

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secured.Secured]:
    missing = kafka.why_not()
    if missing:
        told = f"NOT TESTED: rights on a real Kafka, because there is {missing} here"
        if os.environ.get("DALANG_REQUIRE_KAFKA"):
            pytest.fail(told)
        pytest.skip(told)
    node = secured.Secured(tmp_path_factory.mktemp("secured"))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def cluster(node: secured.Secured, tmp_path: pathlib.Path) -> Iterator[Cluster]:
    """Topics of this test's own; workers come as the user `worker`."""
    cluster = Cluster(node.address, f"t{uuid.uuid4().hex[:8]}.", tmp_path)
    cluster.create_topics()
    cluster.brokers = node.sasl
    yield cluster
    cluster.end()


def user(name: str, password: str = secured.PASSWORD) -> dict[str, str]:
    return {"DALANG_SASL_MECHANISM": "PLAIN", "DALANG_SASL_USERNAME": name, "DALANG_SASL_PASSWORD": password}


def broker(node: secured.Secured, name: str) -> connection.Broker:
    chosen = settings.read(
        settings.Access, broker=node.sasl, sasl_mechanism="PLAIN", sasl_username=name, sasl_password=secured.PASSWORD
    )
    return chosen.connected()


def granted(node: secured.Secured, cluster: Cluster, name: str, role: acl.Role) -> list[acl.Right]:
    rights = acl.rights(role, cluster.names, cluster.app_id)
    asyncio.run(node.grant(name, rights))
    return rights


def dalang(cluster: Cluster, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return running.dalang(arguments, {**cluster.environment(), "DALANG_BROKER": cluster.brokers, **environment})


def test_with_exactly_its_rights_each_process_works(node: secured.Secured, cluster: Cluster) -> None:
    """An operator deploys and commands, a worker without journeys decides and writes, a reader replays, states are rebuilt:
    each with what docs/rights.md lists for it and nothing else. No password stands in any log.
    """
    for name, roles in (("worker", ["worker"]), ("operator", ["deploy", "command"]), ("reader", ["replay, explain, export"])):
        for role in roles:
            granted(node, cluster, name, role)  # type: ignore[arg-type]
    journeys = traffic.journeys(cluster.directory / "journeys")
    done = dalang(cluster, "deploy", str(journeys), **user("operator"))
    assert (done.returncode, "is live in 4 of 4" in done.stdout) == (0, True), done.stderr
    worker = cluster.start(None, **user("worker"))
    cluster.send(traffic.customers(20))
    cluster.wait_for(cluster.send(traffic.events(500, 20)))
    cluster.until(lambda: len(cluster.recorded().actions) > 20)
    cluster.wait_for(cluster.send([b"nonsense"]))  # the dead letters too
    done = dalang(cluster, "command", "stop", "--journey", "quick", **user("operator"))
    # A password without TLS is warned of, once.
    assert (done.returncode, done.stderr) == (0, "Sending username and password in the clear\n")
    done = dalang(cluster, "replay", f"kafka://{node.sasl}/{cluster.events}", **user("reader"))
    assert (done.returncode, "quick\n  entered" in done.stdout) == (0, True), done.stderr
    assert worker.poll() is None
    assert cluster.stop(worker) == 0
    granted(node, cluster, "rebuilder", "state rebuild")
    done = dalang(cluster, "state", "rebuild", "--app-id", cluster.app_id, **user("rebuilder"))
    assert (done.returncode, done.stdout.count("0 removed")) == (0, 4), done.stderr
    assert secured.PASSWORD not in cluster.log.read_text()


def test_every_missing_right_of_a_worker_is_said(node: secured.Secured, cluster: Cluster) -> None:
    """Each right in the table is needed: without it, and with all the others, it alone is named."""
    rights = granted(node, cluster, "worker", "worker")

    async def missing(right: acl.Right) -> str:
        await node.take("worker", right)
        try:
            await acl.check(broker(node, "worker"), rights)
        except connection.NotAllowed as exc:
            return str(exc.args[0])
        finally:
            await node.grant("worker", [right])
        return ""

    for right in rights:
        if right.resource != "TransactionalId":
            assert asyncio.run(missing(right)) == f"This user lacks rights on the broker: {right}."
    asyncio.run(acl.check(broker(node, "worker"), rights))


@pytest.mark.parametrize("resource", ["Topic", "Group", "TransactionalId"])
def test_a_worker_without_a_right_leaves_before_it_begins(node: secured.Secured, cluster: Cluster, resource: str) -> None:
    """It names the right on standard error and exits 2: starting it again would not help."""
    rights = granted(node, cluster, "worker", "worker")
    right = next(each for each in rights if each.resource == resource and each.operation in ("Write", "Read"))
    asyncio.run(node.take("worker", right))
    done = dalang(cluster, "worker", "--app-id", cluster.app_id, **user("worker"))
    named = f"{right.operation} on {right.resource} {right.name}"
    assert (done.returncode, f"DLG505 This user lacks rights on the broker: {named}" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert secured.PASSWORD not in done.stderr


def test_every_missing_right_of_a_deploy_and_a_command_is_said(node: secured.Secured, cluster: Cluster) -> None:
    """Nothing is written then: neither a bundle nor an activation."""
    bundle = catalogs.bundle(traffic.journeys(cluster.directory / "journeys"))
    to = broker(node, "operator")

    async def deployed() -> None:
        await deploys.deploy(to, cluster.names, bundles.Registry(to, cluster.names), bundle)

    async def commanded() -> None:
        await commands.send(to, cluster.names, commands.command("pause"))

    work = {"deploy": deployed, "command": commanded}
    for role in ("deploy", "command"):
        rights = acl.rights(role, cluster.names)
        for right in rights:
            asyncio.run(node.grant("operator", [each for each in rights if each != right]))
            with pytest.raises(connection.NotAllowed) as caught:
                asyncio.run(work[role]())
            assert str(right) in str(caught.value)
            for each in rights:
                asyncio.run(node.take("operator", each))
    assert cluster.ends() == dict.fromkeys(range(running.PARTITIONS), -1)
    assert asyncio.run(bundles.read(cluster.broker, cluster.names.name(topics.BUNDLES)))[0] == {}


def test_topics_are_made_with_the_right_to_make_them(node: secured.Secured, cluster: Cluster) -> None:
    """`topics create` needs to create and to see; without it the refusal is a sentence."""
    other = topics.Topics("other." + cluster.names.prefix)
    environment = {**user("operator"), "DALANG_TOPIC_PREFIX": other.prefix}
    done = dalang(cluster, "topics", "create", "--partitions", "4", **environment)
    assert (done.returncode, "Traceback" in done.stderr, "DLG5" in done.stderr) == (2, False, True), done.stderr
    asyncio.run(node.grant("operator", acl.rights("topics create", other)))
    assert dalang(cluster, "topics", "create", "--partitions", "4", **environment).returncode == 0
    checked = dalang(cluster, "topics", "check", **environment)
    assert (checked.returncode, checked.stdout.endswith("All topics exist, with 4 partitions each.\n")) == (0, True)
    assert "needs the right DescribeConfigs on the topic" in checked.stdout  # what it could not look at is said
    asyncio.run(node.grant("operator", acl.rights("topics check", other)))
    checked = dalang(cluster, "topics", "check", **environment)
    assert (checked.returncode, checked.stdout) == (0, "All topics exist, with 4 partitions each.\n")


def test_a_wrong_password_is_a_sentence_and_is_not_repeated(node: secured.Secured, cluster: Cluster) -> None:
    """Every command says that the broker refuses, exits 2, and does not show what it was given."""
    wrong = "not-the-password-9"
    for arguments in (["worker"], ["topics", "check"], ["replay", f"kafka://{node.sasl}/{cluster.events}"]):
        done = dalang(cluster, *arguments, **user("worker", wrong))
        assert (done.returncode, "DLG503 The broker" in done.stderr) == (2, True), done.stderr
        assert wrong not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr


def test_scram_over_tls(node: secured.Secured, cluster: Cluster) -> None:
    """A worker by SCRAM over TLS, with the authority of the broker's certificate; without it the broker is not trusted."""
    granted(node, cluster, "worker", "worker")
    asyncio.run(deployed_by_us(cluster))
    tls = {**user("worker"), "DALANG_SASL_MECHANISM": "SCRAM-SHA-512", "DALANG_BROKER": node.tls}
    cluster.brokers = node.tls
    cluster.start(None, **tls, DALANG_TLS_CA_FILE=str(node.authority))
    cluster.send(traffic.customers(5))
    cluster.wait_for(cluster.send(traffic.events(100, 5)))
    done = dalang(cluster, "worker", **tls, DALANG_TLS="1")
    assert (done.returncode, "DLG503 The TLS connection to the broker" in done.stderr) == (2, True), done.stderr
    assert secured.PASSWORD not in cluster.log.read_text() + done.stderr


async def deployed_by_us(cluster: Cluster) -> None:
    bundle = catalogs.bundle(traffic.journeys(cluster.directory / "journeys"))
    await deploys.deploy(cluster.broker, cluster.names, bundles.Registry(cluster.broker, cluster.names), bundle)
