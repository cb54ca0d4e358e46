"""The linter's check of `fallback_after`: sends that try their next channel too late, or never.

Called by `lint/__init__.py`. `journeys.py` checks whether the channels and the template of a send exist.
"""

from collections.abc import Iterator

from engine.authoring.files import walk
from engine.authoring.files.directory_reader import File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps
from engine.core.model import channels


def check(file: File[journey_file.Journey]) -> Iterator[findings.Sighting]:
    """Yield findings about `fallback_after` of the channels of every send, except the last channel of the send.

    Two mistakes are reported. In the first, the message has expired by the time when the next channel would be tried. In the
    second, the message is an authentication code, and `fallback_after` is longer than the provider tries to deliver the code
    (`code_lives` in `engine/core/model/channels.py`).
    """
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
