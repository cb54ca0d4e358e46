"""The model of a journey file, and the JSON Schemas of all kinds of YAML files.

`validate.py` makes findings from the errors of the models, and `compile.py` compiles the models. The JSON Schemas for editors
and the reference are made from the models too, so every key has a description and an example. Nothing here compares one file
with another. This file, `steps.py`, `policy_file.py`, `template_file.py` and `traits_file.py` together define the whole
language.
"""

from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import Field, Tag

from engine.authoring.language import policy_file, template_file, traits_file
from engine.authoring.language.fields import Condition, Duration, Key, Model, Name, Number, RuleName, Text, Word, either, refused
from engine.authoring.language.steps import Step, Trigger
from engine.authoring.language.times import Clock, Day, Share
from engine.core.model import definition


class ReentryRule(Model):
    """A rule for re-entry with a number: the shortest time between two entries, or the greatest number of parallel instances."""

    after: Duration | None = Field(None, description="The shortest time between two entries.", examples=["7d"])
    parallel: int | None = Field(None, ge=1, description="The greatest number of instances at a time.", examples=[3])

    @pydantic.model_validator(mode="after")
    def _one(self) -> "ReentryRule":
        if (self.after is None) == (self.parallel is None):
            raise refused("one", "Re-entry is `after` or `parallel`, one of them")
        return self


class Schedule(Model):
    """The times at which customers enter without an event, each customer in her own time zone."""

    time: Clock = Field(description="The time of the day in the customer's zone.", examples=["09:00"])
    day: Day = Field(
        description="payday | daily | a list of weekdays | a day of the month (a month without it is skipped) | a date.",
        examples=["payday", "daily", ["mon", "thu"], 1, "2026-12-12"],
    )
    audience: Condition | None = Field(
        None, description="CEL; only customers for whom this is true at that time enter.", examples=["segments.loyal"]
    )


_WAYS: Final = ("event", "segment", "schedule")


class Enter(Model):
    """The way into the journey: an event, a segment that the customer comes into, or a schedule."""

    event: (
        Annotated[
            Annotated[Text, Tag("<other>")] | Annotated[list[Text], Field(min_length=1), Tag("<list>")],
            either(list=list),
        ]
        | None
    ) = Field(None, description="The event type that enters, or a list of them.", examples=["cart.updated"])
    segment: Word | None = Field(
        None, description="A segment of traits.yaml: a customer enters who comes into it.", examples=["loyal"]
    )
    schedule: Schedule | None = Field(
        None, description="A time of the calendar at which customers enter.", examples=[{"time": "09:00", "day": "payday"}]
    )
    when: Condition | None = Field(
        None,
        description="CEL; only events for which this is true enter. The event of a segment is of type segment.entered "
        "(event.data.segment), that of a schedule schedule.due (event.data.journey, event.data.due).",
        examples=["event.data.total >= 100000"],
    )
    key: Key | None = Field(
        None,
        description="CEL; a customer has one instance for each key. Default: one for each customer.",
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
        description="What another entry event does while the customer has an instance. Default: ignore.",
        examples=["restart"],
    )
    max_age: Duration | None = Field(
        None,
        description="The greatest age at which an event still enters: from its time to its arrival. With `event` only.",
        examples=["1h"],
    )

    @pydantic.model_validator(mode="after")
    def _one(self) -> "Enter":
        ways = [way for way in _WAYS if getattr(self, way) is not None]
        if len(ways) != 1:
            raise refused("one", f"Customers enter by one of {', '.join(_WAYS)}; this has {' and '.join(ways) or 'none of them'}")
        if self.max_age is not None and self.event is None:
            raise refused("one", f"`max_age` is about events that come late; a {ways[0]} never does")
        return self


class ExitRule(Trigger):
    """An event with which an instance leaves the journey at once, even in the middle of a wait.

    If the same event would also lead to a message, the message is not sent.
    """

    reason: Text | None = Field(
        None, description="The reason, which is recorded. Default: the event's type.", examples=["bought"]
    )


class Goal(Trigger):
    """The event that the journey should lead to.

    The goal is counted once for each entry. It is counted also after the instance has left, and also for customers in the
    holdout.
    """

    within: Duration = Field(description="The time after the entry for which the goal is watched.", examples=["3d"])
    value: Number | None = Field(None, description="CEL; the value of the goal.", examples=["event.data.total"])


class Journey(Model):
    """A journey: how customers enter, the steps that follow, and when customers leave."""

    journey: Name = Field(
        description="The journey's name. Instances belong to the journey with this name.", examples=["cart-abandonment"]
    )
    title: str = Field("", description="A title for people.", examples=["Pulihkan keranjang yang ditinggalkan"])
    owner: Text = Field(description="The person or team who answers for the journey.", examples=["growth@toko.example"])
    purpose: definition.Purpose = Field(
        description="The purpose of its messages, by which consent, quiet hours and caps are judged.", examples=["marketing"]
    )
    status: Literal["draft", "live", "paused", "retired"] = Field(
        description="Customers enter only a live journey. A paused journey records that it refused them.", examples=["live"]
    )
    priority: int = Field(
        0,
        ge=-1_000_000,
        le=1_000_000,
        description="If one event enters several journeys, the one with the highest priority comes first.",
        examples=[10],
    )
    hours: RuleName | None = Field(
        None,
        description="The rule of policy.quiet_hours for its messages. Default: the rule of its purpose.",
        examples=["collection"],
    )
    enter: Enter = Field(
        description="The way in which customers enter.", examples=[{"event": "cart.updated", "reentry": "after_exit"}]
    )
    exit: list[ExitRule] = Field(
        [],
        description="Events with which an instance leaves the journey at once.",
        examples=[[{"event": "order.placed", "reason": "bought"}]],
    )
    goal: Goal | None = Field(
        None,
        description="The event that the journey wants to happen, watched from the entry on.",
        examples=[{"event": "order.placed", "within": "3d", "value": "event.data.total"}],
    )
    holdout: Share = Field(
        0,
        description="The share of customers who enter and take every step, but get no message. The messages that they would have "
        "got are recorded as suppressed.",
        examples=["10%"],
        json_schema_extra={"default": "0%"},
    )
    on_update: Literal["pin", "migrate"] = Field(
        "pin",
        description="What a new version does to instances: they stay on their version, or move to the new one by `migrations`.",
        examples=["migrate"],
    )
    migrations: dict[Name, Name] = Field(
        {},
        description="Step of an older version -> step of this one, or exit.",
        examples=[{"old-wait": "cool-off", "old-nudge": "exit"}],
    )
    steps: list[Step] = Field(min_length=1, description="The steps, in order.", examples=[[{"id": "cool-off", "wait": "45m"}]])


FILES: Final[dict[str, type[pydantic.BaseModel]]] = {
    "journey": Journey,
    "policy": policy_file.PolicyFile,
    "traits": traits_file.TraitsFile,
    "template": template_file.Template,
}
"""The model of each kind of file, as `{kind of file: model}`."""


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas (version 2020-12) of all kinds of files for editors, as `{file name: schema}`."""
    return {f"{name}.schema.json": _schema(name, model) for name, model in FILES.items()}


def _schema(name: str, model: type[pydantic.BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"dalang/{name}.schema.json", **schema}
