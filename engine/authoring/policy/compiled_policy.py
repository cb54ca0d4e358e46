"""Compiling of `policy.yaml` to the form that the fold uses.

Called by `compile.py`. The linter also calls `quiet`.
"""

import datetime
from collections.abc import Iterable, Mapping

from engine.authoring import public_calendars
from engine.authoring.cel import expressions
from engine.authoring.language import policy_file, times
from engine.core.model import channels as known_channels
from engine.core.model import definition


def compiled(policy: policy_file.Policy, today: datetime.date) -> definition.Policy:
    """Return the compiled form of a policy.

    A failure class in the policy overrides the engine's default class for the same channel and error code. The calendar contains
    the holidays from the year before `today` to five years after.
    """
    written: dict[str, dict[str, definition.FailureClass]] = {
        str(channel): {code: _failure(each) for code, each in codes.items()} for channel, codes in policy.failure_classes.items()
    }
    channels: dict[str, definition.Channel] = {
        str(name): definition.Channel(
            expressions.compiled(channel.address, ("policy", "channels", name, "address")), channel.cost, tuple(channel.reports)
        )
        for name, channel in sorted(policy.channels.items())
    }
    return definition.Policy(
        timezone=policy.timezone,
        language=policy.language,
        late_after=policy.late_after,
        consent=dict(sorted(policy.consent.items())),
        channels=channels,
        failure_classes=_failures(written, channels),
        languages={tag: tuple(others) for tag, others in sorted(policy.languages.items())},
        calendar=public_calendars.compiled(policy.calendar, today),
        quiet_hours={name: quiet(rule) for name, rule in sorted(policy.quiet_hours.items())},
        caps=tuple(_cap(cap) for cap in policy.caps),
    )


def _failures(
    written: Mapping[str, Mapping[str, definition.FailureClass]], channels: Iterable[str]
) -> dict[str, dict[str, definition.FailureClass]]:
    """Return `{channel: {error code: failure class}}` for all channels in the policy.

    `written` are the failure classes in policy.yaml. They override the engine's default classes.
    """
    names = sorted({*channels, *written})
    return {name: dict(sorted({**known_channels.of(name).failures, **written.get(name, {})}.items())) for name in names}


def _failure(written: str | policy_file.Retry) -> definition.FailureClass:
    if isinstance(written, policy_file.Retry):
        return definition.FailureClass("retry", written.retry_after, written.at_most)
    return definition.FailureClass(written)  # type: ignore[arg-type]


def quiet(rule: tuple[int, int] | policy_file.QuietRule) -> definition.QuietHours:
    """Return the compiled form of a rule for quiet hours.

    A rule is a pair of (start, end) in minutes since midnight, or a mapping that also has quiet days and holidays.
    """
    if not isinstance(rule, policy_file.QuietRule):
        return definition.QuietHours(*rule)
    start, end = rule.quiet or (0, 0)
    return definition.QuietHours(start, end, times.numbers(rule.days_off), rule.holidays_off, rule.source)


def _cap(cap: policy_file.Cap) -> definition.Cap:
    days, rolling = cap.per
    return definition.Cap(cap.at_most, days, rolling, cap.purpose or "", cap.channel or "", cap.journey or "", cap.then)
