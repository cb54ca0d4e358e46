"""The topics: their names and their configuration, with functions that create and check them.

Called by the worker and by the commands that need Kafka. No other file defines a topic's name or configuration.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from engine.core import errors
from engine.core.model import channels
from engine.runtime.kafka import connection

EVENTS: Final = "customer.events"
DECISIONS: Final = "journey.events"
BUNDLES: Final = "journey.bundles"
STATE: Final = "customer.state"
DEAD_LETTERS: Final = "dead.letters"
ACTIONS: Final[Mapping[str, str]] = {channel: f"actions.{channel}" for channel in channels.NAMES}

PARTITIONS: Final = 12
"""The number of partitions of new topics, if `customer.events` does not exist yet and the user gives no number."""
_DAY: Final = 86_400_000
LARGEST: Final = 4 * 1024 * 1024
"""The size in bytes of the largest record that the topics accept.

An event that is larger than `inputs.MAX_BYTES`, but not larger than this size, reaches the engine and becomes a dead letter.
"""
TOMBSTONES: Final = _DAY
"""The least time in milliseconds for which Kafka must keep a tombstone of `customer.state`.

A tombstone is the record that deletes a customer's state. A worker that reads slowly, or comes back later, must still find it.
"""
UNCOMPACTED: Final = 3_600_000
"""The time in milliseconds for which Kafka keeps a customer's earlier states in `customer.state`.

A worker that loads a partition must read everything that was written in this time.
"""
_STATE: Final[Mapping[str, str]] = {
    # Kafka compacts small segments sooner. So a worker loads fewer records, and erased data is gone from the disk within days.
    "segment.bytes": str(64 * 1024 * 1024),
    "segment.ms": str(_DAY),
    "max.compaction.lag.ms": str(_DAY),
    # A worker that takes a partition may have to go back to a customer's earlier states.
    "min.compaction.lag.ms": str(UNCOMPACTED),
    # A worker also loads the records that are not compacted yet; with this ratio, they are at most a quarter more.
    "min.cleanable.dirty.ratio": "0.2",
    "delete.retention.ms": str(2 * TOMBSTONES),
}
_KNOWN_WITHIN: Final = 10.0
_ENVELOPE: Final = 64 * 1024
"""The most bytes that a dead letter may have in addition to the rejected record, for its headers."""


class TopicsMissing(errors.RuntimeFailure):
    """Topics are missing on this broker."""

    code = "DLG510"
    hint = "Create them with `dalang topics create`."


class WrongPartitions(errors.RuntimeFailure):
    """The topics have different numbers of partitions, so the records of one customer would be in different partitions."""

    code = "DLG511"
    hint = (
        "Create new topics, all with one number of partitions, under another --topic-prefix; then move the log with"
        " `dalang history export` and `dalang history import`."
    )


class WrongConfig(errors.RuntimeFailure):
    """A topic is not configured as the engine needs it."""

    code = "DLG513"
    hint = "Set these values with `kafka-configs.sh --alter --entity-type topics`; the workers may keep running."


class OtherCount(errors.RuntimeFailure):
    """Topics exist already, with another number of partitions than --partitions says."""

    code = "DLG514"
    hint = (
        "Leave --partitions out to create the missing topics with the same number; for another number, create all topics under"
        " another --topic-prefix."
    )


class TopicsRefused(errors.RuntimeFailure):
    """The broker did not create the topics."""

    code = "DLG512"
    hint = "Look for the cause in the broker's log; a cluster of one broker needs --replication 1."


class Spec(msgspec.Struct, frozen=True):
    """The full name and the configuration of one topic, for `create` and `checked`."""

    name: str
    config: Mapping[str, str]


class Topics(msgspec.Struct, frozen=True):
    """The full names of the topics: with the prefix `test-`, `customer.events` becomes `test-customer.events`."""

    prefix: str = ""

    def name(self, topic: str) -> str:
        """Return the full name of a topic: the prefix, then the name `topic`."""
        return self.prefix + topic

    def specs(self, days: Mapping[str, int] | None = None) -> tuple[Spec, ...]:
        """Return the full name and the configuration of every topic that Dalang uses.

        `days` says for how many days a topic keeps its records (`{"customer.events": 60}`, names without the prefix). A topic
        that is not in `days` has its default.
        """
        large = {"max.message.bytes": str(LARGEST)}
        compacted = {"cleanup.policy": "compact", **large}
        # The broker sets the timestamps: a producer's machine whose clock jumps must not change when timers fire.
        stamped = {"message.timestamp.type": "LogAppendTime"}
        buried = {"max.message.bytes": str(LARGEST + _ENVELOPE)}
        own = {EVENTS: {**large, **stamped}, DECISIONS: large, DEAD_LETTERS: buried}
        days = {EVENTS: 30, DECISIONS: 90, DEAD_LETTERS: 30, **dict.fromkeys(ACTIONS.values(), 7), **(days or {})}
        return (
            *(
                Spec(self.name(topic), {"retention.ms": str(kept * _DAY), **own.get(topic, large)})
                for topic, kept in days.items()
            ),
            Spec(self.name(BUNDLES), compacted),
            Spec(self.name(STATE), {**compacted, **stamped, **_STATE}),
        )


async def create(
    broker: connection.Address,
    topics: Topics,
    partitions: int | None,
    replication: int = 1,
    days: Mapping[str, int] | None = None,
) -> list[str]:
    """Create the topics that do not exist yet, and return their names as soon as the broker lists them.

    Existing topics are not changed. `partitions` is the number of partitions of each new topic. None means the number that
    `customer.events` has or, if that topic does not exist, `PARTITIONS`. `replication` is the replication factor, and `days` is
    explained in `Topics.specs`. Raises `OtherCount` if `customer.events` exists with another number of partitions, and
    `TopicsRefused` if the broker does not create the topics.
    """
    await connection.reachable(broker)
    admin = AIOKafkaAdminClient(**connection.client(broker))
    await admin.start()
    try:
        existing, count = set(await admin.list_topics()), partitions or PARTITIONS
        if topics.name(EVENTS) in existing:
            (events,) = await admin.describe_topics([topics.name(EVENTS)])
            count = len(events["partitions"])
            if partitions not in (None, count):
                raise OtherCount(f"{topics.name(EVENTS)} has {count} partitions, but --partitions says {partitions}.")
        missing = [_new(spec, count, replication) for spec in topics.specs(days) if spec.name not in existing]
        answer = await admin.create_topics(missing) if missing else None
        for name, code, *rest in answer.topic_errors if answer is not None else ():
            if code not in (0, TopicAlreadyExistsError.errno):
                raise TopicsRefused(
                    f"The broker did not create {name}: error {code} {rest[0] if rest else ''}".rstrip(" .") + "."
                )
        made = [topic.name for topic in missing]
        async with asyncio.timeout(_KNOWN_WITHIN):
            # The controller has created the topics; the other brokers learn of them a little later.
            while not existing.issuperset(made):
                await asyncio.sleep(0.1)
                existing = set(await admin.list_topics())
    except (KafkaError, TimeoutError) as exc:
        raise TopicsRefused(f"The broker did not create the topics ({type(exc).__name__}: {exc}).") from None
    finally:
        await admin.close()
    return made


def _new(spec: Spec, partitions: int, replication: int) -> NewTopic:
    config = dict(spec.config)
    if replication > 2:
        # Confirmed records must outlive the loss of any one broker, the leader included.
        config["min.insync.replicas"] = str(replication // 2 + 1)
    return NewTopic(spec.name, partitions, replication, topic_configs=config)


async def partitions(broker: connection.Address, topics: Topics) -> int:
    """Return the number of partitions that every topic has, except `journey.bundles`, which may have another number.

    Raises `TopicsMissing` if a topic does not exist, and `WrongPartitions` if the numbers of partitions differ.
    """
    await connection.reachable(broker)
    admin = AIOKafkaAdminClient(**connection.client(broker))
    await admin.start()
    try:
        names = [spec.name for spec in topics.specs()]
        existing = set(await admin.list_topics())
        missing = [name for name in names if name not in existing]
        if missing:
            raise TopicsMissing(f"Missing topics: {', '.join(missing)}.")
        counts = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)}
    finally:
        await admin.close()
    # Every worker reads the whole topic `journey.bundles`, so its number of partitions does not matter.
    shared = {count for name, count in counts.items() if name != topics.name(BUNDLES)}
    if len(shared) != 1:
        told = ", ".join(f"{name} has {count}" for name, count in sorted(counts.items()))
        raise WrongPartitions(f"The topics have different numbers of partitions: {told}.")
    return shared.pop()


async def checked(broker: connection.Address, topics: Topics) -> list[str]:
    """Compare the configuration of `customer.state` and `journey.bundles` with what `create` sets; return the differences.

    Each difference is a sentence for the user. Raises `WrongConfig` if a difference is harmful: if it makes Kafka delete states
    or bundles because of their age, or remove tombstones before every worker has read them.
    """
    wanted = {spec.name: spec.config for spec in topics.specs() if spec.name in (topics.name(STATE), topics.name(BUNDLES))}
    found = await _configs(broker, list(wanted))
    wrong: list[str] = []
    told: list[str] = []
    for name, config in wanted.items():
        if name not in found:
            told.append(f"{name}: its configuration cannot be read; that needs the right DescribeConfigs on the topic")
        for key, value in config.items():
            has = found.get(name, {}).get(key, value)
            harmful = key == "cleanup.policy" or (key == "delete.retention.ms" and int(has) < TOMBSTONES)
            if has != value:
                (wrong if harmful else told).append(f"{name}: {key} is {has}; `dalang topics create` sets it to {value}")
    if wrong:
        raise WrongConfig("; ".join(wrong) + ".")
    return told


async def _configs(broker: connection.Address, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the configuration of these topics (`{topic: {key: value}}`); a topic is left out if this user may not read it."""
    admin = AIOKafkaAdminClient(**connection.client(broker))
    await admin.start()
    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers = await admin.describe_configs(asked)
    finally:
        await admin.close()
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4] if entry[1] is not None}
        for answer in answers
        for resource in answer.resources
        if resource[0] == 0
    }


async def needed(broker: connection.Address, topics: Topics, *wanted: str) -> list[int]:
    """Check that all topics in `wanted` exist, and return the partition numbers of the first one, such as `[0, 1, 2]`.

    The names in `wanted` have no prefix. Raises `TopicsMissing` with the names of all topics that do not exist.
    """
    found = {topic: await numbers(broker, topics.name(topic)) for topic in wanted}
    missing = [topics.name(topic) for topic, there in found.items() if not there]
    if missing:
        raise TopicsMissing(f"Missing topics: {', '.join(missing)}.")
    return found[wanted[0]]


async def numbers(broker: connection.Address, topic: str) -> list[int]:
    """Return the partition numbers of one topic, such as `[0, 1, 2]`; an empty list if the topic does not exist."""
    admin = AIOKafkaAdminClient(**connection.client(broker))
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            return []
        (described,) = await admin.describe_topics([topic])
        return sorted(each["partition"] for each in described["partitions"])
    finally:
        await admin.close()
