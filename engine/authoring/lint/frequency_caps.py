"""The linter's checks of caps that a journey exceeds by itself, and of goals whose time ends before the first message.

Called by `lint/__init__.py`. Only the messages of one instance are counted: messages of other journeys could only use up a cap
sooner.
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
"""The greatest number of caps that are checked, and the greatest `at_most` of a cap that is checked.

No real journey comes near this limit. It keeps the check short.
"""


def check(file: File[journey_file.Journey], way: routes.Routes, read: Directory) -> Found:
    """Yield findings about sends that exceed a cap, and about a goal whose time ends before the first message.

    `way` holds the routes through the journey's steps. Each send is reported for one cap at most.
    """
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
    """Yield each send whose message the cap does not admit on at least one way to the send.

    Each result is (step id, number of the message in the window, window in words), such as `("nudge", 4, "7 calendar days")`.
    `slack` is the greatest delay by quiet hours between the request of a message and its sending, in milliseconds.
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
            continue  # at the cap of one channel, the message goes on to its next channel
        # With `then: defer`, a message waits until the oldest message leaves the window, unless it expires before.
        waits = 0.0 if cap.then == "drop" or cap.channel else math.inf if step.expires_after is None else step.expires_after
        if len(spans[id_]) >= cap.at_most and spans[id_][cap.at_most - 1] + waits < window:
            yield id_, cap.at_most + 1, _told(days, rolling)


def _counts(cap: rules.Cap, step: definition.Send) -> bool:
    """Return True if the message of the send counts against the cap.

    Against a cap for one channel, the message counts only if the send tries this channel first.
    """
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
