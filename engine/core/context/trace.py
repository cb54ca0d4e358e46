"""The trace: each evaluated condition with its inputs and its result, by its path in the YAML.

`dalang explain` and tests collect all conditions. A worker only counts the errors.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One evaluated condition.

    `inputs` are the fields that the condition reads, with their values. `error` says why the evaluation failed, if it did.
    `cause` is the id of the event or timer that led to the evaluation.
    """

    journey: str
    path: str
    text: str
    result: Any
    inputs: Mapping[str, Any] = {}
    error: str = ""
    cause: str = ""


class Trace:
    """The evaluated conditions; or, if `detailed` is false, only the number of errors."""

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
