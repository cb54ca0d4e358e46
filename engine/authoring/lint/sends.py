"""Sends whose next channel is never tried, or is tried too late.

Called by the linter. Missing channels and templates are found by `journeys.py`.
"""

from collections.abc import Iterator

from engine.authoring.files import walk
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps
from engine.core.model import channels


def check(file: File[journey_file.Journey]) -> Iterator[findings.Sighting]:
    """Yield findings about each `fallback_after` that is later than the message's expiry or than the life of a code."""
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
            lives = channels.of(each.channel).code_lives
            if file.model.purpose == "authentication" and lives is not None and each.fallback_after > lives:
                yield hazards.SlowFallback.at(place)
