"""How large the state of one customer may grow, judged before it does.

Called by the decider at the end of each transition. A state is one record of `customer.state`, and a record has a limit on
every broker; a state that passed it could not be written, and its partition would stand still. So the input that would
make it too large is refused, by the same rule in a worker and in a replay, and everybody else goes on.

The limit is held against the exact size. It is taken only where the state may have come near: whoever knows how large the
state was at most (`held`) is told how large it is at most now, by what the new facts can have added to it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from engine.core import decisions, errors, inputs, state

LARGEST: Final = 1 << 20
"""Bytes that an event may make of a state. A quarter of the largest record of the topics."""
LARGEST_BY_TIME: Final = 2 * LARGEST
"""The engine's own inputs may go further: what a large state waits for must still happen, so that it becomes small again."""

_TIMES: Final = 3
"""What a fact says stands in the state three times at most: an entry's journey in the instance, the goal and the entries."""
_EACH: Final = 512
"""At most so many bytes come with a fact that are not in it: heads, defaults, counts."""

_NO_MSGPACK: Final = (OverflowError, ValueError, TypeError, RecursionError)
"""What an event says is JSON, and need not be msgpack."""

_encode: Final = msgspec.msgpack.Encoder().encode

Facts = Sequence[inputs.Event | decisions.Decision]


def check(
    before: state.Customer | None, after: state.Customer | None, event: inputs.Event, facts: Facts = (), held: int = 0
) -> int:
    """How many bytes the state has at most; `errors.StateTooLarge` if this input makes it larger than it may be. What makes it
    smaller always may.

    `facts` lead from the state before, which has at most `held` bytes (0: nobody knows), to the one after.
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
        raise errors.BadData(f"The event holds what no state can keep, such as a number of more than 64 bits: {exc}.") from None
    if size > limit and (before is None or size > len(_encode(before))):
        raise errors.StateTooLarge(f"The state would have {size} bytes; the limit is {limit}.")
    return size


def _growth(before: state.Customer | None, after: state.Customer, facts: Facts, unknown: int) -> int:
    """How many bytes the facts can have added at most; `unknown` more than none where they do not say it."""
    try:
        growth = _TIMES * len(_encode(facts)) + _EACH * len(facts)
    except _NO_MSGPACK:
        return unknown + 1
    if _MIGRATED in [fact.type for fact in facts]:
        return unknown + 1  # all timers and messages of the instance get the step's new name
    if before is None or after.traits is not before.traits:  # what an expression gave is not in the facts
        growth += sum([each.size + 5 + 4 * len(name) for name, each in after.traits.items()])
    return growth


_MIGRATED: Final = decisions.InstanceMigrated.type
