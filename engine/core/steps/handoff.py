"""The step `handoff`: it asks a human, by an action on `actions.agent` with a summary of the customer.

The policy is not asked for permission. Without `reply_within` the step goes on at once
(docs/semantics.md#a-handoff-goes-on-at-once). With `reply_within` it waits for the reply and ends as `replied` or `unanswered`.
"""

from engine.core import decisions, definition, moves, state, view

CHANNEL = "agent"


def begin(step: definition.Handoff, looking: view.View) -> moves.Move:
    """Request the handoff; nobody is asked about a held-out customer."""
    at = looking.here
    message_id = decisions.hashed(at.id, step.id, at.visit)
    if at.held_out:
        return moves.Goto((decisions.MessageSuppressed(message_id, "held_out"),), "held_out", step.next)
    # Colleagues read the summary, so its dates and numbers are in the workspace's language, not the customer's.
    language = looking.catalog.policy.language
    body = {CHANNEL: {"text": step.summary}}
    rendered = looking.catalog.templates.render({language: body}, (language,), CHANNEL, looking.scope())
    assert rendered is not None
    request = decisions.MessageRequested(
        message_id=message_id,
        attempt=1,
        channel=CHANNEL,
        place=0,
        to={"queue": step.queue},
        purpose=looking.journey.purpose,
        template="",
        language=rendered.language,
        content={
            **rendered.content,
            "priority": step.priority,
            "profile": looking.customer.profile,
            "steps": dict(at.outcomes),
        },
        missing=rendered.missing,
    )
    if step.reply_within is None:
        return moves.Goto((request, decisions.MessageResolved(message_id, "requested")), "requested", step.next)
    return moves.Stay((request, looking.timer("reply", looking.after(step.reply_within))))


def on_receipt(step: definition.Handoff, looking: view.View, report: decisions.MessageReported) -> moves.Move | None:
    """End the wait if the report is a reply, and ignore every other report of the agent's desk."""
    if report.status != "replied":
        return None
    return moves.Goto((*looking.disarmed(), decisions.MessageResolved(report.message_id, "reached")), "replied", step.next)


def on_timer(step: definition.Handoff, looking: view.View, timer: state.Timer) -> moves.Move:
    """End the step as `unanswered`, because nobody replied in time."""
    return moves.Goto((decisions.MessageResolved(looking.message().id, "unreached", "unanswered"),), "unanswered", step.next)
