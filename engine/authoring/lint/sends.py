"""Sends whose next channel never has a turn, or too late.

Called by the linter. Whether channels and templates exist is `journeys.py`'s.
"""

from collections.abc import Iterator
from typing import Final

from engine.authoring import findings, hazards, language, steps, walk
from engine.authoring.directory import File

CODE_LIVES: Final = 600_000
"""How long WhatsApp tries to deliver a code: `message_send_ttl_seconds` of a template for authentication is 10 minutes unless
set (Meta, template reference, time to live).
"""


def check(file: File[language.Journey]) -> Iterator[findings.Sighting]:
    """Every channel but the last of every send: its fallback against the message's expiry and a code's life."""
    for path, step in walk.every(file.model.steps):
        if not isinstance(step, steps.SendStep):
            continue
        passed, send = 0, step.send
        for index, each in enumerate(send.channels[:-1]):
            place = file.document.place((*path, "send", "channels", index, "fallback_after"))
            passed += each.fallback_after or 0
            if each.fallback_after is None:
                continue
            if send.expires_after is not None and passed >= send.expires_after:
                yield hazards.FallbackAfterExpiry.at(place, channel=each.channel)
                break
            if file.model.purpose == "authentication" and each.channel == "whatsapp" and each.fallback_after > CODE_LIVES:
                yield hazards.SlowFallback.at(place)
