"""The linter's checks of waits and exits for receipts or replies that can never come.

Called by `lint/__init__.py`. An event `message.…` concerns only the instance whose message it names
(docs/semantics.md#a-receipt-belongs-to-the-message-that-it-names). So a wait for such an event always ends by its timeout in
two cases: nothing was sent before the wait, or the channels used before the wait never report that status (decision 043).
"""

from collections.abc import Iterator
from typing import Final

from engine.authoring.files import positions, walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards
from engine.authoring.language import journey_file, steps
from engine.authoring.lint import routes
from engine.core.evolve import message_evolution
from engine.core.model import definition, inputs

Found = Iterator[findings.Sighting]
Awaited = tuple[positions.Path, str]

ABOUT_MESSAGES: Final = frozenset({*inputs.RECEIPTS, inputs.MESSAGE_RECEIVED})

HUMAN: Final = "a human"
"""The name used as the channel of a handoff, which goes to a human instead of a provider."""


def check(file: File[journey_file.Journey], way: routes.Routes, read: Directory) -> Found:
    """Yield findings about waits and exits for a receipt or reply that never comes, and about `since: previous_send`.

    The last is reported if no send comes before the wait. `way` holds the routes through the journey's steps. The policy in
    `read` says which statuses each channel reports.
    """
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
            elif since[step.id] >= message_evolution.LATE_RECEIPTS_MS:
                days = int(since[step.id] // routes.DAY)
                yield hazards.ForgottenMessage.at(file.document.place(place), days=days)
            else:
                yield from _reported(file.document.place(place), event, before[step.id], read)
    yield from _exits(file, way, read)


def _channels(step: definition.Step) -> tuple[str, ...]:
    """Return the channels on which the step may send; empty if the step sends nothing.

    A handoff counts as a message on the channel `HUMAN`.
    """
    match step:
        case definition.Send(places=places):
            return tuple(place.channel for place in places)
        case definition.Handoff():
            return (HUMAN,)
    return ()


def _since(file: File[journey_file.Journey], path: positions.Path, step: steps.WaitStep) -> Found:
    if isinstance(step.wait, steps.WaitFor) and step.wait.since == "previous_send":
        yield hazards.NothingSentBefore.at(file.document.place((*path, "wait", "since")))


def _awaited(path: positions.Path, step: steps.WaitStep) -> Iterator[Awaited]:
    """Yield `(path, event type)` for each event that ends the wait or restarts its duration (`restart_on`)."""
    match step.restart_on:
        case steps.Trigger(event=event):
            yield (*path, "restart_on", "event"), event
        case str(event):
            yield (*path, "restart_on"), event
    if isinstance(step.wait, steps.WaitFor):
        yield from (((*path, "wait", "for", index, "event"), each.event) for index, each in enumerate(step.wait.for_))


def _exits(file: File[journey_file.Journey], way: routes.Routes, read: Directory) -> Found:
    """Yield findings about exit rules for a receipt that can never come.

    Exits by `message.received` are not checked: a reply that belongs to no message may end any instance
    (docs/semantics.md#an-unnamed-reply-belongs-to-the-latest-message).
    """
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
    """Yield a finding if none of the channels reports the status of the receipt `event`.

    Nothing is yielded if `event` is no receipt, if there is no policy, or if the policy lacks one of the channels, which
    another check reports. Nothing is yielded after a handoff either, because nobody declares what a human's desk reports.
    """
    status = inputs.RECEIPTS.get(event)
    if status is None or read.policy is None or HUMAN in channels:
        return
    reports = {str(name): settings.reports for name, settings in read.policy.model.policy.channels.items()}
    if any(name not in reports or status in reports[name] for name in channels):
        return
    known = " ".join(f"{name} reports {', '.join(reports[name]) or 'nothing'}." for name in sorted(channels))
    yield hazards.ReportNeverComes.at(place, status=status, known=known)
