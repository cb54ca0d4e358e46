"""The compiled form of a bundle: journeys, policy, templates and traits as the fold reads them.

`engine/authoring/compiling/compile.py` makes it; it is hashed, put on `journey.bundles` and read back by workers and replays. It
is plain data without any callable, so that an instance can be decided on in any year. Field names are a storage format. A journey
is flat here: `steps` holds every step of every nested list, and each step names the step that follows (`next`). Durations are
whole milliseconds.
"""

import datetime
from collections.abc import Iterator, Mapping
from typing import Literal, get_args

import msgspec

Purpose = Literal["marketing", "transactional", "support", "authentication"]
Status = Literal["accepted", "sent", "delivered", "read", "clicked", "replied", "failed"]

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
STATUSES: tuple[Status, ...] = get_args(Status)


class Expression(msgspec.Struct, frozen=True):
    """A CEL expression, its path in the YAML (`steps[1].branch[0].if`) and the names that it reads from the scope."""

    text: str
    path: str
    names: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True):
    """An event type, and the condition under which the event counts."""

    event: str
    when: Expression | None = None


class Reentry(msgspec.Struct, frozen=True):
    """The rule by which a customer may enter again with the same key.

    `after` is the time since the last entry in ms. `parallel` is the most live instances at once.
    """

    rule: Literal["never", "after_exit", "after", "parallel"]
    after: int = 0
    parallel: int = 1


class Schedule(msgspec.Struct, frozen=True):
    """The times of the customer's calendar at which a journey enters customers, at `minute` of the local day.

    `every` says on which days: each day, each payday, the weekdays in `days` (0 is Monday), the day of the month `day` (1 to 31;
    a month without that day is skipped), or once, on `date`. `audience` is the condition that the customer must meet.
    """

    minute: int
    every: Literal["day", "payday", "weekday", "month", "once"]
    days: tuple[int, ...] = ()
    day: int = 0
    date: datetime.date | None = None
    audience: Expression | None = None


class Enter(msgspec.Struct, frozen=True):
    """The way into a journey: by `events`, by entering `segment`, or by `schedule`; exactly one of the three."""

    events: tuple[str, ...]
    reentry: Reentry
    when: Expression | None = None
    key: Expression | None = None
    while_active: Literal["ignore", "restart", "update"] = "ignore"
    max_age: int | None = None
    segment: str = ""
    schedule: Schedule | None = None


class ExitRule(msgspec.Struct, frozen=True):
    """A rule that ends an instance with `reason` when the trigger is seen."""

    trigger: Trigger
    reason: str


class Goal(msgspec.Struct, frozen=True):
    """The goal of a journey: `trigger` happens within `within` ms after the entry, also if the instance has left by then."""

    trigger: Trigger
    within: int
    value: Expression | None = None


class Place(msgspec.Struct, frozen=True):
    """One channel of a send step. `success` and `fallback_after` (ms) are None on the last channel if it needs no success."""

    channel: str
    success: Status | None = None
    fallback_after: int | None = None


class Send(msgspec.Struct, frozen=True, tag="send"):
    """The step `send`: it requests one message over the channels in `places`, in this order."""

    id: str
    path: str
    next: str | None
    template: str
    places: tuple[Place, ...]
    expires_after: int | None = None
    to: Expression | None = None


class WaitDuration(msgspec.Struct, frozen=True, tag="wait"):
    """The step `wait` for `duration` ms; the event of `restart_on` starts the wait again."""

    id: str
    path: str
    next: str | None
    duration: int
    restart_on: Trigger | None = None


class WaitUntil(msgspec.Struct, frozen=True, tag="wait_until"):
    """The step `wait` until a moment of the customer's calendar.

    The moment is the next `minute` of a local day (only on the weekdays in `days`, if there are any; 0 is Monday), the next
    payday at `minute`, or the moment that `date` gives, moved by `offset` ms. `if_past` and `if_missing` are for `date` alone.
    """

    id: str
    path: str
    next: str | None
    minute: int = 0
    days: tuple[int, ...] = ()
    payday: bool = False
    date: Expression | None = None
    offset: int = 0
    if_past: Literal["exit", "continue"] = "exit"
    if_missing: Literal["exit", "continue"] = "exit"


class Awaited(msgspec.Struct, frozen=True):
    """One event that ends a wait, and the step that it leads to (None: the end of the journey)."""

    trigger: Trigger
    goto: str | None


class WaitEvents(msgspec.Struct, frozen=True, tag="wait_for"):
    """The step `wait` for the first of several events, for at most `timeout` ms; `since` is the time from which events count."""

    id: str
    path: str
    next: str | None
    awaited: tuple[Awaited, ...]
    timeout: int
    on_timeout: str | None = None
    """The step after a timeout: the first step of `on_timeout`, or the step after the wait; None: the end of the journey."""
    since: Literal["step", "previous_send", "entry"] = "step"


class Arm(msgspec.Struct, frozen=True):
    """One arm of a branch: its condition (None: else) and the step that it leads to (None: the end of the journey)."""

    condition: Expression | None
    goto: str | None


class Branch(msgspec.Struct, frozen=True, tag="branch"):
    """The step `branch`: the first arm whose condition holds, or `next` if there is none."""

    id: str
    path: str
    next: str | None
    arms: tuple[Arm, ...]


class Exit(msgspec.Struct, frozen=True, tag="exit"):
    """The step `exit`: it leaves the journey with a reason."""

    id: str
    path: str
    next: str | None
    reason: str


class SplitArm(msgspec.Struct, frozen=True):
    """One arm of a split: its relative weight, and the step that it leads to (None: the end of the journey)."""

    id: str
    weight: int
    goto: str | None


class Split(msgspec.Struct, frozen=True, tag="split"):
    """The step `split`: weighted arms, one of which is chosen by a hash of `salt` and the customer, or the instance."""

    id: str
    path: str
    next: str | None
    by: Literal["customer", "instance"]
    salt: str
    arms: tuple[SplitArm, ...]


class Candidate(msgspec.Struct, frozen=True):
    """One offer, which counts if `condition` holds (None: always) and `score` gives a number."""

    id: str
    score: Expression
    goto: str | None
    condition: Expression | None = None


class Choose(msgspec.Struct, frozen=True, tag="choose"):
    """The step `choose`: the candidate with the highest score, the first of them in a tie, or `next` if there is none."""

    id: str
    path: str
    next: str | None
    candidates: tuple[Candidate, ...]


class Given(msgspec.Struct, frozen=True):
    """A value to write: a constant (None removes the attribute), or the result of `expression`."""

    constant: bool | int | float | None = None
    expression: Expression | None = None


class Set(msgspec.Struct, frozen=True, tag="set"):
    """The step `set`: it writes attributes of the profile."""

    id: str
    path: str
    next: str | None
    values: Mapping[str, Given]


class Emit(msgspec.Struct, frozen=True, tag="emit"):
    """The step `emit`: it puts an event about the same customer on `customer.events`."""

    id: str
    path: str
    next: str | None
    event: str
    data: Mapping[str, Given] = {}


class Handoff(msgspec.Struct, frozen=True, tag="handoff"):
    """The step `handoff`: it asks a human of `queue`; `summary` is Liquid.

    With `reply_within` (ms) the step waits for a reply.
    """

    id: str
    path: str
    next: str | None
    queue: str
    priority: str = "normal"
    summary: str = ""
    reply_within: int | None = None


Step = Send | WaitDuration | WaitUntil | WaitEvents | Branch | Split | Choose | Set | Emit | Handoff | Exit


class Journey(msgspec.Struct, frozen=True):
    """One compiled journey.

    `version` is the hash of all other fields, the used templates included.
    """

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
    """`{template: {language: {channel: body}}}` of the templates that the steps use, with bodies as written (Liquid)."""
    goal: Goal | None = None
    holdout: int = 0
    """The share of customers who pass through the journey without messages, in hundredths of a percent."""
    on_update: Literal["pin", "migrate"] = "pin"
    migrations: Mapping[str, str] = {}
    """`{step of another version: step of this version, or "exit"}`."""
    hours: str = ""
    """The name of the rule in `policy.quiet_hours` for the journey's messages; empty: the rule of the journey's purpose."""


class Channel(msgspec.Struct, frozen=True):
    """A channel of the policy: its address, the cost of one attempt (in the policy's currency), and its reports."""

    address: Expression
    cost: float = 0.0
    reports: tuple[Status, ...] = ()


class FailureClass(msgspec.Struct, frozen=True):
    """The meaning of a provider's error code.

    `retry_after` (ms) and `at_most` (the number of retries) are for the kind `retry` only.
    """

    kind: Literal["next_channel", "retry", "stop_channel", "withdraw_consent", "configuration"]
    retry_after: int = 0
    at_most: int = 0


class Calendar(msgspec.Struct, frozen=True):
    """The workspace's calendar: `holidays` are the public holidays of the years from `first` to `last`."""

    country: str = "ID"
    cuti_bersama: bool = False
    payday: int = 25
    payday_shift: Literal["previous", "next", "none"] = "previous"
    holidays: tuple[datetime.date, ...] = ()
    first: int = 0
    last: int = 0
    zones: Mapping[str, str] = {}
    """`{calling code: zone}`, such as `65: Asia/Singapore`, of each code whose countries all have the same single zone."""
    tzdata: str = ""
    """The version of the zone database with which the bundle was compiled."""


class QuietHours(msgspec.Struct, frozen=True):
    """The hours in which messages of a purpose are not sent, by the customer's clock.

    They last from the minute `start` (quiet) to the minute `end` (open) of a day, over midnight if start > end. The weekdays in
    `days_off` (0 is Monday) are quiet all day, and with `holidays_off` the calendar's holidays too. `source` is the name of the
    rule in the policy.
    """

    start: int = 0
    end: int = 0
    days_off: tuple[int, ...] = ()
    holidays_off: bool = False
    source: str = ""


class Cap(msgspec.Struct, frozen=True):
    """The most messages that a customer may get in a window: of one purpose, channel or journey if it is given, else of all.

    If `days` > 0, the window is that many of the customer's calendar days, today included; else it is the last `rolling` ms. A
    message over the cap is dropped, or deferred until the cap allows it. A cap for a channel only skips that channel.
    """

    at_most: int
    days: int = 0
    rolling: int = 0
    purpose: str = ""
    channel: str = ""
    journey: str = ""
    then: Literal["drop", "defer"] = "drop"


class Policy(msgspec.Struct, frozen=True):
    """The workspace's rules; `late_after` is in ms.

    `failure_classes` holds the engine's defaults too, so that a replay needs no other table.
    """

    timezone: str = "Asia/Jakarta"
    language: str = "id"
    late_after: int = 60_000
    consent: Mapping[str, Literal["opt_in", "implied"]] = {}
    channels: Mapping[str, Channel] = {}
    failure_classes: Mapping[str, Mapping[str, FailureClass]] = {}
    calendar: Calendar = Calendar()
    quiet_hours: Mapping[str, QuietHours] = {}
    """`{purpose, or name of a rule that journeys choose by "hours": quiet hours}`."""
    caps: tuple[Cap, ...] = ()
    languages: Mapping[str, tuple[str, ...]] = {}
    """`{language: languages to try instead}` for templates without that language, before the policy's default language."""


Compute = Literal["count", "sum", "average", "min", "max", "first", "last", "distinct", "most_frequent", "rfm"]
COMPUTES: tuple[Compute, ...] = get_args(Compute)
OF_NUMBERS: frozenset[Compute] = frozenset({"sum", "average", "min", "max", "rfm"})
"""The computations that need numbers. The others take any value; `count` takes no value."""


class Trait(msgspec.Struct, frozen=True):
    """A value computed from a customer's events; `when` and `value` see `event` and `profile` only.

    If `days` > 0, the window is that many of the customer's own calendar days, today included. If `rolling` > 0, it is exactly
    the last `rolling` ms. If neither, all events count. The bands of rfm go from low to high. `hash` is the hash of all other
    fields: a trait whose definition changes starts to count anew.
    """

    name: str
    of: tuple[str, ...]
    compute: Compute
    hash: str
    when: Expression | None = None
    value: Expression | None = None
    days: int = 0
    rolling: int = 0
    recency: tuple[float, ...] = ()
    frequency: tuple[float, ...] = ()
    monetary: tuple[float, ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """A time at which a segment may change by itself: the timestamp that `at` gives, plus `offset` ms."""

    at: Expression
    offset: int


class Segment(msgspec.Struct, frozen=True):
    """A named condition over profile and traits.

    `traits` are the traits that it reads. `moments` are the times at which it may change without an event.
    """

    name: str
    condition: Expression
    traits: tuple[str, ...] = ()
    moments: tuple[Moment, ...] = ()


class Bundle(msgspec.Struct, frozen=True):
    """The compiled form of everything in one directory.

    `sources` is `{relative path of a file: its text}`. `id` is the hash of all other fields.
    """

    id: str
    journeys: tuple[Journey, ...]
    policy: Policy
    sources: Mapping[str, str] = {}
    traits: tuple[Trait, ...] = ()
    segments: tuple[Segment, ...] = ()


def triggers_of(journey: Journey) -> Iterator[Trigger]:
    """Yield all triggers that can move a live instance of this journey; the goal's trigger is not among them."""
    yield from (rule.trigger for rule in journey.exits)
    for step in journey.steps.values():
        yield from heard_by(step)


def heard_by(step: Step) -> tuple[Trigger, ...]:
    """Return the triggers that an instance listens for while it waits at this step."""
    match step:
        case WaitDuration(restart_on=Trigger() as trigger):
            return (trigger,)
        case WaitEvents(awaited=awaited):
            return tuple(item.trigger for item in awaited)
        case _:
            return ()


def events_of(journey: Journey) -> frozenset[str]:
    """Return the event types that can touch a live instance of this journey, or its goal."""
    types = {trigger.event for trigger in triggers_of(journey)}
    return frozenset(types if journey.goal is None else types | {journey.goal.trigger.event})


def goes_to(step: Step) -> tuple[str | None, ...]:
    """Return every step that this one can lead to; None is the end of the journey."""
    match step:
        case Branch(arms=arms):
            return (*(arm.goto for arm in arms), step.next)
        case Split(arms=arms):
            return tuple(arm.goto for arm in arms)
        case Choose(candidates=candidates):
            return (*(candidate.goto for candidate in candidates), step.next)
        case WaitEvents(awaited=awaited):
            return (*(item.goto for item in awaited), step.on_timeout)
        case Exit():
            return ()
        case _:
            return (step.next,)


def reachable(journey: Journey, step: str) -> tuple[str, ...]:
    """Return the ids of the steps that can come after `step`, in the order of the file."""
    found: set[str] = set()
    ahead = [step]
    while ahead:
        for id_ in goes_to(journey.steps[ahead.pop()]):
            if id_ is not None and id_ not in found:
                found.add(id_)
                ahead.append(id_)
    return tuple(id_ for id_ in journey.steps if id_ in found)
