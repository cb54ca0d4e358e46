"""The rights that each process needs on Kafka, and the check that the broker grants them.

The worker, deploys, commands, `dalang state rebuild` and `dalang state check` call `check` before they read or write anything.
So the user learns of a missing right at once. `_TABLE` and the function `rights` are the only list of the rights: docs/rights.md
is made from this list, and the tests start a broker that grants exactly these rights. If a broker has no access control, or is
too old to report rights, `check` assumes that everything is allowed.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol import api
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from engine.authoring.docs import markdown
from engine.runtime.kafka import broadcast, connection, topics

Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
Resource = Literal["Topic", "Group", "TransactionalId", "Cluster"]
Role = Literal[
    "worker",
    "worker --journeys",
    "deploy",
    "command",
    "topics create",
    "topics check",
    "replay, explain, export",
    "import",
    "state rebuild",
    "state check",
    "adapter",
]

_BITS: Final[Mapping[Operation, int]] = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_UNKNOWN: Final = -(1 << 31)
"""The value that a broker sends in place of the allowed operations if it does not report them; then `check` allows everything."""
_ASKED: Final = 60
_AGAIN: Final = 0.5
_COMING: Final = (kafka.GroupCoordinatorNotAvailableError, kafka.NotCoordinatorForGroupError, kafka.GroupLoadInProgressError)
_TOO_OLD: Final = (kafka.IncompatibleBrokerVersion, kafka.UnsupportedVersionError, NotImplementedError)


class Right(msgspec.Struct, frozen=True, order=True):
    """The right to do one operation on one Kafka resource, such as Read on the topic `customer.events`.

    If `prefixed` is True, the right is for every resource whose name begins with `name`.
    """

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        return f"{self.operation} on {self.resource} {self.name}"


_TABLE: Final[Mapping[Role, Mapping[str, tuple[Operation, ...]]]] = {
    "worker": {
        topics.EVENTS: ("Read", "Write"),
        topics.STATE: ("Read", "Write"),
        topics.BUNDLES: ("Read",),
        # A worker that takes a partition reads the ends of these topics, to check that the last transaction is complete.
        topics.DECISIONS: ("Read", "Write"),
        topics.DEAD_LETTERS: ("Read", "Write"),
        **dict.fromkeys(topics.ACTIONS.values(), ("Read", "Write")),
    },
    "worker --journeys": {topics.BUNDLES: ("Write",)},
    "deploy": {topics.EVENTS: ("Read", "Write"), topics.STATE: ("Read",), topics.BUNDLES: ("Read", "Write")},
    "command": {topics.EVENTS: ("Read", "Write"), topics.STATE: ("Read",), topics.BUNDLES: ("Read",)},
    "topics create": {},
    "topics check": {},
    "replay, explain, export": {topics.EVENTS: ("Read",), topics.BUNDLES: ("Read",)},
    "state rebuild": {topics.EVENTS: ("Read",), topics.STATE: ("Read", "Write"), topics.BUNDLES: ("Read",)},
    "state check": dict.fromkeys(
        (topics.EVENTS, topics.STATE, topics.BUNDLES, topics.DECISIONS, topics.DEAD_LETTERS, *topics.ACTIONS.values()), ("Read",)
    ),
    "import": {topics.EVENTS: ("Write",)},
    "adapter": {topics.EVENTS: ("Write",), "actions.<channel>": ("Read",)},
}
ROLES: Final = tuple(_TABLE)


def rights(role: Role, names: topics.Topics, group: str = "<group>") -> list[Right]:
    """Return every right that a process with this role needs.

    `names` gives the prefix of the topics, and `group` is the name of the consumer group. The role `worker --journeys` needs all
    rights of the role `worker`, and some more.
    """
    found = [Right("Topic", names.name(topic), each) for topic, allowed in _TABLE[role].items() for each in allowed]
    match role:
        case "worker":
            found.append(Right("Group", group, "Read"))
            found.append(Right("TransactionalId", f"{names.name(group)}-", "Write", prefixed=True))
        case "worker --journeys":
            found = sorted({*rights("worker", names, group), *found, Right("TransactionalId", _operator(names), "Write")})
        case "state rebuild":
            found.append(Right("TransactionalId", f"{names.name(group)}-", "Write", prefixed=True))
        case "deploy" | "command":
            found.append(Right("TransactionalId", _operator(names), "Write"))
        case "topics create":
            found.append(Right("Cluster", "kafka-cluster", "Create"))
            found += [Right("Topic", spec.name, "Describe") for spec in names.specs()]
        case "topics check":
            found += [Right("Topic", spec.name, "Describe") for spec in names.specs()]
            found += [Right("Topic", names.name(topic), "DescribeConfigs") for topic in (topics.STATE, topics.BUNDLES)]
        case "adapter":
            found.append(Right("Group", group, "Read"))
        case _:
            pass
    return found


def _operator(names: topics.Topics) -> str:
    return names.name(broadcast.OPERATOR)


async def check(broker: connection.Address, wanted: Iterable[Right]) -> None:
    """Check that the broker grants this user all the `wanted` rights on topics and groups.

    Raises `connection.NotAllowed` with a list of the missing rights. Rights on transactional ids are not checked, because Kafka
    has no request for them. A producer that may not use its transactional id gets an error when it starts.
    """
    rights = list(wanted)
    names = sorted({right.name for right in rights if right.resource == "Topic"})
    allowed = await _topics(broker, names)
    missing = [right for right in rights if right.resource == "Topic" and not _has(allowed.get(right.name, 0), right.operation)]
    for right in rights:
        if right.resource == "Group" and not _has(await _group(broker, right.name), right.operation):
            missing.append(right)
    if missing:
        raise connection.NotAllowed(f"This user lacks rights on the broker: {'; '.join(map(str, missing))}.")


def _has(bits: int, operation: Operation) -> bool:
    return bits == _UNKNOWN or bool(bits >> _BITS[operation] & 1)


class _Answer(api.Response):
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _Asked(api.RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Operations(api.Request[_Asked]):
    """A metadata request that also asks for the operations that this user may do (KIP-430); aiokafka has no such request."""

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_Asked]) -> _Asked:
        return request_struct_class(self._names, False, False, True)


async def _topics(broker: connection.Address, names: list[str]) -> dict[str, int]:
    """Return the operations that this user may do on each topic, as a bit field (`{topic: bits}`).

    If a topic does not exist, every operation on it counts as allowed, because other checks report missing topics.
    """
    entered = await connection.enter(broker)
    try:
        answer: Any = (await entered.send(_Operations(names))).to_object()
    except _TOO_OLD:
        return dict.fromkeys(names, _UNKNOWN)
    finally:
        entered.close()
    return {each["topic"]: _bits(each) for each in answer["topics"]}


def _bits(told: Mapping[str, Any]) -> int:
    if told["error_code"] == kafka.TopicAuthorizationFailedError.errno:
        return 0  # this user may not even see that the topic exists
    return _UNKNOWN if told["error_code"] == kafka.UnknownTopicOrPartitionError.errno else int(told["authorized_operations"])


async def _group(broker: connection.Address, group: str) -> int:
    """Return the operations that this user may do on a consumer group, as a bit field.

    Returns `_UNKNOWN` if the broker does not report them. A cluster that has just started has no group coordinator yet. So the
    request is sent up to 60 times, every 0.5 seconds.
    """
    admin = AIOKafkaAdminClient(**connection.client(broker))
    await admin.start()
    try:
        for _ in range(_ASKED):
            try:
                (answer,) = await admin.describe_consumer_groups([group], include_authorized_operations=True)
            except _COMING:
                await asyncio.sleep(_AGAIN)
                continue
            (described,) = answer.to_object()["groups"]
            if described["error_code"] == 0:
                return int(described.get("authorized_operations", _UNKNOWN))
            if described["error_code"] == kafka.GroupAuthorizationFailedError.errno:
                return 0
            await asyncio.sleep(_AGAIN)
    except kafka.GroupAuthorizationFailedError:
        return 0
    except _TOO_OLD:
        pass
    finally:
        await admin.close()
    return _UNKNOWN


def page() -> str:
    """Return the text of docs/rights.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Rights"
    yield ""
    yield "What each process must be allowed on Kafka (ACLs), and nothing more. Made from `engine/runtime/kafka/acl.py` by"
    yield "`make schemas`; do not edit it. With `DALANG_TOPIC_PREFIX`, the prefix stands before topics and transactional ids,"
    yield "not before groups. `<group>` is `DALANG_APP_ID`. Read and Write bring Describe with them. A process that lacks a"
    yield "right says which and exits 2, before it begins."
    for role in ROLES:
        yield ""
        yield f"## {role}"
        yield ""
        grouped: dict[tuple[str, str], list[str]] = {}
        for right in rights(role, topics.Topics()):
            shown = f"`{right.name}`" + (" and all that begin so (prefixed)" if right.prefixed else "")
            grouped.setdefault((right.resource, shown), []).append(right.operation)
        rows = ((resource, name, ", ".join(operations)) for (resource, name), operations in grouped.items())
        yield from markdown.table(("resource", "name", "operations"), rows)
