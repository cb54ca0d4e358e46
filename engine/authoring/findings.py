"""Findings: what `dalang check` says about the files of a directory.

Values, never raised: all are collected and reported at once. One class per finding; the first line of its docstring is
its sentence and `hint` says what to do, both filled with the details given. Codes are public and never used again.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

import msgspec

Severity = Literal["error", "warning"]


class Place(msgspec.Struct, frozen=True, order=True):
    """A place: a file relative to the checked directory; line and column count from 1, in characters."""

    file: str
    line: int = 1
    column: int = 1


class Finding(msgspec.Struct, frozen=True):
    """One finding, with the fields that `dalang check --format json` prints."""

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
    """A kind of finding."""

    code: ClassVar[str]
    severity: ClassVar[Severity] = "error"
    hint: ClassVar[str] = ""

    @classmethod
    def at(cls, place: Place, **details: object) -> Finding:
        """The finding at a place; `details` fill the sentence and the hint."""
        message = (cls.__doc__ or "").split("\n")[0].format(**details)
        hint = cls.hint.format(**details).strip()
        return Finding(place.file, place.line, place.column, cls.code, cls.severity, message, hint)


def kinds() -> list[type[Kind]]:
    """Every kind that is defined by now, by code."""
    return sorted(Kind.__subclasses__(), key=lambda kind: kind.code)


class Problem(msgspec.Struct, frozen=True):
    """A finding about a text of which only the text is known: the offset of the character, the kind and its details."""

    offset: int
    kind: type[Kind]
    details: Mapping[str, object]


def ordered(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """By place, then code; each thing said once."""
    return tuple(sorted(set(found), key=lambda each: (each.file, each.line, each.column, each.code, each.message)))


def meant(word: str, known: Iterable[str]) -> str:
    """`Did you mean …? ` where a known word is near, else nothing; and then what is known."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, 1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return guess + (f"Known here: {', '.join(known[:20])}." if known else "")


# Files.


class Unreadable(Kind):
    """This file cannot be read: {why}."""

    code = "DLG601"
    hint = "Journeys are regular files in UTF-8."


class TooLarge(Kind):
    """This file has {size} bytes; the limit is {limit}."""

    code = "DLG602"
    hint = "Split it: one file, one journey."


class NotYaml(Kind):
    """This is not YAML: {why}."""

    code = "DLG603"
    hint = "Mind the indentation, and put quotes around text that holds a colon, # or starts with a special character."


class ManyDocuments(Kind):
    """A second document starts here."""

    code = "DLG604"
    hint = "One file holds one document: put the rest into a file of its own."


class DuplicateKey(Kind):
    """The key `{key}` stands here for the second time; the first is in line {first}."""

    code = "DLG605"
    hint = "Keep one of them."


class CustomTag(Kind):
    """The tag `{tag}` is not taken."""

    code = "DLG606"
    hint = "Write plain YAML without tags."


class MergeKey(Kind):
    """The merge key `<<` is not part of YAML 1.2."""

    code = "DLG607"
    hint = "Write the keys out, or use an anchor for the whole value."


class TooDeep(Kind):
    """This is nested more than {limit} levels deep."""

    code = "DLG608"
    hint = "Steps after a branch continue for all arms: there is no need to nest them."


class TooManyNodes(Kind):
    """This file holds more than {limit} values, its anchors expanded."""

    code = "DLG609"
    hint = "Use fewer anchors, or split the file."


class LinkLeaves(Kind):
    """This link leads out of the directory."""

    code = "DLG610"
    hint = "Put the file itself here: a bundle holds all that it needs."


class NotAMapping(Kind):
    """This file should hold keys with values."""

    code = "DLG611"
    hint = "Start with `{first}:`."


class ComplexKey(Kind):
    """A key must be plain text."""

    code = "DLG612"
    hint = "Text that starts with {{ or [ needs quotes."


class FileName(Kind):
    """The name of this file is not <name>.<language>.yaml."""

    code = "DLG613"
    hint = "A template's name is made of a-z, 0-9 and -, its language is like id or en: cart-reminder.id.yaml."


class NothingHere(Kind):
    """There is no journey in this directory."""

    code = "DLG614"
    hint = "Give the directory that holds the journeys' .yaml files and policy.yaml."


class PassedOver(Kind):
    """This file is passed over."""

    code = "DLG615"
    severity = "warning"
    hint = "Journeys, policy and templates end in .yaml: rename it if it is one of them."


# Shape.


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


# DLG623 said that a key was to come with a later release.


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


# What is probably not meant.


class NoConsentRule(Kind):
    """The policy says nothing of consent for the purpose `{purpose}`, so it is opt_in."""

    code = "DLG670"
    severity = "warning"
    hint = "Add it under policy.consent: opt_in or implied."


class CostlyCharacter(Kind):
    """The character {character} makes this an SMS of 70 instead of 160 characters a part: at least {parts} parts{cost}."""

    code = "DLG671"
    severity = "warning"
    hint = "Write it with the characters of GSM 7-bit (3GPP TS 23.038), straight quotes and no emoji, and it can be {without}."


class UnsuppliedField(Kind):
    """No event or profile is known to have `{name}`."""

    code = "DLG672"
    severity = "warning"
    hint = "Did you mean {meant}? That one is named elsewhere too, this one in no other file."


class FreeTextAlone(Kind):
    """This WhatsApp message is free text, and nothing in the journey makes the customer write first."""

    code = "DLG673"
    severity = "warning"
    hint = "It goes only within 24 hours of the customer's last message: use a template approved by Meta, or wait for one."


class WhiteSpaceInParameter(Kind):
    """This parameter has {what}, which Meta refuses."""

    code = "DLG674"
    severity = "warning"
    hint = "It will be sent as one space. Line breaks belong into the template at Meta."


class NoTemplateInLanguage(Kind):
    """No template is in `{language}`."""

    code = "DLG675"
    severity = "warning"
    hint = "Take it out, or add templates/<name>.{language}.yaml. {known}"
