"""The journey language: the strict model of a journey's file.

With `steps.py`, `policy_file.py`, `template_file.py` and `traits_file.py`, it is the only definition of the language.
`validate.py` makes findings of what the models refuse, `compile.py` compiles them, and the editors' JSON Schemas and the
reference are made from them. So every key has a description and an example. Nothing here looks beyond one file.
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
    """The rule for another entry of the same customer, in numbers."""

    after: Duration | None = Field(None, description="So long after the last entry.", examples=["7d"])
    parallel: int | None = Field(None, ge=1, description="So many instances at a time.", examples=[3])

    @pydantic.model_validator(mode="after")
    def _one(self) -> "ReentryRule":
        if (self.after is None) == (self.parallel is None):
            raise refused("one", "Re-entry is `after` or `parallel`, one of them")
        return self


class Schedule(Model):
    """The times of the calendar at which customers enter, each in the customer's own zone."""

    time: Clock = Field(description="The time of the day in the customer's zone.", examples=["09:00"])
    day: Day = Field(
        description="payday | daily | a list of weekdays | a day of the month (a month without it is passed over) | a date.",
        examples=["payday", "daily", ["mon", "thu"], 1, "2026-12-12"],
    )
    audience: Condition | None = Field(
        None, description="CEL; only customers for whom this is true at that time enter.", examples=["segments.loyal"]
    )


_WAYS: Final = ("event", "segment", "schedule")


class Enter(Model):
    """The way into the journey: an event, a segment that the customer comes to be in, or a schedule."""

    event: (
        Annotated[
            Annotated[Text, Tag("<other>")] | Annotated[list[Text], Field(min_length=1), Tag("<list>")],
            either(list=list),
        ]
        | None
    ) = Field(None, description="The event type that enters, or a list of them.", examples=["cart.updated"])
    segment: Word | None = Field(None, description="A segment of traits.yaml: who comes to be in it enters.", examples=["loyal"])
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
        None,
        description="An event that arrives later than this after its time does not enter. With `event` only.",
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
    """Leaves the journey at once, also in the middle of a wait and before every send."""

    reason: Text | None = Field(None, description="Why, for the records; the event's type unless written.", examples=["bought"])


class Goal(Trigger):
    """The event that the journey wants to happen.

    It is counted once for each entry, also after the instance has left, and also for held-out customers.
    """

    within: Duration = Field(description="How long after the entry it counts.", examples=["3d"])
    value: Number | None = Field(None, description="CEL; what it is worth.", examples=["event.data.total"])


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
    hours: RuleName | None = Field(
        None,
        description="A rule of policy.quiet_hours for its messages; that of its purpose unless written.",
        examples=["collection"],
    )
    enter: Enter = Field(description="How customers come in.", examples=[{"event": "cart.updated", "reentry": "after_exit"}])
    exit: list[ExitRule] = Field(
        [],
        description="Events that lead out at once.",
        examples=[[{"event": "order.placed", "reason": "bought"}]],
    )
    goal: Goal | None = Field(
        None,
        description="What the journey is for, watched from entry on.",
        examples=[{"event": "order.placed", "within": "3d", "value": "event.data.total"}],
    )
    holdout: Share = Field(
        0,
        description="These enter, take every step and are never messaged; the would-be sends are recorded.",
        examples=["10%"],
        json_schema_extra={"default": "0%"},
    )
    on_update: Literal["pin", "migrate"] = Field(
        "pin",
        description="What a new version does to live instances: they stay on theirs, or move by `migrations`.",
        examples=["migrate"],
    )
    migrations: dict[Name, Name] = Field(
        {},
        description="Step of an older version -> step of this one, or exit.",
        examples=[{"old-wait": "cool-off", "old-nudge": "exit"}],
    )
    steps: list[Step] = Field(min_length=1, description="What happens, in order.", examples=[[{"id": "cool-off", "wait": "45m"}]])


FILES: Final[dict[str, type[pydantic.BaseModel]]] = {
    "journey": Journey,
    "policy": policy_file.PolicyFile,
    "traits": traits_file.TraitsFile,
    "template": template_file.Template,
}
"""`{kind of file: its model}`."""


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas (2020-12) of the language for editors, as `{file name: schema}`."""
    return {f"{name}.schema.json": _schema(name, model) for name, model in FILES.items()}


def _schema(name: str, model: type[pydantic.BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"dalang/{name}.schema.json", **schema}
