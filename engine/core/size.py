"""How large the state of one customer may grow, judged before it does.

Called by the decider at the end of each transition. A state is one record of `customer.state`, and a record has a limit on
every broker; a state that passed it could not be written, and its partition would stand still. So the input that would
make it too large is refused, by the same rule in a worker and in a replay, and everybody else goes on.
"""

from typing import Final

import msgspec

from engine.core import errors, inputs, state

LARGEST: Final = 1 << 20
"""Bytes that an event may make of a state. A quarter of the largest record of the topics."""
LARGEST_BY_TIME: Final = 2 * LARGEST
"""The engine's own inputs may go further: what a large state waits for must still happen, so that it becomes small again."""

_encode: Final = msgspec.msgpack.Encoder().encode


def check(before: state.Customer | None, after: state.Customer | None, event: inputs.Event) -> None:
    """`errors.StateTooLarge` if this input makes the state larger than it may be. What makes it smaller always may."""
    if after is None or after is before:
        return
    own = event.type in inputs.WITHOUT_SUBJECT or event.source == inputs.OWN_SOURCE
    limit = LARGEST_BY_TIME if own else LARGEST
    size = len(_encode(after))
    if size > limit and (before is None or size > len(_encode(before))):
        raise errors.StateTooLarge(f"The state would have {size} bytes; the limit is {limit}.")
