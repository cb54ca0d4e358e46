"""The table of channels, with everything that the engine knows about each channel.

To add a channel, add one row to `TABLE`. All other code reads the table:

- the language (`authoring/language`): the names of channels, the bodies of a template; with them the schemas and the reference;
- the linter, and the failure classes of a compiled policy;
- `send_policy.py` and `steps/send.py`: the window for free text, the address, the parts; `decide/receipts.py`: the cost;
- the rendering of templates (`authoring/liquid/templates.py`);
- the topics `actions.<channel>` with their rights (`runtime/kafka/topics.py`).

A workspace's own choices are not here but in its policy.yaml: the profile field with the address, the price, and the reports
that its provider sends.

Sources of the failure classes: WhatsApp, Meta's error codes (developers.facebook.com, WhatsApp Business Platform, support, error
codes, 15 May 2026) with the wording of pywa's errors.py; SMS, Twilio's error dictionary (30003, 21610, …) and the SMPP 3.4
command statuses as smpplib names them; email, RFC 3463; push, FCM's ErrorCode; LINE and Telegram, the HTTP status of their push
calls. The reaction to each code is our own judgement. For a code that is not listed, the next channel is tried.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.core.model import definition
from engine.core.model.definition import FailureClass


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a message body in a template file, such as `text` of an SMS.

    `kind` is the type of its value: a text, a list of texts, or keys with any values. Every text may use Liquid. `told` (the
    description) and `example` go to the schema and the reference. With `html`, the values of placeholders are escaped. With
    `one_line`, each run of white space in the rendered text becomes one space. With `refuses_breaks`, `dalang check` also warns
    about white space that the provider refuses.
    """

    name: str
    told: str
    example: Any
    kind: Literal["text", "texts", "values"] = "text"
    required: bool = True
    html: bool = False
    one_line: bool = False
    refuses_breaks: bool = False


class Body(msgspec.Struct, frozen=True):
    """One form of a message body: the name of its model, its description, and its keys.

    The first key is required. Each form of a channel has another first key, such as `text` or `template` for WhatsApp.
    """

    name: str
    told: str
    fields: tuple[Field, ...]


class Window(msgspec.Struct, frozen=True):
    """The time `within` after a customer's last message in which the channel takes free text.

    A body with the key `approved` is a template that the provider has approved, which may be sent at any time.
    """

    within: datetime.timedelta
    approved: str


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table.

    - `address`: the key of the customer's address in an action's `to`, such as `phone`. The policy says which profile field holds
      it.
    - `told`, `example`: the description and the example of the channel's key in a template file.
    - `bodies`: the forms that its body may have.
    - `reports`: the statuses that a provider can report. A policy lists those that its provider does report.
    - `billed`: the status from which the provider charges for an attempt.
    - `failures`: `{provider's code: failure class}`. The policy may override each line.
    - `counted_in_parts`: True if the price is that of one part of an SMS (`rules/sms_parts.py`).
    - `window`: the limit on free text, if there is one.
    - `code_lives`: the time in milliseconds for which the provider tries to deliver a code; None if it has no such limit.
    """

    name: str
    address: str
    told: str = ""
    example: Mapping[str, Any] = {}
    bodies: tuple[Body, ...] = ()
    reports: tuple[definition.Status, ...] = definition.STATUSES
    billed: definition.Status = "accepted"
    failures: Mapping[str, FailureClass] = {}
    counted_in_parts: bool = False
    window: Window | None = None
    code_lives: int | None = None


_MINUTE: Final = 60_000

_NEXT: Final = FailureClass("next_channel")
_STOP: Final = FailureClass("stop_channel")
_WITHDRAW: Final = FailureClass("withdraw_consent")
_CONFIGURATION: Final = FailureClass("configuration")
_SOON: Final = FailureClass("retry", retry_after=10_000, at_most=3)
_LATER: Final = FailureClass("retry", retry_after=_MINUTE, at_most=3)


def _each(meaning: FailureClass, codes: str) -> dict[str, FailureClass]:
    return dict.fromkeys(codes.split(), meaning)


_PLAIN: Final = Body("Plain", "A message of text.", (Field(name="text", told="Liquid.", example="Halo {{ profile.name }}"),))

TABLE: Final = (
    Channel(
        name="sms",
        address="phone",
        told="An SMS.",
        example={"text": "Halo {{ profile.name }}"},
        bodies=(_PLAIN,),
        billed="accepted",  # SMS is billed on submission
        counted_in_parts=True,
        failures={
            # Twilio. Handset unreachable: one retry. Opted out: withdraw the consent. No mobile number: stop this address.
            "30003": FailureClass("retry", retry_after=5 * _MINUTE, at_most=1),
            **_each(_WITHDRAW, "21610"),
            **_each(_STOP, "21211 21614"),
            **_each(_NEXT, "30004 30005 30006 30007 30008"),
            **_each(_CONFIGURATION, "20003 21606 21659 21660"),
            # SMPP: throttled, queue full; system error; bad destination; bad source.
            **_each(_SOON, "ESME_RTHROTTLED ESME_RMSGQFUL"),
            **_each(_LATER, "ESME_RSYSERR ESME_RX_T_APPN"),
            **_each(_STOP, "ESME_RINVDSTADR"),
            **_each(_NEXT, "ESME_RSUBMITFAIL ESME_RX_P_APPN ESME_RX_R_APPN UNDELIV EXPIRED REJECTD DELETED"),
            **_each(_CONFIGURATION, "ESME_RINVSRCADR ESME_RBINDFAIL ESME_RINVPASWD ESME_RINVSYSID"),
        },
    ),
    Channel(
        name="whatsapp",
        address="phone",
        told="A template approved by Meta, or free text inside the 24-hour window.",
        example={"template": "cart_reminder", "language": "id", "parameters": ["{{ profile.name }}"]},
        bodies=(
            _PLAIN,
            Body(
                "WhatsAppTemplate",
                "A template approved by Meta, which may be sent at any time.",
                (
                    Field(name="template", told="The name of the template at Meta.", example="cart_reminder"),
                    Field(name="language", told="The language of the template at Meta.", example="id"),
                    # Meta: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces" (errors 100
                    # and 132018).
                    Field(
                        name="parameters",
                        told="Liquid; the parameters of the template.",
                        example=["{{ profile.name }}"],
                        kind="texts",
                        required=False,
                        one_line=True,
                        refuses_breaks=True,
                    ),
                ),
            ),
        ),
        billed="delivered",  # WhatsApp bills delivered messages (Meta, per-message pricing since 1 Jul 2025)
        window=Window(datetime.timedelta(hours=24), "template"),  # Meta, customer service window
        # `message_send_ttl_seconds` of an authentication template is 10 minutes by default (Meta, template reference, time to
        # live).
        code_lives=10 * _MINUTE,
        failures={
            # Not a WhatsApp number or an old client; outside the window; the limit of marketing messages per user, for at
            # least 24 hours; in an experiment of Meta's; no such country; not by business-scoped id. Another channel may
            # reach the customer.
            **_each(_NEXT, "131026 131047 131049 130472 130497 131062 131021 131030"),
            # The user stopped marketing from this business.
            **_each(_WITHDRAW, "131050"),
            # Too fast for this user, or for this number; an account in maintenance for a minute.
            **_each(_SOON, "131056 131057"),
            **_each(_LATER, "130429 80007 4"),
            # Unknown error or unavailable service: the message may have gone out, so few retries.
            **_each(FailureClass("retry", retry_after=_MINUTE, at_most=2), "131000 131016 135000 1 2"),
            # The sender, the account, the payment, the token or the template is wrong: a retry helps no customer.
            **_each(_CONFIGURATION, "131048 131064 368 131031 131042 131044 131063 190 0 3 10 200"),
            **_each(_CONFIGURATION, "132000 132001 132005 132007 132008 132012 132015 132016 132068 132069"),
            **_each(_CONFIGURATION, "131008 131009 100 33"),
        },
    ),
    Channel(
        name="email",
        address="email",
        told="An email.",
        example={"subject": "Halo", "text": "Halo"},
        bodies=(
            Body(
                "Email",
                "An email.",
                (
                    # A header of a mail ends at a line break (RFC 5322 section 2.2), after which another header could begin.
                    Field(name="subject", told="Liquid.", example="Keranjang Anda menunggu", one_line=True),
                    Field(name="text", told="Liquid; the plain body.", example="Halo {{ profile.name }}"),
                    Field(
                        name="html",
                        told="Liquid; the body in HTML, values escaped.",
                        example="<p>Halo {{ profile.name }}</p>",
                        required=False,
                        html=True,
                    ),
                ),
            ),
        ),
        failures={
            # Reply codes of SMTP (RFC 5321) and enhanced status codes: 5.1.1 no such mailbox, 5.2.1 disabled, 4.x.x
            # temporary.
            **_each(_STOP, "5.1.1 5.1.2 5.1.3 5.1.6 5.1.10 5.2.1"),
            **_each(FailureClass("retry", retry_after=5 * _MINUTE, at_most=3), "421 450 451 452"),
            **_each(_CONFIGURATION, "530 535 5.7.0 5.7.8 5.7.26"),
        },
    ),
    Channel(
        name="push",
        address="token",
        told="A push notification.",
        example={"title": "Halo", "body": "Halo"},
        bodies=(
            Body(
                "Push",
                "A push notification.",
                (
                    Field(name="title", told="Liquid.", example="Keranjang Anda"),
                    Field(name="body", told="Liquid.", example="Masih menunggu Anda"),
                    Field(
                        name="data",
                        told="Data for the app; every text in it is Liquid.",
                        example={"cart": "{{ entry.data.cart_id }}"},
                        kind="values",
                        required=False,
                    ),
                ),
            ),
        ),
        failures={
            **_each(_STOP, "UNREGISTERED"),
            **_each(_CONFIGURATION, "SENDER_ID_MISMATCH THIRD_PARTY_AUTH_ERROR"),
            **_each(_LATER, "QUOTA_EXCEEDED UNAVAILABLE INTERNAL"),
            **_each(_NEXT, "INVALID_ARGUMENT"),
        },
    ),
    Channel(
        name="line",
        address="user",
        told="A LINE message.",
        example={"text": "Halo"},
        bodies=(_PLAIN,),
        failures={**_each(_LATER, "429 500"), **_each(_CONFIGURATION, "401 403"), **_each(_NEXT, "400")},
    ),
    Channel(
        name="telegram",
        address="chat",
        told="A Telegram message.",
        example={"text": "Halo"},
        bodies=(_PLAIN,),
        failures={
            **_each(_LATER, "429 500"),
            **_each(_STOP, "403"),
            **_each(_CONFIGURATION, "401"),
            **_each(_NEXT, "400"),
        },
    ),
    Channel(
        name="webhook",
        address="url",
        told="A call to another system.",
        example={"data": {"a": "b"}},
        bodies=(
            Body(
                "Webhook",
                "A call to another system.",
                (
                    Field(
                        name="data",
                        told="The body; every text in it is Liquid.",
                        example={"cart": "{{ entry.data.cart_id }}"},
                        kind="values",
                    ),
                ),
            ),
        ),
    ),
    Channel(
        name="agent",
        address="queue",
        told="A note for a human.",
        example={"text": "Halo"},
        bodies=(_PLAIN,),
    ),
)
"""Every channel. The order is that of the schemas and the reference."""

OF: Final[Mapping[str, Channel]] = {channel.name: channel for channel in TABLE}
"""`{name: channel}`."""

NAMES: Final = tuple(OF)


def of(name: str) -> Channel:
    """Return the channel of this name.

    An old bundle may name a channel that is not in the table any more: such a channel has the defaults of a row.
    """
    known = OF.get(name)
    return Channel(name=name, address="address") if known is None else known
