"""Messages: the effect on a customer's state of the facts about messages.

Only `evolution.py` calls this file. It makes no choices.
"""

import datetime
from typing import Any, Final

import msgspec

from engine.core.model import decisions, state
from engine.core.model.decisions import Decision

MOST_SENDS: Final = 1_000
"""The most entries of `Customer.sends`, the list that caps count; the oldest entries are dropped first."""
LATE_RECEIPTS_MS: Final = 30 * 24 * 3600 * 1000
"""The time in milliseconds after a message's first request, from which a closed message is removed from the state.

`customer.events` keeps its records for 30 days by default, so a later receipt cannot come:
docs/semantics.md#a-closed-message-is-forgotten-after-30-days
"""

_replace = msgspec.structs.replace


def requested(customer: state.Customer, fact: Decision, data: decisions.MessageRequested) -> state.Customer:
    """Add the requested attempt to its message; the first attempt on each channel also counts against the caps."""
    (address,) = data.to.values()
    attempt = state.Attempt(data.attempt, data.channel, data.place, fact.at, address, parts=data.parts)
    before = customer.messages.get(data.message_id)
    channels = () if before is None else tuple(each.channel for each in before.attempts)
    first = not channels
    if data.count_since is not None and data.channel not in channels:
        sent = state.Sent(fact.at, data.purpose, data.channel, fact.journey, first)
        kept = tuple(each for each in customer.sends if each.at >= data.count_since)
        customer = _replace(customer, sends=(*kept, sent)[-MOST_SENDS:])
    if before is None:
        before = _message(fact, data.message_id, data.purpose, data.expires_at)
        customer = forgotten(customer, customer.now)
    at = fact.at if first else before.requested_at
    after = _replace(before, attempts=(*before.attempts, attempt), waiting=None, held="", skipped=(), requested_at=at)
    if first:
        customer = with_instance(customer, _replace(customer.instances[fact.instance], sent_at=fact.at))
    return _with_message(customer, after)


def deferred(customer: state.Customer, fact: Decision, data: decisions.MessageDeferred) -> state.Customer:
    """Store that the message's next attempt waits: the index of its channel in the step, and the reason."""
    before = customer.messages.get(data.message_id)
    if before is None:
        before = _message(fact, data.message_id, data.purpose, data.expires_at)
        customer = forgotten(customer, customer.now)
    return _with_message(customer, _replace(before, waiting=data.place, held=data.reason, skipped=data.skipped))


def suppressed(customer: state.Customer, fact: Decision, data: decisions.MessageSuppressed) -> state.Customer:
    """Remove a message that ends without a request.

    If the customer is held out, the message still counts as the previous send for a wait with `since: previous_send`.
    """
    if data.reason == "held_out":
        customer = with_instance(customer, _replace(customer.instances[fact.instance], sent_at=fact.at))
    if data.message_id not in customer.messages:
        return customer
    rest = {id_: message for id_, message in customer.messages.items() if id_ != data.message_id}
    return _replace(customer, messages=rest)


def _message(fact: Decision, id_: str, purpose: str, expires_at: Any) -> state.Message:
    return state.Message(
        id=id_,
        instance=fact.instance,
        journey=fact.journey,
        version=fact.version,
        step=fact.step,
        purpose=purpose,
        requested_at=fact.at,
        expires_at=expires_at,
        attempts=(),
    )


def resolved(customer: state.Customer, fact: Decision, data: decisions.MessageResolved) -> state.Customer:
    """Close the message with its outcome."""
    return _with_message(customer, _replace(customer.messages[data.message_id], outcome=data.outcome, waiting=None, held=""))


def reported(customer: state.Customer, fact: Decision, data: decisions.MessageReported) -> state.Customer:
    """Add the status and the cost of a report to the attempt that the report is about.

    After a reply, also store when the customer wrote. After a failure that stops the address, also store the stopped address.
    """
    message = customer.messages[data.message_id]
    attempts = tuple(
        _replace(each, reported=each.reported | state.REPORTED[data.status], cost=each.cost + data.cost)
        if each.number == data.attempt
        else each
        for each in message.attempts
    )
    if data.status == "replied":
        customer = wrote(customer, data.channel, fact.at)
    if data.stopped:
        customer = _replace(customer, stopped={**customer.stopped, data.channel: data.stopped})
    return _with_message(customer, _replace(message, attempts=attempts))


def wrote(customer: state.Customer, channel: Any, at: Any) -> state.Customer:
    """Store `at` as the time when the customer last wrote on the channel.

    Nothing changes if `channel` is not a text.
    """
    if not isinstance(channel, str):
        return customer
    return _replace(customer, inbound={**customer.inbound, channel: at})


def with_instance(customer: state.Customer, instance: state.Instance) -> state.Customer:
    """Return the customer's state in which `instance` replaces the stored instance with the same id."""
    return _replace(customer, instances={**customer.instances, instance.id: instance})


def _with_message(customer: state.Customer, message: state.Message) -> state.Customer:
    return _replace(customer, messages={**customer.messages, message.id: message})


def abandoned(customer: state.Customer, instance: str) -> state.Customer:
    """Close the instance's open messages as abandoned, because the instance leaves or restarts.

    Reports about these messages that come later are marked as late.
    """
    closed = {
        id_: _replace(message, outcome="abandoned")
        for id_, message in customer.messages.items()
        if message.instance == instance and not message.outcome
    }
    return _replace(customer, messages={**customer.messages, **closed}) if closed else customer


def forgotten(customer: state.Customer, now: datetime.datetime) -> state.Customer:
    """Remove the closed messages that are too old for a receipt (`LATE_RECEIPTS_MS`), and the goals whose time is over.

    Return the same object if there are none.
    """
    if not customer.messages and not customer.goals:
        return customer
    messages = {
        id_: message
        for id_, message in customer.messages.items()
        if not message.outcome or (now - message.requested_at).total_seconds() * 1000 < LATE_RECEIPTS_MS
    }
    goals = {id_: goal for id_, goal in customer.goals.items() if goal.until > now}
    if len(messages) == len(customer.messages) and len(goals) == len(customer.goals):
        return customer
    return _replace(customer, messages=messages, goals=goals)
