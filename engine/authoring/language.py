"""The journey language: strict models of a journey's file. With `workspace.py`, its only definition.

`validate.py` makes findings of what they refuse, `compile.py` reads them, and the JSON Schemas for editors and the
reference come from them. So every key has a description and an example. Nothing here looks beyond one file.
"""

from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from engine.authoring import workspace
from engine.authoring.fields import (
    Address,
    ChannelName,
    Condition,
    Duration,
    Key,
    Model,
    Name,
    Success,
    TemplateName,
    Text,
    either,
)
from engine.core import definition

LATER: Final = frozenset(
    {"goal", "holdout", "on_update", "migrations", "segment", "schedule", "until", "split", "choose", "set", "emit"}
    | {"handoff", "calendar", "quiet_hours", "caps"}
)
"""Keys of the language that come with a later release."""


class Trigger(Model):
    """An event type, and the condition under which an event of it counts."""

    event: Text = Field(description="The type of the event.", examples=["order.placed"])
    when: Condition | None = Field(
        None,
        description="CEL; the event counts only when this is true.",
        examples=["event.data.cart_id == entry.data.cart_id"],
    )


class ReentryRule(Model):
    """When a customer may enter again, in numbers."""

    after: Duration | None = Field(None, description="So long after the last entry.", examples=["7d"])
    parallel: int | None = Field(None, ge=1, description="So many instances at a time.", examples=[3])

    @pydantic.model_validator(mode="after")
    def _one(self) -> "ReentryRule":
        if (self.after is None) == (self.parallel is None):
            raise PydanticCustomError("one", "Re-entry is `after` or `parallel`, one of them")
        return self


class Enter(Model):
    """How customers come into the journey."""

    event: Annotated[
        Annotated[Text, Tag("<other>")] | Annotated[list[Text], Field(min_length=1), Tag("<list>")],
        either(list=list),
    ] = Field(description="The event type that enters, or a list of them.", examples=["cart.updated"])
    when: Condition | None = Field(
        None, description="CEL; only events for which this is true enter.", examples=["event.data.total >= 100000"]
    )
    key: Key | None = Field(
        None,
        description="CEL; one instance for each key, else one for each customer.",
        examples=["event.data.cart_id"],
    )
    reentry: Annotated[
        Annotated[Literal["never", "after_exit"], Tag("<other>")] | Annotated[ReentryRule, Tag("<mapping>")],
        either(mapping=dict),
    ] = Field(
        description="When a customer may enter again with the same key: never | after_exit | {after: 7d} | {parallel: 3}.",
        examples=["after_exit", {"after": "7d"}],
    )
    while_active: Literal["ignore", "restart", "update"] | None = Field(
        None,
        description="What a second entry event does to a live instance; ignore unless written.",
        examples=["restart"],
    )
    max_age: Duration | None = Field(
        None, description="An event that arrives later than this after its time does not enter.", examples=["1h"]
    )


class ExitRule(Trigger):
    """Leaves the journey at once, also in the middle of a wait and before every send."""

    reason: Text | None = Field(None, description="Why, for the records; the event's type unless written.", examples=["bought"])


class Channel(Model):
    """One channel that a message is tried on."""

    channel: ChannelName = Field(description="A channel of the policy.", examples=["whatsapp"])
    success: Success | None = Field(
        None,
        description="The report that counts as reached. Only the last channel may lack it.",
        examples=["delivered"],
    )
    fallback_after: Duration | None = Field(
        None, description="Without success by then, the next channel is tried.", examples=["30m"]
    )


class Send(Model):
    """One message over channels in their order."""

    template: TemplateName = Field(description="The template to render.", examples=["cart-reminder"])
    channels: list[Channel] = Field(
        min_length=1, description="The channels, tried in this order.", examples=[[{"channel": "sms"}]]
    )
    expires_after: Duration | None = Field(
        None, description="Not sent later than this after the first request.", examples=["12h"]
    )
    to: Address | None = Field(
        None, description="CEL; another address, for every channel.", examples=["event.data.recipient_phone"]
    )


class WaitFor(Model):
    """Wait for the first of some events, at most until the timeout."""

    for_: "list[Awaited]" = Field(
        alias="for", min_length=1, description="The events to wait for.", examples=[[{"event": "order.placed"}]]
    )
    timeout: Duration = Field(description="How long at most.", examples=["24h"])
    on_timeout: "list[Step] | None" = Field(
        None,
        description="Steps after the timeout; what follows the wait comes next.",
        examples=[[{"id": "late", "exit": "no_answer"}]],
    )
    since: Literal["step", "previous_send", "entry"] = Field(
        "step", description="From when events count.", examples=["previous_send"]
    )


class Awaited(Trigger):
    """One event that a wait is for."""

    then: "list[Step] | None" = Field(
        None,
        description="Steps after this event; what follows the wait comes next.",
        examples=[[{"id": "bought", "exit": "converted"}]],
    )


class IfArm(Model):
    """Steps for those for whom a condition is true."""

    if_: Condition = Field(alias="if", description="CEL; the first arm that is true is taken.", examples=["profile.vip"])
    then: "list[Step]" = Field(
        description="The arm's steps; what follows the branch comes next.",
        examples=[[{"id": "bought", "exit": "converted"}]],
    )


class ElseArm(Model):
    """Steps for all others."""

    else_: "list[Step]" = Field(
        alias="else", description="The steps for all others; what follows the branch comes next.", examples=[[]]
    )


def _arm(value: object) -> str:
    return "<else>" if isinstance(value, dict) and "else" in value and "if" not in value else "<if>"


Arm = Annotated[Annotated[IfArm, Tag("<if>")] | Annotated[ElseArm, Tag("<else>")], Discriminator(_arm)]


class _Step(Model):
    id: Name = Field(description="The step's name, unique in the file.", examples=["nudge"])


class SendStep(_Step):
    """Requests one message; goes on when it is reached, unreached, suppressed or, without success, requested."""

    send: Send = Field(description="The message.", examples=[{"template": "cart-reminder", "channels": [{"channel": "sms"}]}])


class WaitStep(_Step):
    """Waits for a time, or for events."""

    wait: Annotated[Annotated[Duration, Tag("<other>")] | Annotated[WaitFor, Tag("<mapping>")], either(mapping=dict)] = Field(
        description="A duration, or events with a timeout.", examples=["45m"]
    )
    restart_on: Annotated[Annotated[Text, Tag("<other>")] | Annotated[Trigger, Tag("<mapping>")], either(mapping=dict)] | None = (
        Field(None, description="An event that starts the duration again.", examples=["cart.updated"])
    )


class BranchStep(_Step):
    """Takes the first arm that is true."""

    branch: list[Arm] = Field(
        min_length=1, description="The arms, in their order.", examples=[[{"if": "profile.vip", "then": []}]]
    )


class ExitStep(_Step):
    """Leaves the journey."""

    exit: Text = Field(description="Why, for the records.", examples=["converted"])


KINDS: Final = ("send", "wait", "branch", "exit")


def _kind(value: object) -> str | None:
    found = [kind for kind in KINDS if isinstance(value, dict) and kind in value]
    return f"<{found[0]}>" if len(found) == 1 else None


Step = Annotated[
    Annotated[SendStep, Tag("<send>")]
    | Annotated[WaitStep, Tag("<wait>")]
    | Annotated[BranchStep, Tag("<branch>")]
    | Annotated[ExitStep, Tag("<exit>")],
    Discriminator(_kind),
]


class Journey(Model):
    """One journey."""

    journey: Name = Field(description="The journey's name; instances belong to it by this.", examples=["cart-abandonment"])
    title: str = Field("", description="What people call it.", examples=["Pulihkan keranjang yang ditinggalkan"])
    owner: Text = Field(description="Who answers for it.", examples=["growth@toko.example"])
    purpose: definition.Purpose = Field(
        description="What its messages are for; consent is asked for by purpose.", examples=["marketing"]
    )
    status: Literal["draft", "live", "paused", "retired"] = Field(
        description="Only a live journey takes customers; a paused one refuses them on the record.", examples=["live"]
    )
    priority: int = Field(
        0,
        ge=-1_000_000,
        le=1_000_000,
        description="Of several journeys that one event enters, the highest comes first.",
        examples=[10],
    )
    enter: Enter = Field(description="How customers come in.", examples=[{"event": "cart.updated", "reentry": "after_exit"}])
    exit: list[ExitRule] = Field(
        [],
        description="Events that lead out at once.",
        examples=[[{"event": "order.placed", "reason": "bought"}]],
    )
    steps: list[Step] = Field(min_length=1, description="What happens, in order.", examples=[[{"id": "cool-off", "wait": "45m"}]])


WaitFor.model_rebuild()
Awaited.model_rebuild()
IfArm.model_rebuild()
ElseArm.model_rebuild()


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> the JSON Schema (2020-12) of that part of the language, for editors."""
    models: dict[str, type[pydantic.BaseModel]] = {
        "journey": Journey,
        "policy": workspace.PolicyFile,
        "template": workspace.Template,
    }
    return {f"{name}.schema.json": _schema(name, model) for name, model in models.items()}


def _schema(name: str, model: type[pydantic.BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"dalang/{name}.schema.json", **schema}
