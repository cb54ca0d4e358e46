"""Operator commands, written as `journey.command` events to `customer.events`.

Called by `dalang command`. A command for one customer is one record under the customer's key. Any other command is one record
in every partition, all written in one transaction. This module only writes commands. The decider carries them out when a worker
reads the records.
"""

import datetime
import json
import os
from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from engine.core import errors
from engine.core.model import definition, inputs
from engine.core.model.decisions import hashed
from engine.runtime import bundles, deploys
from engine.runtime.kafka import acl, broadcast, connection, producers, timestamps, topics

Name = Literal["pause", "resume", "stop", "enter"]
_OWN: Final = frozenset({"command", "journey", "key"})


class BadCommand(errors.RuntimeFailure):
    """This command cannot be given."""

    code = "DLG534"
    hint = "`dalang command --help` shows what each command takes."


class Command(msgspec.Struct, frozen=True):
    """One operator command; an empty `journey` means all journeys, an empty `customer` means all customers.

    `key` names one instance of the customer in the journey; if `key` is empty, the command is about all of her instances.
    `data` is the data of the entry event for `enter`; its fields are written into the event beside `command`, `journey` and
    `key`.
    """

    command: Name
    journey: str = ""
    customer: str = ""
    key: str = ""
    data: dict[str, Any] | None = None

    def event(self, at: datetime.datetime) -> bytes:
        """Encode the command as a CloudEvent in JSON; `at` is the event's `time`."""
        told = {**(self.data or {}), "command": self.command, "journey": self.journey, "key": self.key}
        event = {
            "specversion": "1.0",
            "id": f"command-{hashed(json.dumps(told), self.customer, inputs.text(at), os.getpid())}",
            "source": "dalang/command",
            "type": inputs.JOURNEY_COMMAND,
            "time": inputs.text(at),
            **({"subject": self.customer} if self.customer else {}),
            "data": {name: value for name, value in told.items() if value != "" or name not in _OWN},
        }
        return msgspec.json.encode(event)


def command(
    name: Name,
    journey: str | None = None,
    customer: str | None = None,
    key: str | None = None,
    data: str = "",
    *,
    everybody: bool = False,
) -> Command:
    """Build a command from the arguments of `dalang command`; raise `BadCommand` if they cannot be combined.

    None means that a flag was not given. `data` is the text of a JSON object, or empty.
    """
    for flag, given in (("--journey", journey), ("--customer", customer), ("--key", key)):
        if given is not None and not given.strip():
            # A blank value may come from an unset variable of a shell script, so it must not mean "all".
            raise BadCommand(f"{flag} is blank: leave it out to mean all.")
    if name == "enter" and not (journey and (customer or everybody)):
        raise BadCommand("enter needs --journey, and --customer or --everybody: customers enter, and may get messages.")
    if everybody and customer:
        raise BadCommand("--everybody and --customer cannot be given together.")
    if name != "enter" and data:
        raise BadCommand(f"--data is for enter alone: it is the data of the entry event, and {name} has none.")
    if key and not (journey and customer):
        raise BadCommand("--key names one instance of one customer in one journey: it needs --journey and --customer.")
    if key and name in ("pause", "resume"):
        raise BadCommand(f"{name} holds for whole journeys, not for one instance: leave --key out.")
    try:
        parsed = json.loads(data) if data else None
    except json.JSONDecodeError as exc:
        raise BadCommand(f"--data is not JSON: {exc}.") from None
    if parsed is not None and not isinstance(parsed, dict):
        raise BadCommand('--data must be a JSON object, such as \'{"cart_id": "k-77"}\'.')
    if parsed and (taken := _OWN & parsed.keys()):
        raise BadCommand(f"--data must not hold {', '.join(sorted(taken))}: the command sets these itself.")
    return Command(name, journey or "", customer or "", key or "", parsed)


async def send(broker: connection.Address, names: topics.Topics, told: Command) -> tuple[int, ...]:
    """Write a command to `customer.events`, and return the numbers of the partitions to which it was written.

    Raises `BadCommand` if the command names a journey that was never deployed; for `enter`, also if the journey is not live.
    """
    await connection.reachable(broker)
    await acl.check(broker, acl.rights("command", names))
    numbers = await topics.needed(broker, names, topics.EVENTS, topics.BUNDLES, topics.STATE)
    if told.journey:
        await _known(broker, names, told)
    value = told.event(timestamps.instant(timestamps.milliseconds(datetime.datetime.now(datetime.UTC))))
    if not told.customer:
        async with broadcast.Broadcast(broker, names) as line:
            await line.send(dict.fromkeys(numbers, value))
        return tuple(numbers)
    producer = producers.without_transactions(broker)
    await producer.start()
    try:
        stands = await producer.send_and_wait(names.name(topics.EVENTS), value, key=told.customer.encode())
    finally:
        await producer.stop()
    return (stands.partition,)


async def _known(broker: connection.Address, names: topics.Topics, told: Command) -> None:
    """Raise `BadCommand` if the command names a journey that was never deployed; for `enter`, also if the journey is not live.

    Without this check, a command with a misspelt name would be accepted and would do nothing. A journey that was live once is
    accepted for every command but `enter`, because it may still have instances that can be stopped.
    """
    found, _ = await bundles.read(broker, names.name(topics.BUNDLES))
    if told.command == "enter":
        ids = {each.bundle for each in (await deploys.live(broker, names)).values()}
        found = {id_: bundle for id_, bundle in found.items() if id_ in ids}
    journeys = _journeys(found.values())
    if told.journey not in journeys:
        there = ", ".join(sorted(journeys)) or "none"
        kind = "live" if told.command == "enter" else "deployed"
        raise BadCommand(f"No journey {told.journey} is {kind}. These are: {there}.")


def _journeys(found: Iterable[definition.Bundle]) -> set[str]:
    return {journey.name for bundle in found for journey in bundle.journeys}
