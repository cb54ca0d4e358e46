"""The journey language, the policy and the templates as models: their only definition.

Parsing, error messages, the JSON Schema for editors and the reference come from these; `compile.py` turns them into
`engine/core/definition.py`. A key without a description or an example does not belong here.
"""

from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import Field

from engine.authoring.durations import Duration
from engine.core import actions, definition

NAME: Final = r"^[a-z][a-z0-9-]{0,63}$"
COMING: Final = frozenset(
    {"split", "choose", "set", "emit", "handoff", "goal", "holdout", "on_update", "migrations", "schedule", "segment"}
    | {"until", "quiet_hours", "caps", "calendar", "audience"}
)
"""Keys of the language that a later release brings: they are refused with that sentence."""

Name = Annotated[str, Field(pattern=NAME)]
Cel = Annotated[str, Field(min_length=1, max_length=2000)]
EventType = Annotated[str, Field(min_length=1, max_length=200)]
ChannelName = Literal["sms", "whatsapp", "email", "push", "line", "telegram", "webhook", "agent"]
Success = Literal["accepted", "sent", "delivered", "read", "clicked", "replied"]


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Trigger(_Model):
    """An event type and the condition under which the event counts."""

    event: EventType = Field(description="The CloudEvent's type.", examples=["order.placed"])
    when: Cel | None = Field(None, description="CEL; the event counts when it is true.", examples=["event.data.total > 0"])


class ExitRule(Trigger):
    """Leaves the journey at once, also in the middle of a wait, and before every send."""

    reason: str = Field("exit", min_length=1, description="Recorded with `journey.exited`.", examples=["bought"])


class After(_Model):
    """Re-entry so long after the last entry."""

    after: Duration = Field(description="Time since the last entry with the same key.", examples=["7d"])


class Parallel(_Model):
    """Several instances at a time."""

    parallel: int = Field(ge=1, description="At most so many live instances with the same key.", examples=[3])


class Enter(_Model):
    """How customers come in."""

    event: EventType | list[EventType] = Field(description="An event type, or a list.", examples=["cart.updated"])
    when: Cel | None = Field(None, description="CEL over the event.", examples=["event.data.total >= 100000"])
    key: Cel | None = Field(None, description="CEL; one instance per key.", examples=["event.data.cart_id"])
    reentry: Literal["never", "after_exit"] | After | Parallel = Field(
        description="When the same customer may enter again with the same key.", examples=[{"after": "7d"}]
    )
    while_active: Literal["ignore", "restart", "update"] = Field(
        "ignore", description="What a second entry event does to a live instance.", examples=["restart"]
    )
    max_age: Duration | None = Field(
        None, description="An event that arrives later than this after its time does not enter.", examples=["1h"]
    )


class Place(_Model):
    """One channel of a send."""

    channel: str = Field(description="A channel of the policy.", examples=["whatsapp"])
    success: Success | None = Field(None, description="The status that counts as reached.", examples=["delivered"])
    fallback_after: Duration | None = Field(
        None, description="After so long without success the next channel follows.", examples=["30m"]
    )


class Send(_Model):
    """One message over ordered channels."""

    template: str = Field(pattern=NAME, description="templates/<name>.<language>.yaml", examples=["cart-reminder"])
    channels: list[Place] = Field(min_length=1, description="Tried in this order.", examples=[[{"channel": "sms"}]])
    expires_after: Duration | None = Field(
        None, description="Not sent later than this after the step's first request.", examples=["12h"]
    )
    to: Cel | None = Field(None, description="CEL; another address.", examples=["entry.data.phone"])


class Awaited(Trigger):
    """One event that a wait is for."""

    then: list["Step"] = Field(default_factory=list, description="Steps to take then.", examples=[[]])


class WaitFor(_Model):
    """Wait for the first of some events."""

    for_: list[Awaited] = Field(
        alias="for",
        min_length=1,
        description="The events; the first that matches wins.",
        examples=[[{"event": "order.placed"}]],
    )
    timeout: Duration = Field(description="How long at most; counts from the step.", examples=["24h"])
    on_timeout: list["Step"] = Field(default_factory=list, description="Steps to take after the timeout.", examples=[[]])
    since: Literal["step", "previous_send", "entry"] = Field(
        "step", description="From when events count.", examples=["previous_send"]
    )


class Arm(_Model):
    """One arm of a branch: `if` with `then`, or, last, `else`."""

    if_: Cel | None = Field(None, alias="if", description="CEL condition.", examples=["profile.vip == true"])
    then: list["Step"] | None = Field(None, description="Steps of this arm.", examples=[[]])
    else_: list["Step"] | None = Field(None, alias="else", description="Steps when no arm was true.", examples=[[]])

    @pydantic.model_validator(mode="after")
    def _one_form(self) -> "Arm":
        if (self.else_ is not None) == (self.if_ is not None) or (self.if_ is not None and self.then is None):
            raise ValueError("an arm is `if` with `then`, or `else`")
        if self.else_ is not None and self.then is not None:
            raise ValueError("`else` holds its steps itself, without `then`")
        return self


class Step(_Model):
    """One step: an `id` and exactly one of send, wait, branch, exit."""

    id: Name = Field(description="Unique in the file.", examples=["nudge"])
    send: Send | None = Field(None, description="Request one message.", examples=[{"template": "hello", "channels": []}])
    wait: Duration | WaitFor | None = Field(None, description="A duration, or events with a timeout.", examples=["45m"])
    restart_on: EventType | Trigger | None = Field(
        None, description="Beside a duration: starts the wait again.", examples=["cart.updated"]
    )
    branch: list[Arm] | None = Field(None, min_length=1, description="The first true arm is taken.", examples=[[]])
    exit: str | None = Field(None, min_length=1, description="Leave with this reason.", examples=["converted"])

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> "Step":
        kinds = [kind for kind in ("send", "wait", "branch", "exit") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError("a step has exactly one of send, wait, branch, exit")
        if self.restart_on is not None and not isinstance(self.wait, int):
            raise ValueError("restart_on stands beside a wait for a duration")
        if self.branch is not None and any(arm.else_ is not None for arm in self.branch[:-1]):
            raise ValueError("`else` is the last arm of a branch")
        return self


class Journey(_Model):
    """One journey file."""

    journey: Name = Field(description="The journey's name, unique in the directory.", examples=["cart-abandonment"])
    title: str = Field("", description="For people.", examples=["Pulihkan keranjang yang ditinggalkan"])
    owner: str = Field(min_length=1, description="Who answers for it.", examples=["growth@toko.example"])
    purpose: definition.Purpose = Field(description="The purpose that consent is asked for.", examples=["marketing"])
    status: Literal["draft", "live", "paused", "retired"] = Field(description="Who may enter.", examples=["live"])
    priority: int = Field(0, description="Order of several journeys on one event: highest first.", examples=[10])
    enter: Enter = Field(description="How customers come in.", examples=[{"event": "cart.updated", "reentry": "never"}])
    exit: list[ExitRule] = Field(default_factory=list, description="What ends it early.", examples=[[]])
    steps: list[Step] = Field(min_length=1, description="The steps, in order.", examples=[[]])


class ChannelPolicy(_Model):
    """A channel."""

    address: Cel = Field(description="CEL; the customer's address.", examples=["profile.phone"])
    cost: float = Field(0.0, ge=0, strict=False, description="Of one attempt, in rupiah.", examples=[586])
    reports: list[definition.Status] = Field(
        default_factory=list,
        description="The statuses that it reports.",
        examples=[["accepted", "delivered", "failed"]],
    )


class Retry(_Model):
    """Try the same channel again."""

    retry_after: Duration = Field(description="How long until the next attempt.", examples=["1m"])
    at_most: int = Field(ge=1, description="How many further attempts.", examples=[3])


FailureClass = Literal["next_channel", "stop_channel", "withdraw_consent", "configuration"] | Retry


class Policy(_Model):
    """What holds for everybody."""

    timezone: str = Field("Asia/Jakarta", description="Where a customer's own is unknown.", examples=["Asia/Jakarta"])
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = Field(
        "id", description="The language in which every template exists.", examples=["id"]
    )
    late_after: Duration = Field(
        60_000, validate_default=False, description="A timer later than this runs at the real time.", examples=["1m"]
    )
    consent: dict[definition.Purpose, Literal["opt_in", "implied"]] = Field(
        default_factory=dict, description="Per purpose, what allows a message.", examples=[{"marketing": "opt_in"}]
    )
    channels: dict[ChannelName, ChannelPolicy] = Field(
        default_factory=dict, description="The channels.", examples=[{"sms": {"address": "profile.phone"}}]
    )
    failure_classes: dict[ChannelName, dict[str, FailureClass]] = Field(
        default_factory=dict, description="Per channel: a provider's code and what it means.", examples=[{}]
    )


class PolicyFile(_Model):
    """policy.yaml"""

    policy: Policy = Field(description="The workspace's rules.", examples=[{"timezone": "Asia/Jakarta"}])


class _Text(_Model):
    text: str = Field(min_length=1, description="Liquid.", examples=["Halo {{ profile.name }}"])


class EmailBody(_Text):
    """An email."""

    subject: str = Field(min_length=1, description="Liquid.", examples=["Pesanan {{ entry.data.order_id }}"])
    html: str | None = Field(None, description="Liquid; values are escaped.", examples=["<p>Halo</p>"])


class WhatsAppBody(_Model):
    """An approved template with its parameters in order, or free text inside the 24-hour window."""

    text: str | None = Field(None, min_length=1, description="Liquid.", examples=["Halo"])
    template: str | None = Field(None, min_length=1, description="The approved name.", examples=["pengingat_keranjang"])
    language: str | None = Field(None, min_length=2, description="Of the approved template.", examples=["id"])
    parameters: list[str] = Field(default_factory=list, description="Liquid.", examples=[["{{ profile.name }}"]])

    @pydantic.model_validator(mode="after")
    def _one_form(self) -> "WhatsAppBody":
        if (self.text is None) == (self.template is None) or (self.template is None) != (self.language is None):
            raise ValueError("a WhatsApp body is `text`, or `template` with `language`")
        return self


class PushBody(_Model):
    """A push notification."""

    title: str = Field(min_length=1, description="Liquid.", examples=["Halo"])
    body: str = Field(min_length=1, description="Liquid.", examples=["Ada promo"])
    data: dict[str, str] | None = Field(None, description="Liquid values.", examples=[{"screen": "cart"}])


class WebhookBody(_Model):
    """A webhook's body."""

    data: dict[str, Any] = Field(description="Texts in it are Liquid.", examples=[{"order": "{{ entry.data.order_id }}"}])


class Template(_Model):
    """templates/<name>.<language>.yaml: one body per channel."""

    sms: _Text | None = Field(None, description="An SMS.", examples=[{"text": "Halo"}])
    email: EmailBody | None = Field(None, description="An email.", examples=[{"subject": "Halo", "text": "Halo"}])
    whatsapp: WhatsAppBody | None = Field(None, description="A WhatsApp message.", examples=[{"text": "Halo"}])
    push: PushBody | None = Field(None, description="A push notification.", examples=[{"title": "Halo", "body": "Hai"}])
    line: _Text | None = Field(None, description="A LINE message.", examples=[{"text": "Halo"}])
    telegram: _Text | None = Field(None, description="A Telegram message.", examples=[{"text": "Halo"}])
    webhook: WebhookBody | None = Field(None, description="A webhook's body.", examples=[{"data": {}}])
    agent: _Text | None = Field(None, description="For a human agent.", examples=[{"text": "Halo"}])


assert set(actions.CHANNELS) == set(Template.model_fields)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas for editors, by file name."""
    models: dict[str, type[pydantic.BaseModel]] = {"journey": Journey, "policy": PolicyFile, "template": Template}
    return {f"{name}.schema.json": _schema(name, model) for name, model in models.items()}


def _schema(name: str, model: type[pydantic.BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"dalang/{name}.schema.json", **schema}
