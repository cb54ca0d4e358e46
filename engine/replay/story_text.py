"""The text of a customer's story for people, without addresses and without the texts of messages.

Called by `dalang explain` and the demo with the chapters of `explainer.py`. Nothing here reads a history.
"""

import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from engine.core.context import trace
from engine.core.model import decisions, inputs
from engine.replay.explainer import PASSED, Chapter

LONGEST: Final = 60
"""The greatest number of characters that a story shows of one value; a longer value is cut."""
_UNITS: Final = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000))
_ADDRESSES: Final = (".address", ".send.to")
"""An expression whose YAML path ends like this results in an address, which the text hides; only `--json` shows the address."""


def text(chapters: Iterable[Chapter]) -> Iterator[str]:
    """Yield the lines of a story as text."""
    keys: dict[str, str] = {}
    for chapter in chapters:
        id_ = f"  ({chapter.id})" if chapter.id and chapter.event != PASSED else ""
        yield f"{inputs.text(chapter.at)}  {chapter.event}{_asked(chapter)}{id_}"
        if chapter.put_aside:
            yield f"    put aside: {chapter.put_aside}"
        for condition in chapter.conditions:
            yield f"    ? {_looked_at(condition)}"
        for decision in chapter.decisions:
            if isinstance(decision.data, decisions.JourneyEntered):
                keys[decision.instance] = decision.data.key
            yield f"    {inputs.text(decision.at)}  {decision.type}{_told(decision, keys)}"
        if chapter.outcome:
            yield f"    {chapter.outcome}"


def _looked_at(condition: trace.Condition) -> str:
    hidden = condition.path.endswith(_ADDRESSES)
    seen = ", ".join(f"{name} = {value(each)}" for name, each in condition.inputs.items() if not hidden)
    place = f"{condition.journey} {condition.path}".lstrip()
    return f"{place}: {condition.text} -> {_verdict(condition, hidden)}" + (f"  [{seen}]" if seen else "")


def _verdict(condition: trace.Condition, hidden: bool) -> str:
    if condition.error:
        # CEL's message has a space too many and repeats the expression, which the line shows already.
        why = condition.error.removeprefix(f"{condition.text}: ").removesuffix(".").replace("in map : ", "in map: ")
        return f"{'no, counts as false' if condition.result is False else 'no value'}: {why}"
    result = condition.result is not None if hidden else condition.result
    return {True: "yes", False: "no"}[result] if isinstance(result, bool) else value(result)


def _asked(chapter: Chapter) -> str:
    """Return the words of an operator's command, such as `pause cart-abandonment`; empty if the input is not a command."""
    if chapter.event != inputs.JOURNEY_COMMAND or not isinstance(chapter.data, dict):
        return ""
    journey, key = chapter.data.get("journey"), chapter.data.get("key")
    whole = "all journeys" if not key else f"all journeys, key {_key(key)}"
    return f"  {chapter.data.get('command')} {_instance(journey, key) if journey else whole}"


def _told(decision: decisions.Decision, keys: dict[str, str]) -> str:
    """Return the journey, the step and the main details of a decision as text, never an address or the text of a message.

    `keys` is `{instance: key}` of the instances in the story so far.
    """
    words = _of_message(decision.data) or _of_journey(decision.data)
    key = decision.data.key if isinstance(decision.data, decisions.JourneyRefused) else keys.get(decision.instance)
    place = f"  {_instance(decision.journey, key)}" + (f"/{decision.step}" if decision.step else "")
    return place.rstrip() + (f"  {words}" if words else "")


def _instance(journey: str, key: str | None) -> str:
    """Return the journey's name, followed by the key in brackets if there is one, such as `delivery-notice[order-17]`."""
    return f"{journey}[{_key(key)}]" if key else journey


def _key(key: object) -> str:
    return _cut(json.dumps(str(key), ensure_ascii=False)[1:-1])


def _of_journey(data: decisions.Payload) -> str:
    match data:
        case (
            decisions.JourneyRefused(reason=words)
            | decisions.JourneyExited(reason=words)
            | decisions.InstanceParked(reason=words)
            | decisions.StepFailed(error=words)
            | decisions.StepCompleted(outcome=words)
            | decisions.SegmentEntered(segment=words)
            | decisions.SegmentLeft(segment=words)
        ):
            return words
        case decisions.JourneyEntered(held_out=True):
            return "held out: never messaged"
        case decisions.TimerScheduled(kind=kind, due=due):
            return f"{kind} until {inputs.text(due)}"
        case decisions.BranchTaken(arm=arm):
            return "no arm" if arm is None else f"arm {arm + 1}"
        case decisions.SplitAssigned(arm=choice) | decisions.OfferChosen(offer=choice):
            return choice or "none"
        case decisions.ProfileUpdated(set=written, removed=removed):
            return ", ".join([*written, *(f"without {name}" for name in removed)])
        case decisions.EventEmitted(event=event):
            return event.type
        case decisions.GoalReached(event=words, value=worth):
            return words + (f", worth {worth:g}" if worth is not None else "")
    return ""


def _of_message(data: decisions.Payload) -> str:
    match data:
        case decisions.MessageRequested(channel=channel, attempt=attempt, skipped=skipped):
            passed = "".join(f", not {other}: {why}" for other, why in skipped)
            return f"attempt {attempt} by {channel}{passed}"
        case decisions.MessageDeferred(until=until, reason=reason):
            return f"{reason} until {inputs.text(until) if until is not None else 'it is resumed'}"
        case decisions.MessageSuppressed(skipped=skipped, reason=reason, reasons=reasons):
            return ", ".join([*(f"{channel}: {why}" for channel, why in skipped)] or [*reasons] or [reason])
        case decisions.MessageReported(status=status, channel=channel, code=code, late=late):
            return f"{status} by {channel}" + (f" ({code})" if code else "") + (", late" if late else "")
        case decisions.MessageResolved(outcome=outcome, reason=reason):
            return f"{outcome} {reason}".rstrip()
    return ""


def value(of: Any) -> str:
    """Return a value as people read it, cut to `LONGEST` characters.

    A time is RFC 3339, a duration is in days, hours, minutes and seconds, and anything else is JSON.
    """
    if isinstance(of, (datetime.datetime, datetime.timedelta)):
        return _cut(_plain(of))
    return _cut(json.dumps(of, ensure_ascii=False, default=_plain))


def _plain(of: Any) -> Any:
    """Return the text for a value that JSON cannot represent, such as a time or a duration."""
    match of:
        case datetime.datetime():
            return inputs.text(of.astimezone(datetime.UTC))
        case datetime.timedelta():
            return _duration(of)
        case bytes():
            return of.decode("utf-8", "replace")
        case _:
            return str(of)


def _duration(of: datetime.timedelta) -> str:
    """Return a duration as text, such as `1d 2h 30m`, `1.5s` or `-45m`."""
    left = abs(of) // datetime.timedelta(microseconds=1)
    parts = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    if left or not parts:
        parts.append(f"{left / 1_000_000:.6f}".rstrip("0").rstrip(".") + "s")
    return ("-" if of < datetime.timedelta() else "") + " ".join(parts)


def _cut(shown: str) -> str:
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
