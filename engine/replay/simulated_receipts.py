"""Simulated receipts: the receipts that channels might have sent for the actions of a replay.

Called by the replayer; `dalang replay` and the demo read the model. A model is a YAML file. For each channel and status it says
how many attempts reach the status, after which delay and, for failures, with which codes. Every random number is a hash of the
seed, the message, the attempt and the status, so the same model always gives the same receipts.

    seed: 7
    channels:
      whatsapp:
        accepted:  {share: 1.0, after: 1s}
        delivered: {share: 0.9, after: [2s, 10m]}     # 0.9 of the accepted ones; the delay counts from the status before
        read:      {share: 0.6, after: [1m, 3h]}
        failed:    {share: 0.05, after: 3s, codes: {"131026": 3, "131049": 1}}    # no receipt follows a failure
"""

import datetime
import hashlib
import pathlib
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
import pydantic
from pydantic import Field

from engine.authoring.files import validate, yaml_reader
from engine.authoring.findings import excerpt
from engine.authoring.language import durations
from engine.core import errors
from engine.core.model import actions, decisions, inputs
from engine.core.model.inputs import MILLISECOND

_LADDER: Final = ("accepted", "sent", "delivered", "read", "clicked", "replied")


class ModelError(errors.DalangError):
    """This file is not a model of receipts."""

    code = "DLG401"
    hint = "Write a file with `seed` and `channels`, such as examples/shop/receipts.yaml."


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


Delay = durations.Duration | tuple[durations.Duration, durations.Duration]


class Receipt(_Model):
    """One status of a channel in a model: the share of attempts that reach the status, and the delay after the status before.

    `share` is between 0 and 1, and counts only attempts that reached the status before. `after` is one delay, or the shortest
    and the longest delay, in milliseconds. `codes` is `{failure code: weight}`, and only `failed` uses it.
    """

    share: Annotated[float, Field(ge=0, le=1)]
    after: Delay = 1_000
    codes: dict[str, Annotated[int, Field(ge=1)]] = {}


class Channel(_Model):
    """The statuses that one channel reports in a model; None for a status that the channel never reports."""

    accepted: Receipt | None = None
    sent: Receipt | None = None
    delivered: Receipt | None = None
    read: Receipt | None = None
    clicked: Receipt | None = None
    replied: Receipt | None = None
    failed: Receipt | None = None


class Model(_Model):
    """A model of receipts: a seed, and `{channel: its statuses}`."""

    seed: int
    channels: dict[str, Channel]

    def receipts(self, action: actions.Action) -> Iterator[tuple[datetime.datetime, bytes]]:
        """Yield the simulated receipts of an action, each as (time, JSON line); none if the model lacks the channel."""
        channel = self.channels.get(action.channel)
        if channel is None:
            return
        at = action.requested_at
        failed = channel.failed is not None and self._draw(action, "failed", "share") < channel.failed.share
        for status in ("accepted", "failed") if failed else _LADDER:
            receipt: Receipt | None = getattr(channel, status)
            if receipt is None:
                continue
            if status != "failed" and self._draw(action, status, "share") >= receipt.share:
                return
            at += self._delay(action, status, receipt) * MILLISECOND
            yield at, self._event(action, status, at, self._code(action, receipt) if status == "failed" else None)

    def _draw(self, action: actions.Action, status: str, what: str) -> float:
        """Return a pseudo-random number in [0, 1), which depends only on the seed, the action, the status and `what`."""
        text = f"{self.seed}/{action.id}/{status}/{what}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest()) / (1 << 48)

    def _delay(self, action: actions.Action, status: str, receipt: Receipt) -> int:
        if isinstance(receipt.after, int):
            return receipt.after
        low, high = receipt.after
        return low + int((high - low) * self._draw(action, status, "after"))

    def _code(self, action: actions.Action, receipt: Receipt) -> str | None:
        at = self._draw(action, "failed", "code") * sum(receipt.codes.values())
        for code, weight in receipt.codes.items():
            at -= weight
            if at < 0:
                return code
        return None

    def _event(self, action: actions.Action, status: str, at: datetime.datetime, code: str | None) -> bytes:
        data = {
            "message_id": action.message_id,
            "channel": action.channel,
            "attempt": action.attempt,
            "provider_id": f"simulated-{decisions.hashed(action.id)}",
        }
        event = {
            "specversion": "1.0",
            "id": f"receipt-{decisions.hashed(action.id, status)}",
            "source": "dalang/simulated",
            "type": f"message.{status}",
            "subject": action.customer,
            "time": inputs.text(at),
            "data": {**data, "code": code} if code is not None else data,
        }
        return msgspec.json.encode(event)


def read(path: pathlib.Path) -> Model:
    """Return the model of receipts in a YAML file; raise `ModelError` with the findings if the file is not a valid model."""
    document, found = yaml_reader.read(path.parent, path)
    model = None
    if document is not None:
        model, found = validate.validated(document, Model)
    if model is None:
        raise ModelError("\n".join(str(finding) for finding in excerpt.of(found)) + "\n")
    return model
