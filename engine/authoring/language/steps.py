"""The models of the steps in a journey file, one class for each kind of step.

To add a step, follow CONTRIBUTING.md: its keys are a model in this file, and its behaviour is a file in `engine/core/steps/`.

This file and `journey_file.py` together define what a journey file may contain. Every key has a description and an example,
because error messages, the JSON Schemas for editors and the reference are made from them.
"""

from typing import Annotated, Final, Literal, get_args

from pydantic import Discriminator, Field, Tag, field_validator

from engine.authoring.language.fields import (
    Address,
    ChannelName,
    Condition,
    Duration,
    Given,
    Model,
    Moment,
    Name,
    Number,
    Success,
    TemplateName,
    Text,
    either,
    refused,
)
from engine.authoring.language.times import Clock, Moved, Weekday


class Trigger(Model):
    """A type of event, with an optional condition: an event counts only if the condition is true."""

    event: Text = Field(description="The type of the event.", examples=["order.placed"])
    when: Condition | None = Field(
        None,
        description="CEL; the event counts only when this is true.",
        examples=["event.data.cart_id == entry.data.cart_id"],
    )


# Sending.


class Channel(Model):
    """One of the channels on which a message is tried."""

    channel: ChannelName = Field(description="A channel of the policy.", examples=["whatsapp"])
    success: Success | None = Field(
        None,
        description="The report that counts as reached. Only the last channel may lack it.",
        examples=["delivered"],
    )
    fallback_after: Duration | None = Field(
        None, description="The time without success after which the next channel is tried.", examples=["30m"]
    )


class Send(Model):
    """One message, which is tried on its channels one after the other."""

    template: TemplateName = Field(description="The template to render.", examples=["cart-reminder"])
    channels: list[Channel] = Field(
        min_length=1, description="The channels, tried in this order.", examples=[[{"channel": "sms"}]]
    )
    expires_after: Duration | None = Field(
        None, description="The time since the first request after which the message is not sent any more.", examples=["12h"]
    )
    to: Address | None = Field(
        None,
        description="CEL; an address to use on every channel. Default: each channel's own address in the policy.",
        examples=["event.data.recipient_phone"],
    )


# Waiting.


class WaitFor(Model):
    """A wait that ends with the first of the listed events, or at the timeout."""

    for_: "list[Awaited]" = Field(
        alias="for", min_length=1, description="The events to wait for.", examples=[[{"event": "order.placed"}]]
    )
    timeout: Duration = Field(description="The longest time to wait.", examples=["24h"])
    on_timeout: "list[Step] | None" = Field(
        None,
        description="Steps after the timeout; what follows the wait comes next.",
        examples=[[{"id": "late", "exit": "no_answer"}]],
    )
    since: Literal["step", "previous_send", "entry"] = Field(
        "step",
        description="The moment from which events count: the arrival at this step, the journey's previous message, or the entry.",
        examples=["previous_send"],
    )


class Awaited(Trigger):
    """One of the events that end a wait."""

    then: "list[Step] | None" = Field(
        None,
        description="Steps after this event; what follows the wait comes next.",
        examples=[[{"id": "bought", "exit": "converted"}]],
    )


class UntilTime(Model):
    """The next moment when the customer's local time is `time`.

    If the local time is exactly `time` already, the moment is now.
    """

    time: Clock = Field(description="The time of the day in the customer's zone.", examples=["09:00"])
    days: Annotated[list[Weekday], Field(min_length=1)] | None = Field(
        None, description="Only these days of the week. Default: every day.", examples=[["mon", "fri"]]
    )


class UntilPayday(Model):
    """The next payday of the policy's calendar, at a time of the day."""

    payday: bool = Field(description="Always true. The day is the payday of the policy's calendar.", examples=[True])
    time: Clock = Field(description="The time of that day in the customer's zone.", examples=["09:00"])

    @field_validator("payday")
    @classmethod
    def _true(cls, payday: bool) -> bool:
        if not payday:
            raise refused("payday", "This is true, or the key is left out")
        return payday


class UntilDate(Model):
    """A moment that a CEL expression returns."""

    date: Moment = Field(
        description="CEL; a timestamp, its text (RFC 3339) or a date, which is 00:00 in the customer's zone.",
        examples=["entry.data.departs_at"],
    )
    offset: Moved = Field(
        0,
        description="The time by which the date is moved: later, or earlier with a minus.",
        examples=["-24h"],
        json_schema_extra={"default": "0s"},
    )
    if_past: Literal["exit", "continue"] = Field(
        "exit",
        description="What happens if that moment, with the offset, is past: leave with the reason `date_past`, or go on.",
        examples=["continue"],
    )
    if_missing: Literal["exit", "continue"] = Field(
        "exit",
        description="What happens if there is no date: leave with the reason `date_missing`, or go on.",
        examples=["continue"],
    )


def _until(value: object) -> str:
    keys = value if isinstance(value, dict) else {}
    return "<date>" if "date" in keys else "<payday>" if "payday" in keys else "<time>"


class WaitUntil(Model):
    """A wait until a moment: a time of the day, a payday, or a date."""

    until: Annotated[
        Annotated[UntilTime, Tag("<time>")] | Annotated[UntilPayday, Tag("<payday>")] | Annotated[UntilDate, Tag("<date>")],
        Discriminator(_until),
    ] = Field(
        description='{time: "09:00", days: [mon, fri]} | {payday: true, time: "09:00"} | {date: CEL, offset: -24h}.',
        examples=[{"time": "09:00"}, {"payday": True, "time": "09:00"}, {"date": "entry.data.departs_at", "offset": "-24h"}],
    )


def _wait(value: object) -> str:
    if not isinstance(value, dict):
        return "<other>"
    return "<until>" if "until" in value else "<mapping>"


# Choosing.


class IfArm(Model):
    """An arm of a branch with a condition: its steps are for customers for whom the condition is true."""

    if_: Condition = Field(
        alias="if", description="CEL; the first arm whose condition is true is taken.", examples=["profile.vip"]
    )
    then: "list[Step]" = Field(
        description="The arm's steps; what follows the branch comes next.",
        examples=[[{"id": "bought", "exit": "converted"}]],
    )


class ElseArm(Model):
    """The arm of a branch for customers for whom no condition is true."""

    else_: "list[Step]" = Field(
        alias="else", description="The steps for all others; what follows the branch comes next.", examples=[[]]
    )


def _arm(value: object) -> str:
    return "<else>" if isinstance(value, dict) and "else" in value and "if" not in value else "<if>"


Arm = Annotated[Annotated[IfArm, Tag("<if>")] | Annotated[ElseArm, Tag("<else>")], Discriminator(_arm)]


class SplitArm(Model):
    """One arm of a split, with its weight."""

    id: Name = Field(
        description="The arm's name, unique in the split. It is recorded, and an arm with another name gets other customers.",
        examples=["a"],
    )
    weight: int = Field(ge=0, le=1000, description="Its weight, relative to the other arms.", examples=[50])
    then: "list[Step]" = Field(
        [],
        description="The arm's steps; what follows the split comes next.",
        examples=[[{"id": "offer-a", "send": {"template": "free-shipping", "channels": [{"channel": "sms"}]}}]],
    )


class Split(Model):
    """Arms with weights; a hash chooses one of them.

    The hash is made of the salt and the customer, or of the salt and the instance. So the same customer or the same instance
    always gets the same arm, as long as the arms do not change.
    """

    by: Literal["customer", "instance"] = Field(
        "customer",
        description="customer: a customer gets the same arm each time. instance: an arm is chosen for each entry.",
        examples=["customer"],
    )
    salt: Text | None = Field(
        None,
        description="The text that is hashed with the customer or the instance. Default: <journey>/<step>. Splits with the same "
        "salt, arms, weights and `by` choose the same arm.",
        examples=["shipping-test"],
    )
    arms: list[SplitArm] = Field(
        min_length=1,
        description="The arms. Their order does not matter. A new arm, or one whose weight grows, takes customers from the "
        "others; no customer moves between the others.",
        examples=[[{"id": "a", "weight": 50, "then": []}, {"id": "b", "weight": 50, "then": []}]],
    )

    @field_validator("arms")
    @classmethod
    def _some_weight(cls, arms: list[SplitArm]) -> list[SplitArm]:
        if not any(arm.weight for arm in arms):
            raise refused("weight", "One arm at least weighs more than 0")
        return arms


class Candidate(Model):
    """One of the offers that a step `choose` can take."""

    id: Name = Field(description="The offer's name, unique in the step; it is recorded.", examples=["bundle-deal"])
    if_: Condition | None = Field(
        None,
        alias="if",
        description="CEL; only an offer for which this is true can be chosen.",
        examples=["traits.orders_90d >= 2"],
    )
    score: Number = Field(
        description="CEL or a number. The highest wins, in a tie the first offer. An offer without a number cannot be chosen.",
        examples=["traits.spend_365d / 1000.0"],
    )
    then: "list[Step]" = Field(
        [],
        description="The offer's steps; what follows the choice comes next.",
        examples=[[{"id": "bundle", "send": {"template": "bundle-deal", "channels": [{"channel": "sms"}]}}]],
    )


class Choose(Model):
    """The offers of a step `choose`; the offer with the highest score is taken."""

    candidates: list[Candidate] = Field(
        min_length=1,
        description="The offers, in the order that decides a tie.",
        examples=[[{"id": "bundle-deal", "if": "traits.orders_90d >= 2", "score": "traits.spend_365d / 1000.0"}]],
    )


# Attributes, events and requests to a human.


class Emit(Model):
    """The event that a step `emit` makes, about the same customer."""

    event: Text = Field(description="The type of the event.", examples=["voucher.granted"])
    data: dict[Text, Given] = Field(
        {},
        description="Field -> value, its data. Text is CEL, numbers and booleans are constants; null leaves the field out.",
        examples=[{"cart": "entry.data.cart_id", "percent": 10}],
    )


class Handoff(Model):
    """A request for help from a human."""

    queue: Text = Field(description="The queue, or team, that is asked.", examples=["care"])
    priority: Literal["low", "normal", "high", "urgent"] = Field("normal", description="How urgent it is.", examples=["high"])
    summary: str = Field(
        "", description="Liquid; the text that the human reads.", examples=["{{ profile.name }} asks for {{ entry.data.topic }}"]
    )
    reply_within: Duration | None = Field(
        None,
        description="The longest time to wait for the reply, with the outcome `replied` or `unanswered`. Default: go on at once.",
        examples=["2h"],
    )


# The steps.


class _Step(Model):
    id: Name = Field(description="The step's name, unique in the file.", examples=["nudge"])


class SendStep(_Step):
    """A step that requests one message.

    The next step follows when the message has the outcome `reached`, `unreached` or `suppressed`. If the last channel has no
    `success`, the next step follows as soon as the message is requested on that channel.
    """

    send: Send = Field(description="The message.", examples=[{"template": "cart-reminder", "channels": [{"channel": "sms"}]}])


class WaitStep(_Step):
    """A step that waits for a duration, for a moment, or for events."""

    wait: Annotated[
        Annotated[Duration, Tag("<other>")] | Annotated[WaitFor, Tag("<mapping>")] | Annotated[WaitUntil, Tag("<until>")],
        Discriminator(_wait),
    ] = Field(
        description="A duration, a moment (`until`), or events (`for`) with a timeout.",
        examples=["45m", {"until": {"time": "09:00"}}, {"for": [{"event": "order.placed"}], "timeout": "24h"}],
    )
    restart_on: Annotated[Annotated[Text, Tag("<other>")] | Annotated[Trigger, Tag("<mapping>")], either(mapping=dict)] | None = (
        Field(None, description="An event that starts the duration again.", examples=["cart.updated"])
    )


class BranchStep(_Step):
    """A step that continues with the first arm whose condition is true."""

    branch: list[Arm] = Field(
        min_length=1, description="The arms, in their order.", examples=[[{"if": "profile.vip", "then": []}]]
    )


class SplitStep(_Step):
    """A step that divides customers between arms by weight, and records who got which arm."""

    split: Split = Field(
        description="The arms.",
        examples=[{"by": "customer", "arms": [{"id": "a", "weight": 50}, {"id": "b", "weight": 50}]}],
    )


class ChooseStep(_Step):
    """A step that takes the offer with the highest score; if no offer can be taken, the next step follows."""

    choose: Choose = Field(
        description="The offers.",
        examples=[{"candidates": [{"id": "bundle-deal", "score": "traits.spend_365d / 1000.0"}]}],
    )


class SetStep(_Step):
    """A step that writes attributes of the customer's profile."""

    set: Annotated[dict[Text, Given], Field(min_length=1)] = Field(
        description="Attribute -> value. Text is CEL, numbers and booleans are constants; null removes the attribute.",
        examples=[{"level": 3, "tier": "'gold'", "nudged_at": "now"}],
    )


class EmitStep(_Step):
    """A step that makes an event about the same customer and writes it to `customer.events`.

    The engine processes the event after everything else that the same input has caused.
    """

    emit: Emit = Field(description="The event.", examples=[{"event": "voucher.granted"}])


class HandoffStep(_Step):
    """A step that asks a human for help, by an action on the channel `agent`."""

    handoff: Handoff = Field(description="The request.", examples=[{"queue": "care", "priority": "high"}])


class ExitStep(_Step):
    """A step with which the instance leaves the journey."""

    exit: Text = Field(description="The reason, which is recorded.", examples=["converted"])


def _kind(value: object) -> str | None:
    found = [kind for kind in KINDS if isinstance(value, dict) and kind in value]
    return f"<{found[0]}>" if len(found) == 1 else None


Step = Annotated[
    Annotated[SendStep, Tag("<send>")]
    | Annotated[WaitStep, Tag("<wait>")]
    | Annotated[BranchStep, Tag("<branch>")]
    | Annotated[SplitStep, Tag("<split>")]
    | Annotated[ChooseStep, Tag("<choose>")]
    | Annotated[SetStep, Tag("<set>")]
    | Annotated[EmitStep, Tag("<emit>")]
    | Annotated[HandoffStep, Tag("<handoff>")]
    | Annotated[ExitStep, Tag("<exit>")],
    Discriminator(_kind),
]
KINDS: Final = tuple(get_args(each)[1].tag.strip("<>") for each in get_args(get_args(Step)[0]))
"""The key of each kind of step in YAML, such as `send` or `wait`."""

for _model in (WaitFor, Awaited, IfArm, ElseArm, SplitArm, Split, Candidate, Choose):
    _model.model_rebuild()
