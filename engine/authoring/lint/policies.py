"""The linter's checks of policy.yaml, and the names that policy.yaml and traits.yaml declare for expressions.

Called by `lint/__init__.py`. Other files check journeys against the policy: `quiet_hours.py` against its quiet hours, and
`frequency_caps.py` against its caps.
"""

import datetime
import functools
from collections.abc import Iterator

from engine.authoring import public_calendars
from engine.authoring.cel import expressions
from engine.authoring.files import walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards, suggestions
from engine.authoring.language import declared_names, times
from engine.authoring.language import policy_file as rules
from engine.authoring.lint import text_problems, traits
from engine.core.model import channels

Found = Iterator[findings.Sighting]


def declared(read: Directory) -> declared_names.Workspace:
    """Return the names that expressions may use because policy.yaml and traits.yaml declare them.

    If one of these files has errors, its names are not known, and expressions may use any name in their place. A file that
    does not exist declares no names.
    """
    names: tuple[str, ...] | None = None if read.policy_broken else ()
    if read.policy is not None:
        names = tuple(read.policy.model.policy.channels)
    if read.traits_broken:
        return declared_names.Workspace(names)
    if read.traits is None:
        return declared_names.Workspace(names, {}, ())
    model = read.traits.model
    return declared_names.Workspace(names, traits.declared(model.traits), model.segments)


def check(file: File[rules.PolicyFile], read: Directory, scope: declared_names.Workspace, today: datetime.date) -> Found:
    """Yield findings about policy.yaml: time zone, country, quiet hours, expressions, reported statuses and caps.

    `scope` holds the names that expressions may use. `today` is compared with the last year whose public holidays are known.
    """
    policy = file.model.policy
    if not public_calendars.Zones().known(policy.timezone):
        yield findings.UnknownZone.at(file.document.place(("policy", "timezone")), zone=policy.timezone)
    yield from _country(file, today)
    yield from _hours(file)
    known = scope.after(())
    written = text_problems.Texts(file.document)
    for path, text, wanted in walk.expressions(file.model):
        yield from written.found(path, wanted, text, functools.partial(expressions.check, known=known, wanted=wanted))
    yield from _reports(file)
    yield from _caps(file, read)


def _country(file: File[rules.PolicyFile], today: datetime.date) -> Found:
    """Yield a finding if the public holidays of the policy's country are unknown, or are known for no year after this year."""
    country = file.model.policy.calendar.country
    place = file.document.place(("policy", "calendar", "country"))
    last = public_calendars.known_until(country)
    if last is None:
        yield findings.UnknownCountry.at(place, country=country)
    elif last <= today.year:
        yield hazards.HolidaysEnd.at(place, country=country, year=last)


def _hours(file: File[rules.PolicyFile]) -> Found:
    """Yield a finding for each rule of quiet hours that has all seven days of the week in `days_off`."""
    for name, rule in file.model.policy.quiet_hours.items():
        if isinstance(rule, rules.QuietRule) and len(set(rule.days_off)) == len(times.WEEKDAYS):
            yield hazards.NeverOpen.at(file.document.place(("policy", "quiet_hours", name, "days_off")))


def _reports(file: File[rules.PolicyFile]) -> Found:
    """Yield a finding for each status under `reports` that no provider of the channel can report."""
    for name, settings in file.model.policy.channels.items():
        can = channels.of(name).reports
        for index, status in enumerate(settings.reports):
            if status not in can:
                place = file.document.place(("policy", "channels", name, "reports", index))
                told = f"It can report {', '.join(can)}."
                yield findings.NeverReported.at(place, channel=name, status=status, known=told)


def _caps(file: File[rules.PolicyFile], read: Directory) -> Found:
    """Yield findings about caps that name an unknown channel or journey, or that have both `channel` and `then: defer`.

    When a cap with `channel` is full, the engine skips this channel. No message waits, so `then: defer` has no effect.
    """
    policy, written = file.model.policy, {each.model.journey for each in read.journeys}
    for index, cap in enumerate(policy.caps):
        here = ("policy", "caps", index)
        if cap.channel is not None and cap.channel not in policy.channels:
            told = suggestions.later(cap.channel, policy.channels, "It has no channels yet.")
            yield findings.UnknownChannel.at(file.document.place((*here, "channel")), channel=cap.channel, known=told)
        if cap.journey is not None and cap.journey not in written:
            told = suggestions.later(cap.journey, written)
            yield findings.UnknownJourney.at(file.document.place((*here, "journey")), name=cap.journey, known=told)
        if cap.channel is not None and cap.then == "defer":
            yield hazards.DeferAtChannel.at(file.document.place((*here, "then")), channel=cap.channel)
