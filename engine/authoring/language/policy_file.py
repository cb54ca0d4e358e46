"""The models of policy.yaml: the rules for every journey of a directory.

This file, `journey_file.py`, `steps.py`, `template_file.py` and `traits_file.py` together define the whole language.
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
    """The rule for a failure after which the same channel is tried again."""

    retry_after: Duration = Field(description="The time after which to try again.", examples=["1m"])
    at_most: int = Field(ge=1, le=100, description="The greatest number of further attempts.", examples=[3])


Failure = Annotated[
    Annotated[Literal["next_channel", "stop_channel", "withdraw_consent", "configuration"], Tag("<other>")]
    | Annotated[Retry, Tag("<mapping>")],
    either(mapping=dict),
]


class PolicyChannel(Model):
    """A channel that journeys may send on."""

    address: Address = Field(description="CEL; the customer's address on this channel.", examples=["profile.phone"])
    cost: Annotated[float, Field(strict=False, ge=0, allow_inf_nan=False)] = Field(
        0.0, description="The cost of one attempt, in the workspace's currency.", examples=[586]
    )
    reports: list[Report] = Field(
        description="The statuses that its provider reports.", examples=[["accepted", "delivered", "failed"]]
    )


class Calendar(Model):
    """The public holidays and the payday that apply to all customers."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = Field(
        "ID", description="The country whose public holidays count, as two letters of ISO 3166.", examples=["ID"]
    )
    cuti_bersama: bool = Field(
        False, description="Whether the collective leave days of Indonesia are holidays too.", examples=[True]
    )
    payday: int = Field(25, ge=1, le=31, description="The day of the month. 31 means the last day of every month.", examples=[25])
    payday_shift: Literal["previous", "next", "none"] = Field(
        "previous",
        description="What happens to a payday on a weekend or holiday: it moves to the working day before or after, or stays.",
        examples=["previous"],
    )


class QuietRule(Model):
    """A rule of quiet hours: hours of the day, days of the week and public holidays at which no message is sent."""

    quiet: Span | None = Field(
        None, description="The start and the end of the quiet hours, in the customer's zone.", examples=["18:00-08:00"]
    )
    days_off: list[Weekday] = Field([], description="Days that are quiet as a whole.", examples=[["sun"]])
    holidays_off: bool = Field(False, description="Whether the calendar's holidays are quiet as a whole.", examples=[True])
    source: str = Field("", description="The law or rule that it comes from.", examples=["POJK 22/2023"])

    @pydantic.model_validator(mode="after")
    def _says_something(self) -> "QuietRule":
        if self.quiet is None and not self.days_off and not self.holidays_off:
            raise refused("empty", "A rule has `quiet`, `days_off` or `holidays_off`")
        return self


class Cap(Model):
    """A frequency cap: the greatest number of messages that a customer gets within a window."""

    purpose: definition.Purpose | None = Field(None, description="Only messages of this purpose count.", examples=["marketing"])
    channel: ChannelName | None = Field(
        None, description="Only messages on this channel count; at the cap the channel is skipped.", examples=["whatsapp"]
    )
    journey: Name | None = Field(None, description="Only messages of this journey count.", examples=["cart-abandonment"])
    at_most: int = Field(
        ge=1,
        le=1_000_000,
        description="The greatest number of messages. A message counts once, on however many channels it is tried.",
        examples=[2],
    )
    per: Per = Field(
        description="The window. day, d and w: the customer's own calendar days, today included. h, m and s: exactly this long.",
        examples=["day", "7d", "12h"],
    )
    then: Literal["drop", "defer"] = Field(
        "drop", description="What happens to a message at the cap: it is dropped, or waits for a place.", examples=["defer"]
    )


class Policy(Model):
    """The rules for every journey of the directory: consent, quiet hours, caps, the calendar, languages and channels."""

    timezone: Text = Field("Asia/Jakarta", description="The zone of customers without one.", examples=["Asia/Jakarta"])
    language: Language = Field(
        "id", description="The language of customers without one; every template must exist in it.", examples=["id"]
    )
    languages: dict[Language, list[Language]] = Field(
        {},
        description="A language -> the languages to try, in this order, if a template does not exist in it; after them "
        "`language`. For en-GB, en is tried without an entry here.",
        examples=[{"jv": ["su", "id"]}],
    )
    late_after: Duration = Field(
        60_000,
        description="A timer that fires later than this after its due time is recorded as late, and runs at the real time.",
        examples=["1m"],
        json_schema_extra={"default": "1m"},
    )
    consent: dict[definition.Purpose, Consent] = Field(
        {},
        description="Purpose -> opt_in (the customer has to allow it) | implied. Default: opt_in.",
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
        description="A purpose, or a name that journeys choose by `hours` -> the hours in which its messages are not sent. They "
        "wait for the next open minute.",
        examples=[{"marketing": "20:00-08:00"}, {"collection": {"quiet": "20:00-08:00", "holidays_off": True}}],
    )
    caps: list[Cap] = Field(
        [],
        description="The frequency caps: the greatest numbers of messages, for all or for a purpose, a channel or a journey.",
        examples=[[{"purpose": "marketing", "at_most": 2, "per": "day"}]],
    )
    channels: dict[ChannelName, PolicyChannel] = Field(
        {},
        description="The channels, with address, cost and reports.",
        examples=[{"sms": {"address": "profile.phone", "cost": 250, "reports": ["accepted", "delivered", "failed"]}}],
    )
    failure_classes: dict[ChannelName, dict[Text, Failure]] = Field(
        {},
        description="Channel -> a provider's error code -> its failure class: next_channel | stop_channel | withdraw_consent | "
        "configuration | {retry_after: 1m, at_most: 3}. withdraw_consent ends the consent to marketing on that channel, "
        "whatever the purpose of the message. The engine knows the usual codes; a line here replaces its own.",
        examples=[{"whatsapp": {"131026": "next_channel"}}],
    )


class PolicyFile(Model):
    """The file policy.yaml: the rules for every journey of the directory."""

    policy: Policy = Field(description="The rules for every journey of the directory.", examples=[{"timezone": "Asia/Jakarta"}])
