"""The kinds of findings that `dalang check` reports about journeys, policy, traits and templates.

A finding is a value and is never raised as an error, so that all findings are reported at once. Each kind is a class. The
first line of the class's docstring is the message, and `hint` says what to do; the details of a sighting fill the
`{placeholders}` of both. Codes are public, so a code is never used again for another finding.

A finding about a fault that keeps the directory from being used is a class in this file. A finding about valid files that cause
trouble in production is a class in `hazards.py`; CONTRIBUTING.md has the steps to add one.

A check yields sightings. `excerpt.py` picks the sightings to report and makes their messages. `suggestions.py` makes those
details that take long to compute.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

Severity = Literal["error", "warning"]


class Place(msgspec.Struct, frozen=True, order=True):
    """A position in a file of the checked directory.

    `file` is the path relative to this directory. `line` and `column` count from 1; a column is one character.
    """

    file: str
    line: int = 1
    column: int = 1


class Finding(msgspec.Struct, frozen=True):
    """One finding as it is printed; the fields are those of `dalang check --format json`."""

    file: str
    line: int
    column: int
    code: str
    severity: Severity
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.code} {self.message}"


class Kind:
    """The base class of all kinds of findings.

    `code` is the public code, such as `DLG630`. The first line of a subclass's docstring is the message, and `hint` says what
    to do.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    hint: ClassVar[str] = ""

    @classmethod
    def at(cls, place: Place, **details: object) -> "Sighting":
        """Return a sighting of this kind at `place`; `details` are the values of the placeholders in message and hint."""
        return Sighting(place, cls, details)


class Sighting(msgspec.Struct, frozen=True):
    """One occurrence of a kind of finding, without its message.

    The message is made later by `told`, and only for sightings that are reported: a file may have thousands of sightings, and
    twenty of a kind are reported.
    """

    place: Place
    kind: type[Kind]
    details: Mapping[str, object]

    def __hash__(self) -> int:
        return hash((self.place, self.kind, *self.details.values()))

    @property
    def code(self) -> str:
        """The code of the kind of finding, such as `DLG630`."""
        return self.kind.code

    @property
    def severity(self) -> Severity:
        """The severity of the kind of finding: `error` or `warning`."""
        return self.kind.severity

    def told(self) -> Finding:
        """Return the finding with its message and its hint, in which the details have replaced the placeholders."""
        message = (self.kind.__doc__ or "").split("\n")[0].format(**self.details)
        hint = self.kind.hint.format(**self.details).strip()
        return Finding(self.place.file, self.place.line, self.place.column, self.code, self.severity, message, hint)


def kinds() -> list[type[Kind]]:
    """Return every kind of finding that is defined in the modules imported so far, sorted by code."""
    return sorted(Kind.__subclasses__(), key=lambda kind: kind.code)


class Problem(msgspec.Struct, frozen=True):
    """A finding in a text, such as a CEL expression, whose position in the file is not known yet.

    `offset` is the index of a character in the text. `details` fill the placeholders in message and hint of the kind.
    """

    offset: int
    kind: type[Kind]
    details: Mapping[str, object]


# The shape of a file.


class UnknownKey(Kind):
    """`{key}` is not a key of {where}."""

    code = "DLG620"
    hint = "{known}"


class MissingKey(Kind):
    """`{key}` is missing in {where}."""

    code = "DLG621"
    hint = "Add it, for example: {example}"


class WrongValue(Kind):
    """{why}."""

    code = "DLG622"
    hint = "{example}"


# DLG623 was for a key that was planned for a later release; the code is not used again.


class StepKind(Kind):
    """A step is one of {kinds}; this one {has}."""

    code = "DLG624"
    hint = "Give each step an id and one of them: {{id: nudge, send: …}}."


# Names and structure.


class DuplicateStep(Kind):
    """The step id `{id}` is taken already, in line {first}."""

    code = "DLG630"
    hint = "Step ids are unique in a file, nested steps included."


class UnreachableStep(Kind):
    """No customer can come to the step `{id}`."""

    code = "DLG631"
    hint = "What stands before it always leaves the journey: remove one of them."


class DuplicateJourney(Kind):
    """The journey `{name}` is defined already, in {first}."""

    code = "DLG632"
    hint = "Rename one: instances belong to a journey by its name."


class UnknownChannel(Kind):
    """The channel `{channel}` is not in the policy."""

    code = "DLG633"
    hint = "Add it under policy.channels in policy.yaml. {known}"


class UnknownTemplate(Kind):
    """There is no template `{template}`."""

    code = "DLG634"
    hint = "Add templates/{template}.{language}.yaml. {known}"


class NoBody(Kind):
    """The template `{template}` has no body for {channel} in {language}, the policy's language."""

    code = "DLG635"
    hint = "Add `{channel}:` to templates/{template}.{language}.yaml."


class NoPolicyLanguage(Kind):
    """The template `{template}` is not there in {language}, the policy's language."""

    code = "DLG636"
    hint = "Add templates/{template}.{language}.yaml: customers without a language of their own get it."


class NeverReported(Kind):
    """The channel `{channel}` never reports `{status}`."""

    code = "DLG637"
    hint = "{known}"


class NoFallback(Kind):
    """The channel `{channel}` needs `{key}` here: {why}."""

    code = "DLG638"
    hint = "Add both, for example: success: delivered, fallback_after: 30m."


class ParallelWhileActive(Kind):
    """`while_active` means nothing together with `parallel`."""

    code = "DLG639"
    hint = "Remove one: with parallel instances a second entry event enters again."


class EngineEvent(Kind):
    """No journey ever sees the event `{event}`."""

    code = "DLG640"
    hint = "It is the engine's own. Name an event of the shop."


class RestartWithoutDuration(Kind):
    """`restart_on` starts a duration again; this wait is for events."""

    code = "DLG641"
    hint = "Remove it, or wait for a duration: wait: 45m."


class UnreachableArm(Kind):
    """No customer can come to this arm: `else` takes everybody."""

    code = "DLG642"
    hint = "Put `else` last, once."


class UnknownZone(Kind):
    """There is no time zone `{zone}`."""

    code = "DLG643"
    hint = "Use a name of the IANA database, like Asia/Jakarta."


class DuplicateArm(Kind):
    """The id `{id}` is taken already in this step, in line {first}."""

    code = "DLG644"
    hint = "Give each its own: it is what the records name."


class UnknownHours(Kind):
    """There are no quiet hours `{name}` in the policy."""

    code = "DLG645"
    hint = "Add `{name}:` under policy.quiet_hours, or take one that is there. {known}"


class UnknownSegment(Kind):
    """There is no segment `{name}`."""

    code = "DLG646"
    hint = "Add it under segments in traits.yaml. {known}"


class UnknownTarget(Kind):
    """`{step}` is no step of this journey."""

    code = "DLG647"
    hint = "A migration leads to a step, or to exit. {known}"


class UnknownJourney(Kind):
    """There is no journey `{name}`."""

    code = "DLG648"
    hint = "A cap names a journey of this directory. {known}"


class BandsOutOfOrder(Kind):
    """The bands of `{key}` do not rise."""

    code = "DLG649"
    severity = "warning"
    hint = "Write four rising numbers: a value on a band takes the better score."


class UnknownCountry(Kind):
    """No public holidays are known of the country `{country}`."""

    code = "DLG655"
    hint = "Write the two letters of ISO 3166, like ID."


# Expressions.


class BadExpression(Kind):
    """This is not a CEL expression that can work: {why}."""

    code = "DLG650"
    hint = "The language: https://cel.dev. For example: event.data.total >= 100000."


class UnknownName(Kind):
    """`{name}` does not exist{where}."""

    code = "DLG651"
    hint = "{known}"


class WrongResult(Kind):
    """This gives {given}, where {wanted} is needed."""

    code = "DLG652"
    hint = "{example}"


class NoOrder(Kind):
    """`map` and `filter` go through lists; whether this is one cannot be known."""

    code = "DLG653"
    hint = "The fields of an object have no order. Name a field that holds a list, or use exists() or all()."


class UnforeseenTime(Kind):
    """It cannot be foretold when passing time changes this."""

    code = "DLG654"
    hint = (
        "A segment is examined again at a moment, so write days_since(X) < 60 with a number, "
        'or compare now with a time: now - X > duration("24h"), X < now, X + duration("24h") < now.'
    )


class ImpossibleConstant(Kind):
    """`{function}` cannot work with "{text}": {why}.

    CEL looks at a constant text, such as a duration or a time zone, only when the expression is evaluated for a customer. If
    the text is wrong, every evaluation fails, and a condition that fails counts as false.
    """

    code = "DLG656"
    hint = (
        'A duration has h, m and s ("24h"; there are no days), a timestamp is RFC 3339 ("2026-11-25T09:00:00+07:00"), a zone'
        ' is "Asia/Jakarta" or "+07:00", a regular expression is RE2\'s, without look-around.'
    )


# Templates.


class BadTemplate(Kind):
    """This is not a Liquid template that can work: {why}."""

    code = "DLG660"
    hint = "The language: https://shopify.github.io/liquid/. For example: {{{{ profile.name }}}}."


class UnknownTemplateName(Kind):
    """`{name}` does not exist."""

    code = "DLG661"
    hint = "{known}"


class UnknownFilter(Kind):
    """There is no filter `{name}`."""

    code = "DLG662"
    hint = "{known}"


class NoChannelInTemplate(Kind):
    """This template has no body."""

    code = "DLG663"
    hint = "Give one body for each channel, for example: sms: {{text: …}}."


class MisusedFilter(Kind):
    """The filter `{name}` cannot work here: {why}."""

    code = "DLG664"
    hint = 'For example: {{{{ now | tanggal }}}} or {{{{ entry.data.due | date: "%A, %d %B %Y" }}}}; docs/templates.md has all.'


class UnknownLanguage(Kind):
    """There is no language `{language}`."""

    code = "DLG665"
    hint = "Languages are those of ISO 639, like id, en, jv, su; a region may follow: en-GB."


class UnusualTag(Kind):
    """The language `{language}` is usually written `{usual}`."""

    code = "DLG666"
    hint = "Write it so: customers' languages are brought to that form before one is looked for."
