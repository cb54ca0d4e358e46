"""Actions: requests to a channel, on `actions.<channel>`. Derived from decisions by `decider.react`, never recorded as facts.

An action is complete: an adapter needs nothing else. Field names are the public contract of `schemas/action.json`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.core import inputs

CHANNELS: Final[Mapping[str, str]] = {
    "sms": "phone",
    "whatsapp": "phone",
    "email": "email",
    "push": "token",
    "line": "user",
    "telegram": "chat",
    "webhook": "url",
    "agent": "queue",
}
"""Channel -> the name of its address in an action's `to`."""


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt of one message; `id` is `<message id>/<attempt>`, and no adapter sends the same id twice."""

    id: str
    message_id: str
    channel: str
    customer: str
    to: Mapping[str, str]
    purpose: str
    template: str
    language: str
    content: Mapping[str, Any]
    journey: str
    version: str
    step: str
    requested_at: inputs.Instant
    attempt: int
    send_before: inputs.Instant | None = None
    expires_at: inputs.Instant | None = None
    parts: int = 0
    """Of an SMS: how many it is sent as."""


_encoder: Final = msgspec.json.Encoder()


def encode(action: Action) -> bytes:
    """The action as one line of JSON, the same bytes everywhere."""
    return _encoder.encode(action)
