"""Caps that block a message on every route to it, and goals whose time is over before the first message.

Called by the linter. Only the messages of one instance are counted; messages of other journeys can only make it worse.
"""

import math
from collections.abc import Iterator
from typing import Final

from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file
from engine.authoring.language import policy_file as rules
from engine.authoring.lint import quiet_hours, routes
from engine.core.model import definition

Found = Iterator[findings.Sighting]

_HALF: Final = routes.DAY // 2
_MOST: Final = 25
"""The most caps that are checked, and the greatest `at_most` of a checked cap.

Real policies have far fewer; the limit keeps the check short.
"""


def check(file: File[journey_file.Journey], way: routes.Routes, read: Directory) -> Found:
    """Yield findings about the sends for each cap that holds for the journey, then about the goal."""
    if read.policy is not None:
        policy, model = read.policy.model.policy, file.model
        slack = quiet_hours.longest(policy.quiet_hours.get(model.hours or model.purpose))
        said: set[str] = set()
        for cap in policy.caps[:_MOST]:
            if (cap.purpose or model.purpose) == model.purpose and (cap.journey or model.journey) == model.journey:
                for id_, number, window in _over(cap, way, slack):
                    if id_ not in said:
                        said.add(id_)
                        place = file.document.place((*way.paths[id_], "id"))
                        yield hazards.CapNeverPassed.at(place, number=number, window=window, at_most=cap.at_most)
    yield from _goal(file, way)


def _over(cap: rules.Cap, way: routes.Routes, slack: float) -> Iterator[tuple[str, int, str]]:
    """Yield the sends that the cap always blocks, at least on one of the routes to them.

    Each is (step id, the message's number in the window, the window in words).
    """
    days, rolling = cap.per
    counted = {id_ for id_, step in way.steps.items() if isinstance(step, definition.Send) and _counts(cap, step)}
    if not cap.at_most < len(counted) or cap.at_most > _MOST:
        return
    window = rolling or (days - 1) * routes.DAY or _HALF
    spans = way.spans(lambda step: step.id in counted, slack if days != 1 else 0.0, cap.at_most)
    for id_ in way.before:
        step = way.steps[id_]
        if id_ not in counted or not isinstance(step, definition.Send) or (cap.channel and len(step.places) > 1):
            continue  # a channel's cap only skips the channel
        # A deferred message waits until the first message leaves the window, if it does not expire before.
        waits = 0.0 if cap.then == "drop" or cap.channel else math.inf if step.expires_after is None else step.expires_after
        if len(spans[id_]) >= cap.at_most and spans[id_][cap.at_most - 1] + waits < window:
            yield id_, cap.at_most + 1, _told(days, rolling)


def _counts(cap: rules.Cap, step: definition.Send) -> bool:
    """Return True if the cap counts the send; a cap for a channel counts it only if that channel is tried first."""
    return cap.channel is None or step.places[0].channel == cap.channel


def _told(days: int, rolling: int) -> str:
    if days:
        return "a calendar day" if days == 1 else f"{days} calendar days"
    return f"{rolling // 3_600_000} hours" if rolling % 3_600_000 == 0 else f"{rolling // 60_000} minutes"


def _goal(file: File[journey_file.Journey], way: routes.Routes) -> Found:
    goal, earliest = file.model.goal, way.earliest()
    sent = [earliest[id_] for id_ in way.before if isinstance(way.steps[id_], definition.Send)]
    if goal is not None and sent and min(sent) >= goal.within:
        yield hazards.GoalTooShort.at(file.document.place(("goal", "within")))
