"""Deploys and commands on the embedded broker, which has no transactions: confirmed writes, partition after partition."""

from collections.abc import Iterator

import pytest

from engine.authoring.compiling import catalogs
from engine.core.model import definition
from engine.runtime import bundles, commands, deploys
from engine.runtime.kafka import embedded_broker, history, topics

NAMES = topics.Topics("e.")


@pytest.fixture
def broker() -> Iterator[str]:
    with embedded_broker.Embedded() as started:
        yield started.address


async def test_deploys_and_commands_without_transactions(broker: str) -> None:
    """What is live is found and not deployed again, another bundle is, and a command stands in every partition."""
    await topics.create(broker, NAMES, 3)
    bundle = catalogs.bundle("journeys")
    other = definition.Bundle("sha256:other", (), bundle.policy)
    registry = bundles.Registry(broker, NAMES)
    done = [await deploys.deploy(broker, NAMES, registry, each) for each in (bundle, bundle, other, bundle)]
    assert [each.changed for each in done] == [(0, 1, 2), (), (0, 1, 2), (0, 1, 2)]
    assert {each.bundle for each in (await deploys.live(broker, NAMES)).values()} == {bundle.id}
    assert await commands.send(broker, NAMES, commands.command("pause")) == (0, 1, 2)
    found = [record.partition async for chunk in history.records(broker, NAMES.name(topics.EVENTS)) for record in chunk]
    assert sorted(found) == [0] * 4 + [1] * 4 + [2] * 4
