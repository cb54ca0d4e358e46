"""`send`: one message over ordered channels, with fallback by time or by failure.

The step completes as `reached`, `unreached`, `suppressed` or, when its last channel names no success, `requested`.
A channel that the policy refuses is skipped and takes no attempt number.
"""

import datetime

import msgspec

from engine.core import actions, decisions, definition, languages, moves, policy, sms, state, view


class Plan(msgspec.Struct, frozen=True):
    """What is already known of the message when an attempt is planned."""

    message_id: str
    attempt: int
    expires_at: datetime.datetime | None
    skipped: tuple[tuple[str, str], ...] = ()


def begin(step: definition.Send, looking: view.View) -> moves.Move:
    """Requests the first attempt."""
    expires_at = None if step.expires_after is None else looking.after(step.expires_after)
    at = looking.here
    return _request(step, looking, Plan(decisions.hashed(at.id, step.id, at.visit), 1, expires_at), 0)


def on_timer(step: definition.Send, looking: view.View, timer: state.Timer) -> moves.Move:
    """`fallback`: the channel had its time, the next one follows. `retry`: the same channel again."""
    message = _message(step, looking)
    place = message.attempts[-1].place
    return _request(step, looking, _next(message), place if timer.kind == "retry" else place + 1)


def on_receipt(step: definition.Send, looking: view.View, report: decisions.MessageReported) -> moves.Move | None:
    """What a report about the latest attempt leads to; None: nothing.

    A success ends the message, a failure goes to the next channel or is tried again, as its class says.
    """
    message = _message(step, looking)
    attempt = message.attempts[-1]
    place = step.places[attempt.place]
    if report.status != "failed":
        if place.success is None or not attempt.reported & state.OWN_BIT[place.success]:
            return None
        resolved = decisions.MessageResolved(message.id, "reached")
        return moves.Goto((*looking.disarmed(), resolved), "reached", step.next)
    if report.failure == "too_late":
        return _after(looking.disarmed(), _request(step, looking, _next(message), attempt.place))
    if report.failure == "retry":
        rule = looking.catalog.policy.failure_classes[report.channel][report.code]
        if sum(each.place == attempt.place for each in message.attempts) <= rule.at_most:
            until = looking.after(rule.retry_after)
            deferred = decisions.MessageDeferred(message.id, until, "retry")
            return moves.Stay((*looking.disarmed(), deferred, looking.timer("retry", until)))
    return _after(looking.disarmed(), _request(step, looking, _next(message), attempt.place + 1))


def _request(step: definition.Send, looking: view.View, plan: Plan, first: int) -> moves.Move:
    """An attempt on the first channel from index `first` that the policy allows; else the end of the message."""
    skipped = list(plan.skipped)
    for index in range(first, len(step.places)):
        place = step.places[index]
        to = None if step.to is None else policy.text(looking.value(step.to))
        verdict = policy.judge(looking, place.channel, to, plan.expires_at)
        if verdict.send_at is None:
            skipped.append((place.channel, verdict.reasons[0]))
            continue
        request = _attempt(step, looking, msgspec.structs.replace(plan, skipped=tuple(skipped)), index, verdict)
        if request is None:
            skipped.append((place.channel, "no_template"))
        elif place.success is None or place.fallback_after is None:
            resolved = decisions.MessageResolved(plan.message_id, "requested")
            return moves.Goto((request, resolved), "requested", step.next)
        else:
            return moves.Stay((request, looking.timer("fallback", looking.after(place.fallback_after))))
    if plan.attempt == 1:
        reason = skipped[0][1]
        return moves.Goto((decisions.MessageSuppressed(plan.message_id, reason, tuple(skipped)),), "suppressed", step.next)
    reason = skipped[0][1] if skipped else "no_more_channels"
    return moves.Goto((decisions.MessageResolved(plan.message_id, "unreached", reason),), "unreached", step.next)


def _attempt(
    step: definition.Send, looking: view.View, plan: Plan, index: int, verdict: policy.Verdict
) -> decisions.MessageRequested | None:
    """The request of one attempt, rendered; None if the template has no body for the channel."""
    channel = step.places[index].channel
    settings = looking.catalog.policy
    wished = languages.order(looking.customer.profile.get("language"), settings)
    bodies = looking.journey.templates[step.template]
    rendered = looking.catalog.templates.render(bodies, wished, channel, looking.scope())
    if rendered is None:
        return None
    parts = sms.parts(str(rendered.content.get("text", ""))).count if channel == "sms" else 0
    return decisions.MessageRequested(
        message_id=plan.message_id,
        attempt=plan.attempt,
        channel=channel,
        place=index,
        to={actions.CHANNELS.get(channel, "address"): verdict.address},
        purpose=looking.journey.purpose,
        template=step.template,
        language=rendered.language,
        content=rendered.content,
        cost=settings.channels[channel].cost * (parts or 1),
        send_before=verdict.send_before,
        expires_at=plan.expires_at,
        skipped=plan.skipped,
        missing=rendered.missing,
        parts=parts,
    )


def _message(step: definition.Send, looking: view.View) -> state.Message:
    at = looking.here
    return looking.customer.messages[decisions.hashed(at.id, step.id, at.visit)]


def _next(message: state.Message) -> Plan:
    return Plan(message.id, message.attempts[-1].number + 1, message.expires_at)


def _after(facts: tuple[decisions.Payload, ...], move: moves.Move) -> moves.Move:
    """The move with `facts` recorded before its own."""
    return move if isinstance(move, moves.Leave) else msgspec.structs.replace(move, facts=(*facts, *move.facts))
