"""The table of channels, with everything that the engine knows about each channel.

To add a channel, add one row to `TABLE`. All other code reads the table:

- the language (`authoring/language`), for the names of channels and the bodies of a template, and so for the schemas and the
  reference;
- the linter, and the compiler of the policy, for the failure classes;
- `send_policy.py` and `steps/send.py`, for the window for free text, the address and the parts; `decide/receipts.py`, for the
  cost;
- the renderer of templates (`authoring/liquid/templates.py`);
- the list of the topics `actions.<channel>` with their rights (`runtime/kafka/topics.py`).

The choices of a workspace are not here but in its policy.yaml: the profile field with the address, the price of an attempt, and
the statuses that its provider reports.

Sources of the failure classes:

- WhatsApp: Meta's error codes (developers.facebook.com, WhatsApp Business Platform, support, error codes, 15 May 2026), with the
  wording of errors.py in pywa.
- SMS: Twilio's error dictionary (30003, 21610, …), and the command statuses of SMPP 3.4 with their names in smpplib.
- Email: RFC 3463. Push: FCM's ErrorCode. LINE and Telegram: the HTTP status of their push calls.

The reaction to each code is our own judgement. After an error with a code that is not listed, the next channel is tried.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from engine.core.model import definition
from engine.core.model.definition import FailureClass


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a message body in a template file, such as `text` of an SMS.

    - `kind`: the type of the value: a text, a list of texts, or a mapping with any values. Every text may use Liquid.
    - `told`, `example`: the description and an example of the key, for the schema and the reference.
    - `html`: True if the values of placeholders are escaped for HTML.
    - `one_line`: True if each run of white space in the rendered text becomes one space.
    - `refuses_breaks`: True if `dalang check` warns about line breaks, tabs and long runs of spaces, which the provider refuses.
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
    """One form that a message body may have on a channel: the name of its pydantic model, its description, and its keys.

    The first key is required, and shows which form a body has. On WhatsApp, for example, a body with `text` is free text, and a
    body with `template` is a template approved by Meta.
    """

    name: str
    told: str
    fields: tuple[Field, ...]


class Window(msgspec.Struct, frozen=True):
    """The limit on free text: a channel with a window accepts it only for the time `within` after the customer's last message.

    `approved` is the name of the key by which a body is known as a template that the provider has approved. A body with this key
    may be sent at any time.
    """

    within: datetime.timedelta
    approved: str


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table of channels.

    - `address`: the key of the customer's address in the field `to` of an action, such as `phone`.
    - `told`, `example`: the description and an example of the channel's key in a template file.
    - `bodies`: the forms that a message body may have.
    - `reports`: the statuses that a provider of this channel can report; the policy lists those that the workspace's provider
      does report.
    - `billed`: the status with which an attempt begins to cost its price.
    - `failures`: `{provider's error code: failure class}`; the policy may override each entry.
    - `counted_in_parts`: True if the price is for each part of an SMS (`rules/sms_parts.py`), not for the whole text.
    - `window`: the limit on free text; None: there is no limit.
    - `code_lives`: the time in ms for which the provider tries to deliver a login code; None: there is no such limit.
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
            # Twilio. Phone unreachable: one retry. Customer opted out: withdraw the consent. Not a mobile number: stop the
            # address.
            "30003": FailureClass("retry", retry_after=5 * _MINUTE, at_most=1),
            **_each(_WITHDRAW, "21610"),
            **_each(_STOP, "21211 21614"),
            **_each(_NEXT, "30004 30005 30006 30007 30008"),
            **_each(_CONFIGURATION, "20003 21606 21659 21660"),
            # SMPP. Throttled or queue full: retry soon. System error: retry later. Bad destination: stop the address. Bad source:
            # an error of configuration.
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
            # The number is not on WhatsApp, or the client is too old. The window for free text is closed. The user has reached
            # the limit of marketing messages, for at least 24 hours. The user is in an experiment of Meta. The country is not
            # allowed. A business-scoped user id is not accepted. In all these cases another channel may reach the customer.
            **_each(_NEXT, "131026 131047 131049 130472 130497 131062 131021 131030"),
            # The user stopped marketing from this business.
            **_each(_WITHDRAW, "131050"),
            # Too many messages at once to this user or from this number, or the account is in maintenance for a minute.
            **_each(_SOON, "131056 131057"),
            **_each(_LATER, "130429 80007 4"),
            # Unknown error or unavailable service: the message may have gone out, so few retries.
            **_each(FailureClass("retry", retry_after=_MINUTE, at_most=2), "131000 131016 135000 1 2"),
            # The sender, the account, the payment, the token or the template is wrong. A retry would fail for every customer.
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
"""Every channel. The schemas and the reference list the channels in this order."""

OF: Final[Mapping[str, Channel]] = {channel.name: channel for channel in TABLE}
"""`{name: channel}` of all rows in `TABLE`."""

NAMES: Final = tuple(OF)


def of(name: str) -> Channel:
    """Return the channel with this name.

    An old bundle may contain the name of a channel that was removed from the table. For such a name, return a channel with the
    default values of all fields.
    """
    known = OF.get(name)
    return Channel(name=name, address="address") if known is None else known
