"""The compiled form of a bundle: what the fold reads of journeys, policy and templates.

Made by `engine/authoring/compile.py`, hashed and put on `journey.bundles`, read back by workers and replays:
plain data with no callable in it, so that an instance can be decided on in any year. Field names are a storage format.
A journey is flat here: every step of every nested list stands in `steps`, and knows where it goes on (`next`).
Durations are whole milliseconds.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Purpose = Literal["marketing", "transactional", "support", "authentication"]
Status = Literal["accepted", "sent", "delivered", "read", "clicked", "replied", "failed"]

PURPOSES: tuple[Purpose, ...] = ("marketing", "transactional", "support", "authentication")


class Expression(msgspec.Struct, frozen=True):
    """A CEL expression, its place in the YAML (`steps[1].branch[0].if`) and the scope names that it uses."""

    text: str
    path: str
    names: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True):
    """An event type, and the condition under which the event counts."""

    event: str
    when: Expression | None = None


class Reentry(msgspec.Struct, frozen=True):
    """When a customer may enter again with the same key: `after` in ms since the last entry, `parallel` instances at most."""

    rule: Literal["never", "after_exit", "after", "parallel"]
    after: int = 0
    parallel: int = 1


class Enter(msgspec.Struct, frozen=True):
    """How customers come into a journey. `path` is the YAML path that the trace names."""

    events: tuple[str, ...]
    reentry: Reentry
    when: Expression | None = None
    key: Expression | None = None
    while_active: Literal["ignore", "restart", "update"] = "ignore"
    max_age: int | None = None


class ExitRule(msgspec.Struct, frozen=True):
    """Leaves the journey with `reason` when the trigger is seen."""

    trigger: Trigger
    reason: str


class Place(msgspec.Struct, frozen=True):
    """One channel of a send. `success` and `fallback_after` are both None only on the last."""

    channel: str
    success: Status | None = None
    fallback_after: int | None = None


class Send(msgspec.Struct, frozen=True, tag="send"):
    """Request one message over the channels in `places`, in this order."""

    id: str
    path: str
    next: str | None
    template: str
    places: tuple[Place, ...]
    expires_after: int | None = None
    to: Expression | None = None


class WaitDuration(msgspec.Struct, frozen=True, tag="wait"):
    """Wait so many milliseconds; `restart_on` starts the wait again."""

    id: str
    path: str
    next: str | None
    duration: int
    restart_on: Trigger | None = None


class Awaited(msgspec.Struct, frozen=True):
    """One event that a wait is for, and the step that it leads to (None: the end of the journey)."""

    trigger: Trigger
    goto: str | None


class WaitEvents(msgspec.Struct, frozen=True, tag="wait_for"):
    """Wait for the first of some events, at most `timeout`. `since`: from when events count."""

    id: str
    path: str
    next: str | None
    awaited: tuple[Awaited, ...]
    timeout: int
    on_timeout: str | None = None
    """The step after the timeout: the first of `on_timeout`, else what follows the wait; None: the end."""
    since: Literal["step", "previous_send", "entry"] = "step"


class Arm(msgspec.Struct, frozen=True):
    """One arm of a branch: its condition (None: else) and the step that it leads to (None: the end of the journey)."""

    condition: Expression | None
    goto: str | None


class Branch(msgspec.Struct, frozen=True, tag="branch"):
    """The first arm whose condition holds; with none, `next`."""

    id: str
    path: str
    next: str | None
    arms: tuple[Arm, ...]


class Exit(msgspec.Struct, frozen=True, tag="exit"):
    """Leave the journey with a reason."""

    id: str
    path: str
    next: str | None
    reason: str


Step = Send | WaitDuration | WaitEvents | Branch | Exit


class Journey(msgspec.Struct, frozen=True):
    """One compiled journey. `version` is the hash of everything else here with the templates that it names."""

    name: str
    version: str
    owner: str
    purpose: Purpose
    status: Literal["draft", "live", "paused", "retired"]
    enter: Enter
    steps: Mapping[str, Step]
    first: str
    title: str = ""
    priority: int = 0
    exits: tuple[ExitRule, ...] = ()
    templates: Mapping[str, Mapping[str, Mapping[str, object]]] = {}
    """template -> language -> channel -> body as written (Liquid), of the templates that the steps name."""


class Channel(msgspec.Struct, frozen=True):
    """A channel of the policy: where its address is, what one attempt costs (in the policy's currency) and what it reports."""

    address: Expression
    cost: float = 0.0
    reports: tuple[Status, ...] = ()


class FailureClass(msgspec.Struct, frozen=True):
    """What a provider's code means. `retry_after` is in ms, tried again `at_most` times; both for kind `retry` only."""

    kind: Literal["next_channel", "retry", "stop_channel", "withdraw_consent", "configuration"]
    retry_after: int = 0
    at_most: int = 0


class Policy(msgspec.Struct, frozen=True):
    """The workspace's rules. `failure_classes` holds the engine's usual ones too, so that a replay needs no other table."""

    timezone: str = "Asia/Jakarta"
    language: str = "id"
    late_after: int = 60_000
    consent: Mapping[str, Literal["opt_in", "implied"]] = {}
    channels: Mapping[str, Channel] = {}
    failure_classes: Mapping[str, Mapping[str, FailureClass]] = {}


class Bundle(msgspec.Struct, frozen=True):
    """All of one directory, compiled; `sources` maps each file's relative path to its text. `id` is the hash of the rest."""

    id: str
    journeys: tuple[Journey, ...]
    policy: Policy
    sources: Mapping[str, str] = {}


def events_of(journey: Journey) -> frozenset[str]:
    """The event types that can touch a live instance of this journey."""
    types = {rule.trigger.event for rule in journey.exits}
    for step in journey.steps.values():
        match step:
            case WaitDuration(restart_on=Trigger(event=event)):
                types.add(event)
            case WaitEvents(awaited=awaited):
                types.update(item.trigger.event for item in awaited)
            case _:
                pass
    return frozenset(types)


def goes_to(step: Step) -> tuple[str | None, ...]:
    """Every step that this one can lead to; None is the end of the journey."""
    match step:
        case Branch(arms=arms):
            return (*(arm.goto for arm in arms), step.next)
        case WaitEvents(awaited=awaited):
            return (*(item.goto for item in awaited), step.on_timeout)
        case Exit():
            return ()
        case _:
            return (step.next,)


def reachable(journey: Journey, step: str) -> tuple[str, ...]:
    """The ids of the steps that come after `step`, in the order of the file."""
    found: set[str] = set()
    ahead = [step]
    while ahead:
        for id_ in goes_to(journey.steps[ahead.pop()]):
            if id_ is not None and id_ not in found:
                found.add(id_)
                ahead.append(id_)
    return tuple(id_ for id_ in journey.steps if id_ in found)
