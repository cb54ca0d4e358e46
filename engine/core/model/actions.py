"""Actions: the requests to channels, written to the topics `actions.<channel>`.

`decider.react` derives actions from decisions. Actions are never recorded as facts. An action contains everything that an adapter
needs to send the message. The names of the fields are a public contract: `schemas/action.schema.json`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.core.model import inputs


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request to a channel to send one attempt of a message.

    `id` is `<message id>/<attempt>`. The same action may arrive more than once; an adapter must send each id only once.
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
    """The number of SMS parts that the text takes; 0 on other channels."""


_encoder: Final = msgspec.json.Encoder()


def encode(action: Action) -> bytes:
    """Return the action as JSON on one line; the bytes are the same on every machine."""
    return _encoder.encode(action)
