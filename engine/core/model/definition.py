"""The compiled form of a bundle: journeys, policy, templates and traits as the fold reads them.

`engine/authoring/compiling/compile.py` makes a `Bundle` from YAML files. `dalang deploy` writes bundles to the topic
`journey.bundles`, and workers and replays read them from there. A bundle contains only data and no functions, so an old bundle
still works in later years. The names of the fields are a storage format.

A compiled journey is flat: `Journey.steps` has all steps, also those of nested lists, and every step has the id of the step that
follows (`next` or `goto`). Durations are whole milliseconds.
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
    """A CEL expression, with its path in the YAML file (such as `steps[1].branch[0].if`) and the variables that it reads."""

    text: str
    path: str
    names: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True):
    """An event type, and the condition `when` that an event of this type must meet to count (None: every event counts)."""

    event: str
    when: Expression | None = None


class Reentry(msgspec.Struct, frozen=True):
    """The rule that says whether a customer may enter a journey again with the same key.

    `after` is for the rule `after`: the time in ms that must have passed since the last entry. `parallel` is for the rule
    `parallel`: the greatest number of instances that the customer may have at the same time.
    """

    rule: Literal["never", "after_exit", "after", "parallel"]
    after: int = 0
    parallel: int = 1


class Schedule(msgspec.Struct, frozen=True):
    """The times in the customer's local calendar at which customers enter a journey without an event.

    - `minute`: the minute of the local day, such as 540 for 09:00.
    - `every`: the days, which are every day, every payday, some weekdays, one day of every month, or one date (`once`).
    - `days`: for `weekday`, the weekdays; 0 is Monday.
    - `day`: for `month`, the day of the month from 1 to 31; a month without this day is skipped.
    - `date`: for `once`, the date.
    - `audience`: the condition that a customer must meet to enter; None: there is no condition.
    """

    minute: int
    every: Literal["day", "payday", "weekday", "month", "once"]
    days: tuple[int, ...] = ()
    day: int = 0
    date: datetime.date | None = None
    audience: Expression | None = None


class Enter(msgspec.Struct, frozen=True):
    """How customers enter a journey: by an event of a type in `events`, by entering `segment`, or by `schedule`.

    Exactly one of the three is set. `when` is the condition of an entry (None: there is none). `key` is the expression for the
    instance's key (None: the key is empty). `while_active` says what an entry event does while the customer has an instance with
    this key. `max_age` is the greatest time in ms from the time of an event to its recorded time (None: no limit).
    """

    events: tuple[str, ...]
    reentry: Reentry
    when: Expression | None = None
    key: Expression | None = None
    while_active: Literal["ignore", "restart", "update"] = "ignore"
    max_age: int | None = None
    segment: str = ""
    schedule: Schedule | None = None


class ExitRule(msgspec.Struct, frozen=True):
    """A rule that ends an instance when an event matches `trigger`; `reason` is recorded as the reason of the exit."""

    trigger: Trigger
    reason: str


class Goal(msgspec.Struct, frozen=True):
    """The goal of a journey: an event that matches `trigger` comes within `within` ms after the entry.

    The goal also counts if the customer has already left the journey. `value` computes a number from the event, such as revenue.
    """

    trigger: Trigger
    within: int
    value: Expression | None = None


class Place(msgspec.Struct, frozen=True):
    """One channel of a send step, with the rule for going on to the next channel.

    `success` is the status with which the message has reached the customer. `fallback_after` is the time in ms to wait for this
    status. Both are None only on the last channel, if the step does not wait for a success there.
    """

    channel: str
    success: Status | None = None
    fallback_after: int | None = None


class Send(msgspec.Struct, frozen=True, tag="send"):
    """The step `send`: it sends one message, and tries the channels in `places` in this order until one succeeds.

    `expires_after` is the time in ms, counted from the first request, after which the message is not sent any more (None: no
    limit). `to` is the expression for the address (None: the customer's address, as the policy finds it).
    """

    id: str
    path: str
    next: str | None
    template: str
    places: tuple[Place, ...]
    expires_after: int | None = None
    to: Expression | None = None


class WaitDuration(msgspec.Struct, frozen=True, tag="wait"):
    """The step `wait` with a duration of `duration` ms; an event that matches `restart_on` starts the wait again."""

    id: str
    path: str
    next: str | None
    duration: int
    restart_on: Trigger | None = None


class WaitUntil(msgspec.Struct, frozen=True, tag="wait_until"):
    """The step `wait` until a moment in the customer's local calendar.

    There are three kinds of moments:

    - With `date`: the date that this expression returns, plus `offset` ms. `if_past` and `if_missing` say whether the instance
      exits or continues if the moment is over or the expression returns no date.
    - With `payday`: the next payday, at `minute` of the local day (such as 540 for 09:00).
    - Otherwise: the next `minute` of a local day; if `days` is not empty, only on these weekdays (0 is Monday).
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
    """One of the events that can end a wait, with the id of the step that follows then (None: the end of the journey)."""

    trigger: Trigger
    goto: str | None


class WaitEvents(msgspec.Struct, frozen=True, tag="wait_for"):
    """The step `wait` for events: it ends with the first event that matches one of `awaited`, or after `timeout` ms.

    `since` says from when on events count: from this step, from the instance's previous message, or from the entry.
    """

    id: str
    path: str
    next: str | None
    awaited: tuple[Awaited, ...]
    timeout: int
    on_timeout: str | None = None
    """The id of the step that follows after a timeout; None: the end of the journey.

    That is the first step of the list `on_timeout` in the YAML file or, without such a list, the step after the wait.
    """
    since: Literal["step", "previous_send", "entry"] = "step"


class Arm(msgspec.Struct, frozen=True):
    """One arm of a branch: its condition (None for `else`) and the id of the step that follows (None: the end of the journey)."""

    condition: Expression | None
    goto: str | None


class Branch(msgspec.Struct, frozen=True, tag="branch"):
    """The step `branch`: the instance takes the first arm whose condition is true, or goes to `next` if no condition is true."""

    id: str
    path: str
    next: str | None
    arms: tuple[Arm, ...]


class Exit(msgspec.Struct, frozen=True, tag="exit"):
    """The step `exit`: the instance leaves the journey, and `reason` is recorded."""

    id: str
    path: str
    next: str | None
    reason: str


class SplitArm(msgspec.Struct, frozen=True):
    """One arm of a split: its relative weight, and the id of the step that follows (None: the end of the journey)."""

    id: str
    weight: int
    goto: str | None


class Split(msgspec.Struct, frozen=True, tag="split"):
    """The step `split`: it chooses one of several weighted arms by a hash.

    `by` says what is hashed together with `salt`: the id of the customer, who then always gets the same arm, or the id of the
    instance.
    """

    id: str
    path: str
    next: str | None
    by: Literal["customer", "instance"]
    salt: str
    arms: tuple[SplitArm, ...]


class Candidate(msgspec.Struct, frozen=True):
    """One offer of the step `choose`. It can be chosen if `condition` is true (None: always) and `score` returns a number."""

    id: str
    score: Expression
    goto: str | None
    condition: Expression | None = None


class Choose(msgspec.Struct, frozen=True, tag="choose"):
    """The step `choose`: the instance takes the candidate with the highest score; in a tie, the first in the file.

    If no candidate can be chosen, the instance goes to `next`.
    """

    id: str
    path: str
    next: str | None
    candidates: tuple[Candidate, ...]


class Given(msgspec.Struct, frozen=True):
    """A value that the step `set` or `emit` writes: the result of `expression` or, if that is None, `constant`.

    In the step `set`, the constant None removes the attribute from the profile.
    """

    constant: bool | int | float | None = None
    expression: Expression | None = None


class Set(msgspec.Struct, frozen=True, tag="set"):
    """The step `set`: it writes attributes of the customer's profile; `values` is `{attribute: value}`."""

    id: str
    path: str
    next: str | None
    values: Mapping[str, Given]


class Emit(msgspec.Struct, frozen=True, tag="emit"):
    """The step `emit`: it writes an event of the type `event` about the same customer to `customer.events`."""

    id: str
    path: str
    next: str | None
    event: str
    data: Mapping[str, Given] = {}


class Handoff(msgspec.Struct, frozen=True, tag="handoff"):
    """The step `handoff`: it asks a human for help, by a message to the queue `queue`.

    `summary` is the text for the human, written in Liquid. The step waits for a reply for `reply_within` ms; None: it does not
    wait.
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

    `version` is the hash of all other fields. `steps` is `{id: step}`, and `first` is the id of the first step.
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
    """`{template: {language: {channel: body}}}` of the templates that the steps use; the texts in a body are Liquid source."""
    goal: Goal | None = None
    holdout: int = 0
    """The share of customers who take all steps but get no messages, in hundredths of a percent (500 is 5 percent)."""
    on_update: Literal["pin", "migrate"] = "pin"
    migrations: Mapping[str, str] = {}
    """`{step id in another version: step id in this version, or "exit"}`: where a migrated instance continues."""
    hours: str = ""
    """The name of a rule in `policy.quiet_hours` that applies to the journey's messages; empty: the rule of its purpose."""


class Channel(msgspec.Struct, frozen=True):
    """The policy's settings for a channel.

    - `address`: the expression that finds the customer's address.
    - `cost`: the cost of one attempt, in the policy's currency.
    - `reports`: the statuses that the provider reports.
    """

    address: Expression
    cost: float = 0.0
    reports: tuple[Status, ...] = ()


class FailureClass(msgspec.Struct, frozen=True):
    """What the engine does when a provider reports one of its error codes; `kind` names the reaction.

    For the kind `retry`, the engine waits `retry_after` ms and tries again, at most `at_most` times.
    """

    kind: Literal["next_channel", "retry", "stop_channel", "withdraw_consent", "configuration"]
    retry_after: int = 0
    at_most: int = 0


class Calendar(msgspec.Struct, frozen=True):
    """The workspace's holidays and payday.

    - `country`: the country of the holidays, such as `ID`. `cuti_bersama`: True if Indonesia's collective leave days count too.
    - `payday`: the day of the month. `payday_shift`: the working day to which a payday moves if it is a day off (`none`: it does
      not move).
    - `holidays`: the dates of all holidays in the years from `first` to `last`.
    """

    country: str = "ID"
    cuti_bersama: bool = False
    payday: int = 25
    payday_shift: Literal["previous", "next", "none"] = "previous"
    holidays: tuple[datetime.date, ...] = ()
    first: int = 0
    last: int = 0
    zones: Mapping[str, str] = {}
    """`{calling code: zone}`, such as `{"65": "Asia/Singapore"}`.

    A calling code is listed only if all zones of its countries show the same time in the years from `first` to `last`.
    """
    tzdata: str = ""
    """The version of the zone database with which the bundle was compiled."""


class QuietHours(msgspec.Struct, frozen=True):
    """The hours in the customer's local time when messages of a purpose are not sent.

    - `start`, `end`: minutes of the day, such as 1200 for 20:00. `start` is the first quiet minute, and `end` is the first minute
      that is not quiet. If `start` is greater than `end`, the quiet hours go past midnight. If both are equal, there are no quiet
      minutes on ordinary days.
    - `days_off`: the weekdays that are quiet all day; 0 is Monday.
    - `holidays_off`: True if the holidays of the calendar are quiet all day.
    - `source`: the law or rule that demands the quiet hours, such as `POJK 22/2023`.
    """

    start: int = 0
    end: int = 0
    days_off: tuple[int, ...] = ()
    holidays_off: bool = False
    source: str = ""


class Cap(msgspec.Struct, frozen=True):
    """The greatest number of messages that a customer may get within a time window.

    - `at_most`: the number of messages.
    - `days`: if it is not 0, the window is this many of the customer's calendar days, today included.
    - `rolling`: if `days` is 0, the window is the last `rolling` ms.
    - `purpose`, `channel`, `journey`: only such messages count; an empty text means all.
    - `then`: whether a message over the cap is dropped, or deferred until the cap allows it. A cap with `channel` does neither:
      it only skips that channel.
    """

    at_most: int
    days: int = 0
    rolling: int = 0
    purpose: str = ""
    channel: str = ""
    journey: str = ""
    then: Literal["drop", "defer"] = "drop"


class Policy(msgspec.Struct, frozen=True):
    """The rules of a workspace, which apply to all its journeys.

    A timer that fires more than `late_after` ms after its due time counts as late. `failure_classes` is `{channel: {provider's
    error code: failure class}}`. It includes the engine's default classes, so that a replay needs no other table.
    """

    timezone: str = "Asia/Jakarta"
    language: str = "id"
    late_after: int = 60_000
    consent: Mapping[str, Literal["opt_in", "implied"]] = {}
    channels: Mapping[str, Channel] = {}
    failure_classes: Mapping[str, Mapping[str, FailureClass]] = {}
    calendar: Calendar = Calendar()
    quiet_hours: Mapping[str, QuietHours] = {}
    """`{name: quiet hours}`. The name is a purpose, or any other name, by which a journey chooses the rule (`Journey.hours`)."""
    caps: tuple[Cap, ...] = ()
    languages: Mapping[str, tuple[str, ...]] = {}
    """`{language: languages to try}` for a template without that language; the policy's default language is tried last."""


Compute = Literal["count", "sum", "average", "min", "max", "first", "last", "distinct", "most_frequent", "rfm"]
COMPUTES: tuple[Compute, ...] = get_args(Compute)
OF_NUMBERS: frozenset[Compute] = frozenset({"sum", "average", "min", "max", "rfm"})
"""The computations that need numbers. `count` needs no value, and all other computations take any value."""


class Trait(msgspec.Struct, frozen=True):
    """A value that the engine computes from a customer's events, such as the number of orders in 30 days.

    - `of`: the types of the events.
    - `when`, `value`: the condition of an event and the value to compute with; both can read only `event` and `profile`.
    - `days`: if it is not 0, events of this many of the customer's calendar days count, today included.
    - `rolling`: if it is not 0, events of exactly the last `rolling` ms count. If both are 0, all events count.
    - `recency`, `frequency`, `monetary`: the limits between the scores of `rfm`, from low to high.
    - `hash`: the hash of all other fields. If the hash changes, the trait forgets the events that it has counted.
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
    """A time at which a segment may change without an event: the timestamp that the expression `at` returns, plus `offset` ms."""

    at: Expression
    offset: int


class Segment(msgspec.Struct, frozen=True):
    """A named condition on the profile and the traits of a customer, who is in the segment while the condition is true.

    `traits` are the names of the traits that the condition reads. `moments` are the times at which the condition may change
    without an event.
    """

    name: str
    condition: Expression
    traits: tuple[str, ...] = ()
    moments: tuple[Moment, ...] = ()


class Bundle(msgspec.Struct, frozen=True):
    """The compiled form of all YAML files in one directory: journeys, policy, traits and segments.

    `sources` is `{relative path of a file: its text}`. `id` is the hash of all other fields.
    """

    id: str
    journeys: tuple[Journey, ...]
    policy: Policy
    sources: Mapping[str, str] = {}
    traits: tuple[Trait, ...] = ()
    segments: tuple[Segment, ...] = ()


def triggers_of(journey: Journey) -> Iterator[Trigger]:
    """Yield all triggers by which an event can move or end an instance of this journey; the goal's trigger is not included."""
    yield from (rule.trigger for rule in journey.exits)
    for step in journey.steps.values():
        yield from heard_by(step)


def heard_by(step: Step) -> tuple[Trigger, ...]:
    """Return the triggers of the events that this step waits for; empty if the step waits for no event."""
    match step:
        case WaitDuration(restart_on=Trigger() as trigger):
            return (trigger,)
        case WaitEvents(awaited=awaited):
            return tuple(item.trigger for item in awaited)
        case _:
            return ()


def events_of(journey: Journey) -> frozenset[str]:
    """Return the types of the events that can move or end an instance of this journey, or reach the journey's goal."""
    types = {trigger.event for trigger in triggers_of(journey)}
    return frozenset(types if journey.goal is None else types | {journey.goal.trigger.event})


def goes_to(step: Step) -> tuple[str | None, ...]:
    """Return the ids of all steps that can follow directly after this step; None stands for the end of the journey."""
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
    """Return the ids of all steps that can follow after `step`, directly or later, in the order of the file."""
    found: set[str] = set()
    ahead = [step]
    while ahead:
        for id_ in goes_to(journey.steps[ahead.pop()]):
            if id_ is not None and id_ not in found:
                found.add(id_)
                ahead.append(id_)
    return tuple(id_ for id_ in journey.steps if id_ in found)
