"""The trace: each evaluated condition with its inputs and its result, by its path in the YAML.

The trace collects conditions only where somebody reads them (`dalang explain`, the tests). Elsewhere it only counts errors.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One evaluated condition.

    `inputs` are the fields that the condition reads. `error` says why there was no value. `cause` is the id of the event or timer
    that led to the evaluation, as in a decision.
    """

    journey: str
    path: str
    text: str
    result: Any
    inputs: Mapping[str, Any] = {}
    error: str = ""
    cause: str = ""


class Trace:
    """The conditions that were evaluated; if `detailed` is false, only the number of errors."""

    def __init__(self, *, detailed: bool = True) -> None:
        self.detailed = detailed
        self.conditions: list[Condition] = []
        self.errors: Counter[tuple[str, str]] = Counter()

    def add(self, condition: Condition) -> None:
        """Add one evaluation; `errors` counts failures by (journey, path)."""
        if condition.error:
            self.errors[condition.journey, condition.path] += 1
        if self.detailed:
            self.conditions.append(condition)
