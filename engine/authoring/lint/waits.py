"""Waits for receipts and replies: whether one can ever be about a message of the instance that waits.

Called by the linter. An event `message.…` concerns only the instance whose message it names
(docs/semantics.md#a-receipt-belongs-to-the-message-that-it-names). So if nothing was sent before the wait, or nothing that its
channel reports, the wait always runs into its timeout: docs/decisions/043.
"""

from collections.abc import Iterator
from typing import Final

from engine.authoring import findings, hazards, language, places, steps, walk
from engine.authoring.directory import Directory, File
from engine.authoring.lint import routes
from engine.core import definition, inputs, messages

Found = Iterator[findings.Sighting]
Awaited = tuple[places.Path, str]

ABOUT_MESSAGES: Final = frozenset({*inputs.RECEIPTS, inputs.MESSAGE_RECEIVED})

HUMAN: Final = "a human"
"""The channel of a handoff."""


def check(file: File[language.Journey], way: routes.Routes, read: Directory) -> Found:
    """Every wait, and every exit by a receipt."""
    before, since = way.met(_channels), way.since(lambda step: bool(_channels(step)))
    for path, step in walk.every(file.model.steps):
        if not isinstance(step, steps.WaitStep) or step.id not in before:
            continue
        if not before[step.id]:
            yield from _since(file, path, step)
        for place, event in _awaited(path, step):
            if event not in ABOUT_MESSAGES:
                continue
            if not before[step.id]:
                yield hazards.UnrelatedReceipt.at(file.document.place(place), event=event)
            elif since[step.id] >= messages.LATE_RECEIPTS_MS:
                days = int(since[step.id] // routes.DAY)
                yield hazards.ForgottenMessage.at(file.document.place(place), days=days)
            else:
                yield from _reported(file.document.place(place), event, before[step.id], read)
    yield from _exits(file, way, read)


def _channels(step: definition.Step) -> tuple[str, ...]:
    """The channels of the step's message; none where it has no message."""
    match step:
        case definition.Send(places=places):
            return tuple(place.channel for place in places)
        case definition.Handoff():
            return (HUMAN,)
    return ()


def _since(file: File[language.Journey], path: places.Path, step: steps.WaitStep) -> Found:
    if isinstance(step.wait, steps.WaitFor) and step.wait.since == "previous_send":
        yield hazards.NothingSentBefore.at(file.document.place((*path, "wait", "since")))


def _awaited(path: places.Path, step: steps.WaitStep) -> Iterator[Awaited]:
    """The events that end the wait, or start it again."""
    match step.restart_on:
        case steps.Trigger(event=event):
            yield (*path, "restart_on", "event"), event
        case str(event):
            yield (*path, "restart_on"), event
    if isinstance(step.wait, steps.WaitFor):
        yield from (((*path, "wait", "for", index, "event"), each.event) for index, each in enumerate(step.wait.for_))


def _exits(file: File[language.Journey], way: routes.Routes, read: Directory) -> Found:
    """A reply that belongs to nobody may end any instance; a receipt only that of its message."""
    sent = frozenset(channel for id_ in way.before for channel in _channels(way.steps[id_]))
    for index, rule in enumerate(file.model.exit):
        if rule.event not in inputs.RECEIPTS:
            continue
        place = file.document.place(("exit", index, "event"))
        if not sent:
            yield hazards.UnrelatedReceipt.at(place, event=rule.event)
        else:
            yield from _reported(place, rule.event, sent, read)


def _reported(place: findings.Place, event: str, channels: frozenset[str], read: Directory) -> Found:
    """A receipt that one of the channels gives. What a human's desk reports of a handoff, nobody declares."""
    status = inputs.RECEIPTS.get(event)
    if status is None or read.policy is None or HUMAN in channels:
        return
    reports = {str(name): settings.reports for name, settings in read.policy.model.policy.channels.items()}
    if any(name not in reports or status in reports[name] for name in channels):
        return
    known = " ".join(f"{name} reports {', '.join(reports[name]) or 'nothing'}." for name in sorted(channels))
    yield hazards.ReportNeverComes.at(place, status=status, known=known)
