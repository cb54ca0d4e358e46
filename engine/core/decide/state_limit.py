"""The limit for the size of a customer's state, checked at the end of each transition.

The decider calls `check`. A state is one record of the topic `customer.state`, and every broker limits the size of a record. A
larger state could not be written, and the whole partition would stop. So an input that would make the state too large is
refused, and all other customers continue. The rule is the same in a worker and in a replay:
docs/semantics.md#a-state-has-a-limit

The limit is for the exact size, but measuring takes time. So a state is measured only if it may be near the limit. For this,
the caller passes an upper bound of the size before the input (`held`), and `check` adds the most that the facts can have added.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.core import errors
from engine.core.model import decisions, inputs, state

LARGEST: Final = 1 << 20
"""The most bytes that a state may have after an event (1 MiB): a quarter of the largest record that the topics allow."""
LARGEST_BY_TIME: Final = 2 * LARGEST
"""The most bytes that a state may have after one of the engine's own inputs, such as `timer.due` (2 MiB).

This limit is higher, so that the timers of a large state still fire. They can make the state smaller again.
"""

_TIMES: Final = 3
"""The most copies of one fact in a state: for an entry, the journey's name is in the instance, in the goal and in the entries."""
_EACH: Final = 512
"""The most bytes that one fact adds to a state besides its copies: msgpack headers, default values and counters."""

_NO_MSGPACK: Final = (OverflowError, ValueError, TypeError, RecursionError)
"""The errors that msgpack can raise when it encodes data that is valid JSON, such as a number of more than 64 bits."""

_encode: Final = msgspec.msgpack.Encoder().encode

Facts = Sequence[inputs.Event | decisions.Decision]


def check(
    before: state.Customer | None, after: state.Customer | None, event: inputs.Event, facts: Facts = (), held: int = 0
) -> int:
    """Return an upper bound of the state's bytes in msgpack after this input.

    `held` is an upper bound of the bytes of `before` (0: not known), and `facts` lead from `before` to `after`. Raises
    `errors.StateTooLarge` if this input makes the state larger than its limit; an input that makes a state smaller is never
    refused. Raises `errors.BadData` if msgpack cannot encode the event's data.
    """
    if after is None or after is before:
        return held if after is before else 0
    own = event.type in inputs.WITHOUT_SUBJECT or event.source == inputs.OWN_SOURCE
    limit = LARGEST_BY_TIME if own else LARGEST
    most = held + _growth(before, after, facts, limit) if held else 0
    if held and most <= limit:
        return most
    try:
        size = len(_encode(after))
    except _NO_MSGPACK as exc:
        raise errors.BadData(
            f"The event's data cannot be kept in a state, because of a number of more than 64 bits or the like: {exc}."
        ) from None
    if size > limit and (before is None or size > len(_encode(before))):
        raise errors.StateTooLarge(f"The state would have {size} bytes; the limit is {limit}.")
    return size


def _growth(before: state.Customer | None, after: state.Customer, facts: Facts, unknown: int) -> int:
    """Return an upper bound of the bytes that the facts can have added to the state.

    If the facts do not show such a bound, return `unknown` + 1. The caller passes its limit as `unknown`, so a result above the
    limit makes the caller measure the state.
    """
    try:
        growth = _TIMES * len(_encode(facts)) + _EACH * len(facts)
    except _NO_MSGPACK:
        return unknown + 1
    if _MIGRATED in [fact.type for fact in facts]:
        return unknown + 1  # a migration writes the new step's name into all timers and messages, but the fact has it only once
    if before is None or after.traits is not before.traits:  # the facts do not contain the values in the tallies
        growth += sum([each.size + 5 + 4 * len(name) for name, each in after.traits.items()])
    return growth


_MIGRATED: Final = decisions.InstanceMigrated.type
