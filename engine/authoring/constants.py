"""Constants that a CEL function cannot take: a duration of "1d", a time or zone that is none, a regular expression that does not
close.

Called by `expressions.py` once an expression compiles. CEL looks at them only when it evaluates, and a condition that fails is
false: it would never hold, and nobody would be told.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from engine.authoring import complaints, environment, findings, reading, syntax

_PARTS: Final = (
    "FullYear",
    "Month",
    "Date",
    "DayOfMonth",
    "DayOfYear",
    "DayOfWeek",
    "Hours",
    "Minutes",
    "Seconds",
    "Milliseconds",
)
_CALLS: Final = {
    "matches": '"".matches({})',
    **{name: f"{name}({{}})" for name in ("duration", "timestamp", "int", "uint", "double")},
    **{f"get{part}": f'timestamp("2026-01-01T00:00:00Z").get{part}({{}})' for part in _PARTS},
}
"""Function -> a call of it that has a value if the constant, its last argument, is one that it takes."""

FUNCTIONS: Final = frozenset(_CALLS)


def impossible(root: syntax.Node, declared: Any) -> Iterator[findings.Problem]:
    """The constants, where they stand, with what CEL says of them; `declared` is an environment of `environment.make`."""
    for node, _ in reading.nodes(root):
        match node:
            case syntax.Call(function=name, arguments=(*_, syntax.Literal(text=str(text), offset=offset))) if name in _CALLS:
                call = _CALLS[name].format(json.dumps(text, ensure_ascii=False))
                result = declared.compile(call).eval(data={})
                if result.type() == environment.ERROR:
                    why = complaints.sentence(result.value())
                    yield findings.Problem(offset, findings.ImpossibleConstant, {"function": name, "text": text, "why": why})
