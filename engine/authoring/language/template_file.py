"""The model of a template's file, templates/<name>.<language>.yaml: one body for each channel.

With `journey_file.py`, `steps.py`, `policy_file.py` and `traits_file.py`, it is the only definition of the language.
"""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from engine.authoring.language.fields import Model, Text


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

    template: Text = Field(description="The name of the template at Meta.", examples=["cart_reminder"])
    language: Text = Field(description="The language of the template at Meta.", examples=["id"])
    parameters: list[Text] = Field([], description="Liquid; the parameters of the template.", examples=[["{{ profile.name }}"]])


class Push(Model):
    """A push notification."""

    title: Text = Field(description="Liquid.", examples=["Keranjang Anda"])
    body: Text = Field(description="Liquid.", examples=["Masih menunggu Anda"])
    data: dict[str, Any] | None = Field(
        None, description="Data for the app; every text in it is Liquid.", examples=[{"cart": "{{ entry.data.cart_id }}"}]
    )


class Webhook(Model):
    """A call to another system."""

    data: dict[str, Any] = Field(
        description="The body; every text in it is Liquid.", examples=[{"cart": "{{ entry.data.cart_id }}"}]
    )


def _whatsapp(value: object) -> str:
    return "<text>" if isinstance(value, dict) and "text" in value and "template" not in value else "<template>"


class Template(Model):
    """The file templates/<name>.<language>.yaml: one body for each channel."""

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
