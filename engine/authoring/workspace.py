"""The rest of the language: strict models of policy.yaml and of a template's file. As in `language.py`, their only
definition.
"""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from engine.authoring.fields import Address, ChannelName, Duration, Model, Report, Text, either
from engine.core import definition

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
        60_000, description="A timer later than this says so and runs at the real time.", examples=["1m"]
    )
    consent: dict[definition.Purpose, Consent] = Field(
        {},
        description="Purpose -> opt_in (asked for) | implied; opt_in unless written.",
        examples=[{"marketing": "opt_in", "transactional": "implied"}],
    )
    channels: dict[ChannelName, PolicyChannel] = Field(
        {},
        description="The channels, with address, cost and reports.",
        examples=[{"sms": {"address": "profile.phone", "cost": 250, "reports": ["accepted", "delivered", "failed"]}}],
    )
    failure_classes: dict[ChannelName, dict[Text, Failure]] = Field(
        {},
        description="Channel -> a provider's code -> what it means: next_channel | stop_channel | withdraw_consent | "
        "configuration | {retry_after: 1m, at_most: 3}. The engine knows the usual ones; a line here wins.",
        examples=[{"whatsapp": {"131026": "next_channel"}}],
    )


class PolicyFile(Model):
    """policy.yaml."""

    policy: Policy = Field(description="The rules of the workspace.", examples=[{"timezone": "Asia/Jakarta"}])


class Plain(Model):
    """A message of text."""

    text: Text = Field(description="Liquid.", examples=["Halo {{ profile.name }}"])


class Email(Model):
    """An email."""

    subject: Text = Field(description="Liquid.", examples=["Keranjang Anda menunggu"])
    text: Text = Field(description="Liquid; the plain body.", examples=["Halo {{ profile.name }}"])
    html: Text | None = Field(
        None, description="Liquid; the body in HTML, values escaped.", examples=["<p>Halo {{ profile.name }}</p>"]
    )


class WhatsAppTemplate(Model):
    """A template approved by Meta, which may be sent at any time."""

    template: Text = Field(description="Its name at Meta.", examples=["cart_reminder"])
    language: Text = Field(description="Its language at Meta.", examples=["id"])
    parameters: list[Text] = Field([], description="Liquid; its parameters.", examples=[["{{ profile.name }}"]])


class Push(Model):
    """A push notification."""

    title: Text = Field(description="Liquid.", examples=["Keranjang Anda"])
    body: Text = Field(description="Liquid.", examples=["Masih menunggu Anda"])
    data: dict[str, Any] | None = Field(
        None, description="Liquid in every text; for the app.", examples=[{"cart": "{{ entry.data.cart_id }}"}]
    )


class Webhook(Model):
    """A call to another system."""

    data: dict[str, Any] = Field(description="Liquid in every text; the body.", examples=[{"cart": "{{ entry.data.cart_id }}"}])


def _whatsapp(value: object) -> str:
    return "<text>" if isinstance(value, dict) and "text" in value and "template" not in value else "<template>"


class Template(Model):
    """templates/<name>.<language>.yaml: one body for each channel."""

    sms: Plain | None = Field(None, description="An SMS.", examples=[{"text": "Halo {{ profile.name }}"}])
    whatsapp: (
        Annotated[Annotated[Plain, Tag("<text>")] | Annotated[WhatsAppTemplate, Tag("<template>")], Discriminator(_whatsapp)]
        | None
    ) = Field(
        None,
        description="A template approved by Meta, or free text inside the 24-hour window.",
        examples=[{"template": "cart_reminder", "language": "id", "parameters": ["{{ profile.name }}"]}],
    )
    email: Email | None = Field(None, description="An email.", examples=[{"subject": "Halo", "text": "Halo"}])
    push: Push | None = Field(None, description="A push notification.", examples=[{"title": "Halo", "body": "Halo"}])
    line: Plain | None = Field(None, description="A LINE message.", examples=[{"text": "Halo"}])
    telegram: Plain | None = Field(None, description="A Telegram message.", examples=[{"text": "Halo"}])
    webhook: Webhook | None = Field(None, description="A call to another system.", examples=[{"data": {"a": "b"}}])
    agent: Plain | None = Field(None, description="A note for a human.", examples=[{"text": "Halo"}])
