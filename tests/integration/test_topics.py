"""How topics must be kept, asked of a real Kafka."""

import asyncio

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from engine.runtime.kafka import topics
from tests.integration import clients
from tests.integration.running import Cluster


def _keep(cluster: Cluster, **changed: str) -> None:
    name = cluster.names.name(topics.STATE)
    made = next(spec.config for spec in cluster.names.specs() if spec.name == name)
    configs = {**made, **{key.replace("_", "."): value for key, value in changed.items()}}

    async def alter() -> None:
        async with clients.admin(cluster.broker) as admin:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])

    asyncio.run(alter())
    # The controller has it; the broker hears of it a little later.
    cluster.until(lambda: configs.items() <= asyncio.run(topics._configs(cluster.broker, [name]))[name].items())


def test_check_says_how_the_states_must_be_kept(cluster: Cluster) -> None:
    """As they are made nothing is said; what only costs time is told; states that are deleted by age, or tombstones that go
    within a day, are refused with the topic, the key and what to do.
    """
    assert cluster.dalang("topics", "check").stdout == "All topics exist, with 4 partitions each.\n"
    _keep(cluster, min_cleanable_dirty_ratio="0.9")
    slow = cluster.dalang("topics", "check")
    assert (slow.returncode, "min.cleanable.dirty.ratio is 0.9" in slow.stdout) == (0, True)
    for changed in ({"delete_retention_ms": "1000"}, {"cleanup_policy": "compact,delete"}):
        _keep(cluster, **changed)
        refused = cluster.dalang("topics", "check")
        assert refused.returncode == 2
        assert all(told in refused.stderr for told in ("DLG513", "customer.state", *changed.values(), "kafka-configs"))
