"""The step `send`: one message on an ordered list of channels, with a fallback to the next channel after a time or a failure.

The step's outcome is `reached`, `unreached`, `suppressed` or `held_out`. If the last channel has no `success`, a request on it
ends the step with the outcome `requested`. A channel that the policy refuses is skipped:
docs/semantics.md#a-skipped-channel-takes-no-attempt-number
"""

import datetime

import msgspec

from engine.core import send_policy
from engine.core.context import decision_context
from engine.core.model import channels, decisions, definition, state
from engine.core.rules import sms_parts
from engine.core.steps import results


def begin(step: definition.Send, context: decision_context.Context) -> results.Move:
    """Queue the first attempt of a new message."""
    expires_at = None if step.expires_after is None else context.after(step.expires_after)
    at = context.here
    return results.Queue(results.PlannedAttempt(decisions.hashed(at.id, step.id, at.visit), 1, 0, expires_at))


def on_timer(step: definition.Send, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """Queue the deferred attempt (timer `retry`), or, if there is none, an attempt on the next channel (timer `fallback`)."""
    known = context.message()
    first = _place(step, known.attempts[-1]) + 1 if known.waiting is None else known.waiting
    return results.Queue(_next(known, first))


def resume(context: decision_context.Context) -> results.Move:
    """Queue the attempt that waited for the end of a pause, and cancel the timer for the message's expiry."""
    known = context.message()
    return results.Queue(_next(known, known.waiting or 0), context.disarmed())


def on_receipt(
    step: definition.Send, context: decision_context.Context, report: decisions.MessageReported
) -> results.Move | None:
    """Return the move that a report about the latest attempt causes, or None if the instance stays as it is.

    A success ends the message. A failure queues an attempt on the next channel or on the same channel, or defers one, as its
    failure class says.
    """
    known = context.message()
    attempt = known.attempts[-1]
    index = _place(step, attempt)
    if report.status != "failed":
        success = step.places[index].success if index < len(step.places) else None
        if success is None or not attempt.reported & state.OWN_BIT[success]:
            return None
        resolved = decisions.MessageResolved(known.id, "reached")
        return results.Goto((*context.disarmed(), resolved), "reached", step.next)
    if known.waiting is not None and known.waiting != index:
        return None  # an attempt on the next channel is deferred already
    if report.failure == "too_late":
        return results.Queue(_next(known, index), context.disarmed())
    if report.failure == "retry":
        rule = context.catalog.policy.failure_classes[report.channel][report.code]
        if sum(each.place == attempt.place for each in known.attempts) <= rule.at_most:
            until = context.after(rule.retry_after)
            deferred = _deferral(context, _next(known, index), index, until, ("retry",))
            return results.Stay((*context.disarmed(), deferred, context.timer("retry", until)))
    return results.Queue(_next(known, index + 1), context.disarmed())


def request(step: definition.Send, context: decision_context.Context, planned: results.PlannedAttempt) -> results.Move:
    """Return the move for a queued attempt: the request or the deferral of the attempt, or the end of the message.

    The step runner calls this function at the end of the instant. The attempt takes the first channel that the policy allows,
    from the index `planned.first` on. If the policy allows no channel, the message ends.
    """
    skipped = list(planned.skipped)
    for index in range(planned.first, len(step.places)):
        place = step.places[index]
        verdict = send_policy.judge(context, _asked(step, context, planned, place.channel))
        known = msgspec.structs.replace(planned, skipped=tuple(skipped))
        if verdict.held:
            return _held(context, known, index, verdict)
        if verdict.send_at is None:
            skipped.append((place.channel, verdict.reasons[0]))
            if verdict.whole:
                return _ended(step, context, planned, verdict.reasons, skipped)
            continue
        if verdict.send_at > context.now:
            deferred = _deferral(context, known, index, verdict.send_at, verdict.reasons)
            return results.Stay((deferred, context.timer("retry", verdict.send_at)))
        request = _attempt(step, context, known, index, verdict)
        if request is None:
            skipped.append((place.channel, "no_template"))
        elif context.here.held_out:
            ghost = decisions.MessageSuppressed(planned.message_id, "held_out", known.skipped)
            return results.Goto((ghost,), "held_out", step.next)
        elif place.success is None or place.fallback_after is None:
            resolved = decisions.MessageResolved(planned.message_id, "requested")
            return results.Goto((request, resolved), "requested", step.next)
        else:
            return results.Stay((request, context.timer("fallback", context.after(place.fallback_after))))
    return _ended(step, context, planned, (), skipped)


def _ended(
    step: definition.Send,
    context: decision_context.Context,
    planned: results.PlannedAttempt,
    reasons: tuple[str, ...],
    skipped: list[tuple[str, str]],
) -> results.Move:
    """Return the move that ends a message because no channel may carry it.

    The message is suppressed if it was never requested, and unreached if it was. `reasons` are the policy's reasons against the
    whole message, if there are any. `skipped` are pairs `(channel, reason)`.
    """
    reason = reasons[0] if reasons else skipped[0][1] if skipped else "no_more_channels"
    if planned.number == 1:
        suppressed = decisions.MessageSuppressed(planned.message_id, reason, tuple(skipped), reasons)
        return results.Goto((suppressed,), "suppressed", step.next)
    return results.Goto((decisions.MessageResolved(planned.message_id, "unreached", reason),), "unreached", step.next)


def _asked(
    step: definition.Send, context: decision_context.Context, planned: results.PlannedAttempt, channel: str
) -> send_policy.Asked:
    to = None if step.to is None else send_policy.text(context.value(step.to))
    free, window = False, channels.of(channel).window
    if window is not None:
        bodies = context.journey.templates[step.template]
        written = (bodies[code].get(channel) for code in context.catalog.languages_of(context.customer) if code in bodies)
        body = next((each for each in written if each is not None), None)
        free = isinstance(body, dict) and window.approved not in body
    return send_policy.Asked(channel, to, planned.expires_at, planned.tried, free)


def _held(
    context: decision_context.Context, planned: results.PlannedAttempt, index: int, verdict: send_policy.Verdict
) -> results.Move:
    """Return the move that lets the message wait for the end of a pause; a timer ends the wait when the message expires."""
    deferred = _deferral(context, planned, index, None, verdict.reasons)
    expiry = () if planned.expires_at is None else (context.timer("retry", planned.expires_at),)
    return results.Stay((deferred, *expiry))


def _deferral(
    context: decision_context.Context,
    planned: results.PlannedAttempt,
    index: int,
    until: datetime.datetime | None,
    reasons: tuple[str, ...],
) -> decisions.MessageDeferred:
    return decisions.MessageDeferred(
        planned.message_id, until, reasons[0], reasons, index, context.journey.purpose, planned.expires_at, planned.skipped
    )


def _attempt(
    step: definition.Send,
    context: decision_context.Context,
    planned: results.PlannedAttempt,
    index: int,
    verdict: send_policy.Verdict,
) -> decisions.MessageRequested | None:
    """Return the request of an attempt with its rendered text, or None if the template has no body for the channel.

    `index` is the index of the channel in the step.
    """
    channel = step.places[index].channel
    known = channels.of(channel)
    reach = context.catalog.reach
    bodies = context.journey.templates[step.template]
    rendered = context.catalog.templates.render(bodies, context.catalog.languages_of(context.customer), channel, context.scope())
    if rendered is None:
        return None
    parts = sms_parts.parts(str(rendered.content.get("text", ""))).count if known.counted_in_parts else 0
    return decisions.MessageRequested(
        message_id=planned.message_id,
        attempt=planned.number,
        channel=channel,
        place=index,
        to={known.address: verdict.address},
        purpose=context.journey.purpose,
        template=step.template,
        language=rendered.language,
        content=rendered.content,
        cost=context.catalog.policy.channels[channel].cost * (parts or 1),
        send_before=verdict.send_before,
        expires_at=planned.expires_at,
        skipped=planned.skipped,
        missing=rendered.missing,
        parts=parts,
        count_since=None if reach is None else context.now - reach,
    )


def _place(step: definition.Send, attempt: state.Attempt) -> int:
    """Return the index of the attempt's channel in the step; a migration may have changed the step since the attempt.

    If the step does not have the channel any more, return the number of its channels, which is past the last index.
    """
    channels = [place.channel for place in step.places]
    if channels[attempt.place : attempt.place + 1] == [attempt.channel]:
        return attempt.place
    return channels.index(attempt.channel) if attempt.channel in channels else len(channels)


def _next(message: state.Message, first: int) -> results.PlannedAttempt:
    """Return the message's next attempt, which tries the channel with the index `first` before the channels after it."""
    number = message.attempts[-1].number + 1 if message.attempts else 1
    return results.PlannedAttempt(message.id, number, first, message.expires_at, send_policy.tried(message), message.skipped)
