"""Deploys: this module finds out which bundle is live in each partition, and makes another bundle live.

Called by `dalang deploy`, and by a worker once at its start, for its setting `journeys`. `dalang command` calls `live`. A
running worker never deploys, so it does not undo a later deploy. Workers learn of a deploy only from the event
`bundle.activated` on `customer.events`.
"""

import datetime
from collections.abc import Mapping
from typing import Final

import msgspec
from aiokafka import TopicPartition

from engine.authoring import lint
from engine.authoring.findings import excerpt
from engine.core import errors
from engine.core.model import definition, inputs
from engine.core.model.decisions import hashed
from engine.runtime import bundles, settings
from engine.runtime.kafka import acl, broadcast, connection, history, timestamps, topics
from engine.runtime.state import codec

_TAIL: Final = 1_000
"""Number of records at the end of a partition of `customer.state` that are searched first for the partition record."""


class MigrationHoles(errors.RuntimeFailure):
    """A journey with `on_update: migrate` does not say where customers go who wait at a step that is gone."""

    code = "DLG537"
    hint = "Nothing was deployed. Add each of these steps under `migrations`, with a step of the new version or `exit`."


class Live(msgspec.Struct, frozen=True):
    """The bundle and the clock of a partition, once all records that are in `customer.events` now have been handled.

    `bundle` is the bundle's id; it is empty if nothing was deployed yet.
    """

    bundle: str = ""
    clock: settings.Clock = "wall"


class Deployed(msgspec.Struct, frozen=True):
    """The result of a deploy.

    `bundle` is the id of the deployed bundle, or empty if only the clock was changed. `before` is `{partition: bundle and clock
    before the deploy}`. `changed` lists the partitions for which the deploy changed the bundle or the clock.
    """

    bundle: str
    before: Mapping[int, Live]
    changed: tuple[int, ...]


async def deploy(
    broker: connection.Address,
    names: topics.Topics,
    registry: bundles.Registry,
    bundle: definition.Bundle | None,
    clock: settings.Clock | None = None,
) -> Deployed:
    """Make a bundle and a clock live in every partition; None leaves each partition's present bundle or clock as it is.

    Nothing is written to a partition in which both are live already. Raises `broadcast.Overtaken` if another operator writes at
    the same time and comes later. Raises `MigrationHoles` if an instance may wait at a step for which the new bundle names no
    successor. In both cases no partition was changed.
    """
    await connection.reachable(broker)
    await acl.check(broker, acl.rights("deploy", names))
    await topics.needed(broker, names, topics.EVENTS, topics.BUNDLES, topics.STATE)
    async with broadcast.Broadcast(broker, names) as line:
        before = await live(broker, names)
        if bundle is not None:
            await registry.refresh()
            _refuse_holes(registry, {each.bundle for each in before.values()}, bundle)
            await registry.put(bundle)
        wanted = {
            number: Live(each.bundle if bundle is None else bundle.id, each.clock if clock is None else clock)
            for number, each in before.items()
        }
        changed = tuple(number for number in before if before[number] != wanted[number])
        await line.send({number: _activation(number, wanted[number]) for number in changed})
    return Deployed("" if bundle is None else bundle.id, before, changed)


def _refuse_holes(registry: bundles.Registry, before: set[str], bundle: definition.Bundle) -> None:
    """Raise `MigrationHoles` if an instance may wait at a step that the new bundle neither has nor maps to another step.

    `before` holds the ids of the bundles that are live now; only their steps are checked, and only in journeys that migrate.
    docs/semantics.md#a-migration-moves-waiting-instances
    """
    lived = (registry.catalog(id_) for id_ in sorted(before))
    catalogs = (catalog for catalog in lived if catalog is not None)
    found = {str(each) for catalog in catalogs for each in excerpt.of(lint.against(catalog.bundle, bundle))}
    if found:
        raise MigrationHoles("\n".join(sorted(found)) + "\n")


async def live(broker: connection.Address, names: topics.Topics) -> dict[int, Live]:
    """Return the bundle and the clock of each partition, from its partition record and from the activations after that record."""
    records = await _records(broker, names)
    found = {number: Live(each.bundle, "stream" if each.clock == "stream" else "wall") for number, each in records.items()}
    events = names.name(topics.EVENTS)
    since = {TopicPartition(events, number): each.offset + 1 for number, each in records.items()}
    async for chunk in history.records(broker, events, since=since):
        for record in chunk:
            activated = bundles.activated(record)
            if activated is not None:
                found[record.partition] = Live(activated[0], "stream" if activated[1] == "stream" else "wall")
    return found


async def _records(broker: connection.Address, names: topics.Topics) -> dict[int, codec.PartitionRecord]:
    """Return `{partition: partition record}`, with an empty record for a partition that has none.

    Every batch writes a partition record, so the newest one is near the end of `customer.state`. The search reads the last
    1,000 records of each partition first. If no partition record is among them, it reads ten times as many, and so on.
    """
    topic, back = names.name(topics.STATE), _TAIL
    ends = await history.ends(broker, topic)
    found: dict[int, codec.PartitionRecord] = {}
    while missing := [tp for tp in ends if tp.partition not in found]:
        since = {tp: max(0, end - back) if tp in missing else end for tp, end in ends.items()}
        async for chunk in history.records(broker, topic, since=since):
            for record in chunk:
                if record.key == codec.PARTITION_KEY and record.value is not None:
                    found[record.partition] = codec.read_partition_record(record.value)
        for tp in missing:
            if since[tp] == 0:
                found.setdefault(tp.partition, codec.PartitionRecord())
        back *= 10
    return dict(sorted(found.items()))


def _activation(number: int, wanted: Live) -> bytes:
    at = timestamps.instant(timestamps.milliseconds(datetime.datetime.now(datetime.UTC)))
    id_ = f"activate-{hashed(wanted.bundle, wanted.clock, number, inputs.text(at))}"
    return codec.bundle_activated(wanted.bundle, wanted.clock, at, id_)
