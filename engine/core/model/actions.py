"""Actions: the requests to channels, on `actions.<channel>`.

`decider.react` derives them from decisions; they are never recorded as facts. An action holds everything that an adapter needs to
send the message. The field names are the public contract of `schemas/action.schema.json`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.core.model import inputs


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One attempt of one message.

    `id` is `<message id>/<attempt>`. An adapter must send each id only once.
    """

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
    """The number of parts of an SMS; 0 on other channels."""


_encoder: Final = msgspec.json.Encoder()


def encode(action: Action) -> bytes:
    """Return the action as one line of JSON, with the same bytes on every machine."""
    return _encoder.encode(action)
