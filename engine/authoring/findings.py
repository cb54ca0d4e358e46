"""Findings: what `dalang check` says. Values with a place, a stable code and what to do; all are collected, none is raised.

A kind's docstring is its sentence; `{…}` is filled in where the finding is made. Codes are never given twice.
"""

from typing import ClassVar, Literal

import msgspec

Severity = Literal["error", "warning"]


class Place(msgspec.Struct, frozen=True, order=True):
    """Where: a file relative to the checked directory, line and column from 1."""

    file: str
    line: int = 1
    column: int = 1


class Finding(msgspec.Struct, frozen=True):
    """One finding, as `dalang check --format json` prints it."""

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
        message = (cls.__doc__ or "").strip().format(**details)
        return Finding(place.file, place.line, place.column, cls.code, cls.severity, message, cls.hint.format(**details))


class NotReadable(Kind):
    """This file cannot be read: {detail}."""

    code = "DLG110"
    hint = "Files are UTF-8, at most 1 MB, one document, inside the checked directory."


class NotYaml(Kind):
    """This is not YAML 1.2: {detail}."""

    code = "DLG111"
    hint = "Mend the syntax here; quotes around a text with a colon often help."


class DuplicateKey(Kind):
    """The key {key!r} is given twice."""

    code = "DLG112"
    hint = "Keep one of the two; the first stands on line {first}."


class NotAllowed(Kind):
    """{detail} is not allowed in these files."""

    code = "DLG113"
    hint = "Write the value itself: no custom tags, no merge keys (<<), no huge aliases, at most 50 levels."


class UnknownKey(Kind):
    """There is no key {key!r} here."""

    code = "DLG120"
    hint = "Keys that may stand here: {known}."


class MissingKey(Kind):
    """The key {key!r} is missing here."""

    code = "DLG121"
    hint = "It is required; see `dalang schema language` for what it takes."


class WrongValue(Kind):
    """This value does not fit: {detail}."""

    code = "DLG122"
    hint = "Write a value of the form that the message names."


class NotYet(Kind):
    """{key!r} is not part of this release of the language."""

    code = "DLG123"
    hint = "Leave it out; this release knows send, wait, branch and exit, and enters by event."


class WrongName(Kind):
    """{detail}."""

    code = "DLG124"
    hint = "Names are lower-case letters, digits and hyphens, starting with a letter."


class BadExpression(Kind):
    """This expression cannot be used: {detail}."""

    code = "DLG201"
    hint = "Names in scope: event, entry, profile, consent, steps, now, journey, policy; conditions are true or false."


class UnknownStepName(Kind):
    """The expression names the step {step!r}, which this journey does not have."""

    code = "DLG202"
    hint = 'Steps here: {known}. A name with a hyphen is written steps["name"].outcome.'


class NoEntryYet(Kind):
    """`entry` does not exist before the customer has entered."""

    code = "DLG203"
    hint = "Use `event` in the conditions of `enter`."


class UnknownTemplate(Kind):
    """There is no template {template!r}."""

    code = "DLG210"
    hint = "Add templates/{template}.{language}.yaml, or use one of: {known}."


class TemplateLacksLanguage(Kind):
    """The template {template!r} does not exist in the policy's language, {language}."""

    code = "DLG211"
    hint = "Add templates/{template}.{language}.yaml: every other language falls back to it."


class TemplateLacksChannel(Kind):
    """The template {template!r} has no body for {channel} in {file}."""

    code = "DLG212"
    hint = "Add `{channel}:` there, or take the channel out of the send."


class BadTemplate(Kind):
    """This Liquid text cannot be used: {detail}."""

    code = "DLG213"
    hint = "See the Liquid syntax at this place."


class UnknownTemplateName(Kind):
    """The template uses {name!r}, which does not exist."""

    code = "DLG214"
    hint = "Names in scope: event, entry, profile, consent, steps, now, journey, policy."


class UnknownChannel(Kind):
    """The channel {channel!r} is not in the policy."""

    code = "DLG220"
    hint = "Add it under policy.channels, or use one of: {known}."


class NeverReported(Kind):
    """The channel {channel} never reports {status!r}, so this success cannot be reached."""

    code = "DLG221"
    hint = "It reports: {known} (policy.channels.{channel}.reports)."


class NoFallback(Kind):
    """A channel before the last needs `success` and `fallback_after`, else the next is never tried."""

    code = "DLG222"
    hint = "Say what counts as success, and after how long the next channel follows."


class HalfASuccess(Kind):
    """`success` and `fallback_after` belong together."""

    code = "DLG223"
    hint = "On the last channel give both (at that time the message is unreached) or neither."


class ChannelTwice(Kind):
    """The channel {channel!r} stands twice in this send."""

    code = "DLG224"
    severity = "warning"
    hint = "To try a channel again use failure_classes with retry_after."


class DuplicateStep(Kind):
    """The step id {step!r} is used twice in this journey."""

    code = "DLG230"
    hint = "Ids are unique in a file; the first stands on line {first}."


class Unreachable(Kind):
    """The step {step!r} can never be reached."""

    code = "DLG231"
    hint = "An `exit`, or a branch whose every arm leaves, stands before it."


class ParallelWithActive(Kind):
    """`reentry: {{parallel: N}}` takes every entry, so `while_active` cannot hold beside it."""

    code = "DLG232"
    hint = "Leave one of the two out."


class DuplicateJourney(Kind):
    """The journey {journey!r} is already defined in {file}."""

    code = "DLG240"
    hint = "Journey names are unique in a directory."


class NoPolicy(Kind):
    """There is no policy.yaml beside these journeys."""

    code = "DLG241"
    hint = "Add one with `policy:` and its channels; nothing can be sent without it."


class PurposeWithoutRule(Kind):
    """The policy does not say under which consent {purpose} messages go; opt_in is taken."""

    code = "DLG242"
    severity = "warning"
    hint = "Add policy.consent.{purpose}: opt_in or implied."


class NothingHere(Kind):
    """There is no journey in this directory."""

    code = "DLG243"
    hint = "Journeys are *.yaml files with a `journey:` key, beside policy.yaml."
