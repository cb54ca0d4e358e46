"""The linter's checks of messages: languages, Liquid texts, characters that make an SMS cost more, and texts that Meta refuses.

Called by `compile.py` with the directory that was read. `unfilled_fields.py` finds fields that no event or profile fills.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.authoring.files import walk
from engine.authoring.files.directory_reader import Directory, File
from engine.authoring.findings import findings, hazards, suggestions
from engine.authoring.language import declared_names, fields, journey_file, steps
from engine.authoring.language import policy_file as rules
from engine.authoring.lint import text_problems
from engine.authoring.liquid import templates
from engine.core.model import channels, inputs
from engine.core.rules import language_fallback, sms_parts

Found = Iterator[findings.Sighting]

_FEW: Final = 3
"""The greatest number of characters outside GSM 7-bit that is reported: a text with more is written in another script."""

_REFUSED: Final = re.compile(r"[\n\t\r]| {5,}")
"""White space that Meta refuses in a parameter of a WhatsApp template."""
_UNBROKEN: Final = frozenset(
    (channel.name, field.name)
    for channel in channels.TABLE
    for body in channel.bodies
    for field in body.fields
    if field.refuses_breaks
)
"""The fields of templates in which white space that matches `_REFUSED` is refused, as `(channel, field)`."""

TWO_LETTERS: Final = frozenset(
    re.findall(
        r"..",
        "aaabaeafakamanarasavayazbabebgbibmbnbobrbscacechcocrcscucvcydadedvdzeeeleneoeseteufafffifjfofrfygagdglgngugvhahehihohrht"
        "huhyhziaidieigiiikioisitiujajvkakgkikjkkklkmknkokrkskukvkwkylalblglilnloltlulvmgmhmimkmlmnmrmsmtmynanbndnengnlnnnonrnvny"
        "ocojomorospapiplpsptqurmrnrorurwsascsdsesgshsiskslsmsnsosqsrssstsusvswtatetgthtitktltntotrtstttwtyugukuruzvevivowawoxhyi"
        "yozazhzu",
    )
)
"""The two-letter language codes of ISO 639-1, as pycountry 26.2.16 lists them.

Three-letter codes (min, ban, ace) are not checked.
"""


def check(read: Directory, scope: declared_names.Workspace) -> Found:
    """Yield all findings about the languages and texts of templates, and about journeys that send free text on WhatsApp.

    `scope` holds the names that a template may use.
    """
    if read.policy is not None:
        yield from _policy(read.policy, read)
    known = scope.after(None)
    settings = read.policy.model.policy.channels if read.policy is not None else {}
    prices = {name: each.cost for name, each in settings.items()}
    for name, files in sorted(read.templates.items()):
        yield from _files(name, files, read)
        for file in filter(None, files.values()):
            yield from _template(file, known, prices)
    for journey in read.journeys:
        yield from _window(journey, read)


# Languages.


def _policy(file: File[rules.PolicyFile], read: Directory) -> Found:
    """Yield findings about languages in the policy: unknown, written in an unusual form, or without any template."""
    policy = file.model.policy
    yield from _tag(policy.language, file.document.place(("policy", "language")))
    there = {code for files in read.templates.values() for code in files}
    for key, others in policy.languages.items():
        yield from _tag(key, file.document.key_place(("policy", "languages", key)))
        for index, other in enumerate(others):
            place = file.document.place(("policy", "languages", key, index))
            wrong = list(_tag(other, place))
            yield from wrong
            if not wrong and other not in there:
                known = suggestions.later(other, there)
                yield hazards.NoTemplateInLanguage.at(place, language=other, known=known)


def _tag(tag: str, place: findings.Place) -> Found:
    usual = language_fallback.canonical(tag)
    first = usual.partition("-")[0]
    if len(first) == 2 and first not in TWO_LETTERS:
        yield findings.UnknownLanguage.at(place, language=tag)
    elif usual != tag:
        yield findings.UnusualTag.at(place, language=tag, usual=usual)


def _files(name: str, files: dict[str, File[fields.Model] | None], read: Directory) -> Found:
    """Yield findings about the languages of one template: an unknown or unusual tag, or no file in the policy's language.

    `name` is the template's name, and `files` is `{language: file}`.
    """
    for code in sorted(files):
        yield from _tag(code, findings.Place(f"templates/{name}.{code}.yaml"))
    code = read.policy.model.policy.language if read.policy is not None else "id"
    if code not in files and not read.policy_broken:
        place = findings.Place(f"templates/{name}.{min(files)}.yaml")
        yield findings.NoPolicyLanguage.at(place, template=name, language=code)


# Texts.


def _template(file: File[fields.Model], known: declared_names.Known, prices: Mapping[str, float]) -> Found:
    """Yield findings about the texts of one template file.

    `known` holds the names that a text may use. `prices` is `{channel: cost}`: the cost of one part of an SMS, or of one
    attempt on another channel, as the policy says.
    """
    plain = file.document.plain()
    if not plain:
        yield findings.NoChannelInTemplate.at(file.document.place(()))
    written = text_problems.Texts(file.document)
    for path, text in walk.texts(plain):
        yield from written.found(path, "liquid", text, functools.partial(templates.check, known=known))
        channel = channels.of(str(path[0]))
        if channel.counted_in_parts:
            price = prices.get(channel.name, 0.0)
            yield from written.found(path, ("parts", price), text, functools.partial(_costly, price=price))
        elif path[:2] in _UNBROKEN:
            yield from written.found(path, "parameter", text, _refused)


def _costly(text: str, price: float) -> Iterator[findings.Problem]:
    """Yield a problem if a few characters outside GSM 7-bit make an SMS at least one part longer.

    The problem is at the first of these characters. A text with more than `_FEW` of them has no problem: it is written in
    another script. `price` is the cost of one part. Placeholders are left out, because their values are not known.
    """
    outside = [
        (offset, character) for offset, character in enumerate(templates.blank(text)) if character not in sms_parts.ALPHABET
    ]
    if not 0 < len(outside) <= _FEW:
        return
    written = templates.plain(text)
    parts = sms_parts.parts(written).count
    without = sms_parts.parts("".join(each if each in sms_parts.ALPHABET else "?" for each in written)).count
    if parts > without:
        offset, character = outside[0]
        cost = f", {price * parts:g} instead of {price * without:g}" if price else ""
        details = {"character": character, "parts": parts, "without": without, "cost": cost}
        yield findings.Problem(offset, hazards.CostlyCharacter, details)


def _refused(text: str) -> Iterator[findings.Problem]:
    """Yield a problem for the first line break, tab or run of more than four spaces, which Meta refuses in a parameter.

    White space at the start and the end of a parameter is cut off before sending, so it is no problem.
    """
    found = _REFUSED.search(text.strip())
    if found is not None:
        offset = found.start() + len(text) - len(text.lstrip())
        what = {"\n": "a line break", "\r": "a line break", "\t": "a tab"}.get(found.group(), "more than four spaces")
        yield findings.Problem(offset, hazards.WhiteSpaceInParameter, {"what": what})


# The window for free text.


def _window(file: File[journey_file.Journey], read: Directory) -> Found:
    """Yield findings about free text on a channel that allows it only for some time after the customer has written.

    On WhatsApp, this window is 24 hours. Free text is reported if nothing in the journey lets the customer write: the journey
    neither starts with nor waits for a message from the customer, and none of its sends uses an approved template, which the
    customer may answer.
    """
    code = read.policy.model.policy.language if read.policy is not None else "id"
    free: list[findings.Place] = []
    for path, step in walk.every(file.model.steps):
        if not isinstance(step, steps.SendStep):
            continue
        template = read.templates.get(step.send.template, {}).get(code)
        for index, each in enumerate(step.send.channels):
            window, body = channels.of(each.channel).window, getattr(template and template.model, each.channel, None)
            if window is None or body is None:
                continue
            if getattr(body, window.approved, None) is not None:
                return  # the customer may answer the approved template, and the answer opens the window
            free.append(file.document.place((*path, "send", "channels", index, "channel")))
    if free and not _written_to(file.document.plain()):
        yield from (hazards.FreeTextAlone.at(place) for place in free)


def _written_to(journey: Any) -> bool:
    """Return True if the journey starts with, or waits for, a message from the customer.

    `journey` is the plain YAML data of a journey file.
    """
    listened = {inputs.MESSAGE_RECEIVED, "message.replied"}
    events = journey["enter"].get("event", ())
    if listened.intersection([events] if isinstance(events, str) else events):
        return True
    return any(listened.intersection(awaited) for awaited in _awaited(journey["steps"]))


def _awaited(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield for each wait the types of the events that it waits for; `value` is plain YAML data.

    A handoff with `reply_within` waits for `message.received`.
    """
    match value:
        case dict():
            for key, below in value.items():
                if key == "for" and isinstance(below, list):
                    yield tuple(each["event"] for each in below if isinstance(each, dict) and isinstance(each.get("event"), str))
                elif key == "reply_within":
                    yield (inputs.MESSAGE_RECEIVED,)
                yield from _awaited(below)
        case list():
            for below in value:
                yield from _awaited(below)
