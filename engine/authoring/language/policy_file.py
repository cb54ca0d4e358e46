"""The model of policy.yaml.

With `journey_file.py`, `steps.py`, `template_file.py` and `traits_file.py`, it is the only definition of the language.
"""

from typing import Annotated, Literal

import pydantic
from pydantic import Field, Tag

from engine.authoring.language.fields import Address, ChannelName, Duration, Model, Name, Report, RuleName, Text, either, refused
from engine.authoring.language.times import Per, Span, Weekday
from engine.core.model import definition

Consent = Literal["opt_in", "implied"]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class Retry(Model):
    """Try the same channel again."""

    retry_after: Duration = Field(description="When to try again.", examples=["1m"])
    at_most: int = Field(ge=1, le=100, description="How often at most.", examples=[3])


Failure = Annotated[
    Annotated[Literal["next_channel", "stop_channel", "withdraw_consent", "configuration"], Tag("<other>")]
    | Annotated[Retry, Tag("<mapping>")],
    either(mapping=dict),
]


class PolicyChannel(Model):
    """A channel that journeys may send on."""

    address: Address = Field(description="CEL; where the customer's address stands.", examples=["profile.phone"])
    cost: Annotated[float, Field(strict=False, ge=0, allow_inf_nan=False)] = Field(
        0.0, description="What one attempt costs, in the workspace's currency.", examples=[586]
    )
    reports: list[Report] = Field(description="What its provider reports.", examples=[["accepted", "delivered", "failed"]])


class Calendar(Model):
    """The workspace's working days and paydays."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = Field(
        "ID", description="Whose public holidays count, as ISO 3166 has it.", examples=["ID"]
    )
    cuti_bersama: bool = Field(
        False, description="Whether the collective leave days of Indonesia are holidays too.", examples=[True]
    )
    payday: int = Field(25, ge=1, le=31, description="The day of the month; 31 is its last.", examples=[25])
    payday_shift: Literal["previous", "next", "none"] = Field(
        "previous",
        description="Where a payday on a weekend or holiday goes: to the working day before, after, or nowhere.",
        examples=["previous"],
    )


class QuietRule(Model):
    """Quiet hours, with days and holidays that are quiet as a whole."""

    quiet: Span | None = Field(None, description="From (quiet) to (open), in the customer's zone.", examples=["18:00-08:00"])
    days_off: list[Weekday] = Field([], description="Days that are quiet as a whole.", examples=[["sun"]])
    holidays_off: bool = Field(False, description="Whether the calendar's holidays are quiet as a whole.", examples=[True])
    source: str = Field("", description="Which rule it comes from.", examples=["POJK 22/2023"])

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> "QuietRule":
        if self.quiet is None and not self.days_off and not self.holidays_off:
            raise refused("empty", "A rule has `quiet`, `days_off` or `holidays_off`")
        return self


class Cap(Model):
    """The greatest number of messages within a window."""

    purpose: definition.Purpose | None = Field(None, description="Of this purpose only.", examples=["marketing"])
    channel: ChannelName | None = Field(
        None, description="On this channel only; at the cap the channel is skipped.", examples=["whatsapp"]
    )
    journey: Name | None = Field(None, description="Of this journey only.", examples=["cart-abandonment"])
    at_most: int = Field(ge=1, le=1_000_000, description="How many messages; each counts once.", examples=[2])
    per: Per = Field(
        description="day, d and w: the customer's own calendar days, today included. h, m and s: the last so long, exactly.",
        examples=["day", "7d", "12h"],
    )
    then: Literal["drop", "defer"] = Field(
        "drop", description="What happens to a message at the cap: it is dropped, or waits for a place.", examples=["defer"]
    )


class Policy(Model):
    """The rules of the workspace."""

    timezone: Text = Field("Asia/Jakarta", description="The zone of customers without one.", examples=["Asia/Jakarta"])
    language: Language = Field(
        "id", description="The language of customers without one; every template must exist in it.", examples=["id"]
    )
    languages: dict[Language, list[Language]] = Field(
        {},
        description="A language -> those to try, in this order, where a template is not there in it; then `language`. "
        "en-GB falls to en without being told.",
        examples=[{"jv": ["su", "id"]}],
    )
    late_after: Duration = Field(
        60_000,
        description="A timer later than this says so and runs at the real time.",
        examples=["1m"],
        json_schema_extra={"default": "1m"},
    )
    consent: dict[definition.Purpose, Consent] = Field(
        {},
        description="Purpose -> opt_in (asked for) | implied; opt_in unless written.",
        examples=[{"marketing": "opt_in", "transactional": "implied"}],
    )
    calendar: Calendar = Field(
        Calendar(),
        description="Holidays and payday.",
        examples=[{"country": "ID", "cuti_bersama": False, "payday": 25, "payday_shift": "previous"}],
    )
    quiet_hours: dict[
        RuleName,
        Annotated[Annotated[Span, Tag("<other>")] | Annotated[QuietRule, Tag("<mapping>")], either(mapping=dict)],
    ] = Field(
        {},
        description="A purpose, or a name that journeys choose by `hours`, -> when its messages may not go: they wait for the "
        "next open minute.",
        examples=[{"marketing": "20:00-08:00"}, {"collection": {"quiet": "20:00-08:00", "holidays_off": True}}],
    )
    caps: list[Cap] = Field(
        [],
        description="At most so many messages, of a purpose, a channel or a journey where they are named.",
        examples=[[{"purpose": "marketing", "at_most": 2, "per": "day"}]],
    )
    channels: dict[ChannelName, PolicyChannel] = Field(
        {},
        description="The channels, with address, cost and reports.",
        examples=[{"sms": {"address": "profile.phone", "cost": 250, "reports": ["accepted", "delivered", "failed"]}}],
    )
    failure_classes: dict[ChannelName, dict[Text, Failure]] = Field(
        {},
        description="Channel -> a provider's code -> what it means: next_channel | stop_channel | withdraw_consent | "
        "configuration | {retry_after: 1m, at_most: 3}. withdraw_consent takes the consent to marketing on that channel, "
        "whatever the message was. The engine knows the usual ones; a line here wins.",
        examples=[{"whatsapp": {"131026": "next_channel"}}],
    )


class PolicyFile(Model):
    """The file policy.yaml: the rules of the workspace."""

    policy: Policy = Field(description="What holds for every journey here.", examples=[{"timezone": "Asia/Jakarta"}])
