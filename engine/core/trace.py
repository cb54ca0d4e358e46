"""The trace: why. Each condition with its inputs and its result, keyed by its path in the YAML.

The decider is given a trace only where somebody listens (`dalang explain`, the tests); errors are counted always.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One evaluated condition. `inputs` are the fields that it reads; `error` says why there was no value; `cause` is the id of
    the event or timer for which it was looked at, as of a decision.
    """

    journey: str
    path: str
    text: str
    result: Any
    inputs: Mapping[str, Any] = {}
    error: str = ""
    cause: str = ""


class Trace:
    """Collects conditions while one input is handled. With `detailed` false only the errors are counted."""

    def __init__(self, *, detailed: bool = True) -> None:
        self.detailed = detailed
        self.conditions: list[Condition] = []
        self.errors: Counter[tuple[str, str]] = Counter()

    def add(self, condition: Condition) -> None:
        """One evaluation; `errors` counts by (journey, path)."""
        if condition.error:
            self.errors[condition.journey, condition.path] += 1
        if self.detailed:
            self.conditions.append(condition)
