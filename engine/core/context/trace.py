"""The trace: the conditions that were evaluated, each with its path in the YAML, its inputs and its result.

Only `dalang explain` and the tests use a detailed trace. It stores every condition; any other trace only counts errors.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One evaluation of a condition or another expression.

    `journey` is empty for segments. `path` is the position in the YAML, and `text` the CEL expression. `inputs` are the fields
    that the expression reads, with their values. `error` is the message of a failed evaluation, or empty. `cause` is the id of
    the event or timer that led to the evaluation.
    """

    journey: str
    path: str
    text: str
    result: Any
    inputs: Mapping[str, Any] = {}
    error: str = ""
    cause: str = ""


class Trace:
    """The conditions that were evaluated, and the number of errors; if `detailed` is false, only the number of errors."""

    def __init__(self, *, detailed: bool = True) -> None:
        self.detailed = detailed
        self.conditions: list[Condition] = []
        self.errors: Counter[tuple[str, str]] = Counter()

    def add(self, condition: Condition) -> None:
        """Add one evaluation: count its error, if it has one, and store the evaluation if the trace is detailed.

        `errors` is `{(journey, path): number of errors}`.
        """
        if condition.error:
            self.errors[condition.journey, condition.path] += 1
        if self.detailed:
            self.conditions.append(condition)
