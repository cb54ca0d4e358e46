"""The step `handoff`: it asks a human agent for help, by an action on `actions.agent` with a summary of the customer.

Consent, caps and quiet hours are not checked. Without `reply_within`, the instance continues at once
(docs/semantics.md#a-handoff-goes-on-at-once). With `reply_within`, it waits for the agent's reply, and the outcome is `replied`
or `unanswered`.
"""

from engine.core.context import decision_context
from engine.core.model import decisions, definition, state
from engine.core.steps import results

CHANNEL = "agent"


def begin(step: definition.Handoff, context: decision_context.Context) -> results.Move:
    """Request the handoff; for a held-out customer, record the request as suppressed and continue without an agent."""
    at = context.here
    message_id = decisions.hashed(at.id, step.id, at.visit)
    if at.held_out:
        return results.Goto((decisions.MessageSuppressed(message_id, "held_out"),), "held_out", step.next)
    # Colleagues read the summary, so its dates and numbers are in the workspace's language, not the customer's.
    language = context.catalog.policy.language
    body = {CHANNEL: {"text": step.summary}}
    rendered = context.catalog.templates.render({language: body}, (language,), CHANNEL, context.scope())
    assert rendered is not None
    request = decisions.MessageRequested(
        message_id=message_id,
        attempt=1,
        channel=CHANNEL,
        place=0,
        to={"queue": step.queue},
        purpose=context.journey.purpose,
        template="",
        language=rendered.language,
        content={
            **rendered.content,
            "priority": step.priority,
            "profile": context.customer.profile,
            "steps": dict(at.outcomes),
        },
        missing=rendered.missing,
    )
    if step.reply_within is None:
        return results.Goto((request, decisions.MessageResolved(message_id, "requested")), "requested", step.next)
    return results.Stay((request, context.timer("reply", context.after(step.reply_within))))


def on_receipt(
    step: definition.Handoff, context: decision_context.Context, report: decisions.MessageReported
) -> results.Move | None:
    """End the wait if the report is a reply of the agent; return None for every other report, such as `delivered`."""
    if report.status != "replied":
        return None
    return results.Goto((*context.disarmed(), decisions.MessageResolved(report.message_id, "reached")), "replied", step.next)


def on_timer(step: definition.Handoff, context: decision_context.Context, timer: state.Timer) -> results.Move:
    """End the step with the outcome `unanswered`, because no reply came within `reply_within`."""
    return results.Goto((decisions.MessageResolved(context.message().id, "unreached", "unanswered"),), "unanswered", step.next)
