"""The limit for the size of a customer's state, checked before the state grows past it.

The decider calls `check` at the end of each transition. A state is one record of `customer.state`, and every broker limits the
size of a record. A larger state could not be written, and its partition would stop. So an input that would make the state too
large is refused, in a worker and in a replay alike, and all other customers go on:
docs/semantics.md#a-state-has-a-limit

The limit is for the exact size. To save time, a state is measured only if it may be near the limit: a caller who passes an upper
bound of the size before (`held`) gets an upper bound of the size after, computed from the facts.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.core import errors
from engine.core.model import decisions, inputs, state

LARGEST: Final = 1 << 20
"""The most bytes of a state after an event: a quarter of the largest record that the topics allow."""
LARGEST_BY_TIME: Final = 2 * LARGEST
"""The most bytes of a state after an input of the engine itself, such as `timer.due`.

This limit is higher, so that the timers of a large state still fire and make it small again.
"""

_TIMES: Final = 3
"""The most copies of a fact in the state: the journey of an entry is in the instance, the goal and the entries."""
_EACH: Final = 512
"""The most bytes that a fact adds to the state beyond its copies: msgpack headers, default values and counters."""

_NO_MSGPACK: Final = (OverflowError, ValueError, TypeError, RecursionError)
"""The errors that msgpack raises for data that is valid JSON."""

_encode: Final = msgspec.msgpack.Encoder().encode

Facts = Sequence[inputs.Event | decisions.Decision]


def check(
    before: state.Customer | None, after: state.Customer | None, event: inputs.Event, facts: Facts = (), held: int = 0
) -> int:
    """Return an upper bound of the state's bytes after this input.

    `held` is an upper bound of the bytes of `before` (0: not known), and `facts` lead from `before` to `after`. Raises
    `errors.StateTooLarge` if this input makes the state larger than its limit; an input that makes it smaller is never
    refused. Raises `errors.BadData` if msgpack cannot hold the event's data.
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
    """Return an upper bound of the bytes that the facts added.

    For facts whose bound is not known, return `unknown` + 1; then the caller measures the state.
    """
    try:
        growth = _TIMES * len(_encode(facts)) + _EACH * len(facts)
    except _NO_MSGPACK:
        return unknown + 1
    if _MIGRATED in [fact.type for fact in facts]:
        return unknown + 1  # all timers and messages of the instance get the step's new name, which the fact does not count
    if before is None or after.traits is not before.traits:  # the facts do not hold the values of expressions
        growth += sum([each.size + 5 + 4 * len(name) for name, each in after.traits.items()])
    return growth


_MIGRATED: Final = decisions.InstanceMigrated.type
