"""Constants that a CEL function cannot take: `duration("1d")`, a text that is not a time or a zone, a bad regular expression.

Called by `expressions.py` after an expression has compiled. CEL checks such a constant only when it evaluates the expression. The
evaluation fails each time, and a condition that fails is false (docs/semantics.md#a-condition-that-fails-is-false). So the
condition would never be true, and its author would not know why.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from engine.authoring.cel import environment, field_reads, runtime_errors, syntax_tree
from engine.authoring.findings import findings

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
"""`{function: call}`. The call succeeds only if the function takes the constant, which is its last argument."""

FUNCTIONS: Final = frozenset(_CALLS)


def impossible(root: syntax_tree.Node, declared: Any) -> Iterator[findings.Problem]:
    """Yield each constant that its function cannot take, with CEL's message.

    `declared` is an environment of `environment.make`.
    """
    for node, _ in field_reads.nodes(root):
        match node:
            case syntax_tree.Call(function=name, arguments=(*_, syntax_tree.Literal(text=str(text), offset=offset))) if (
                name in _CALLS
            ):
                call = _CALLS[name].format(json.dumps(text, ensure_ascii=False))
                result = declared.compile(call).eval(data={})
                if result.type() == environment.ERROR:
                    why = runtime_errors.sentence(result.value())
                    yield findings.Problem(offset, findings.ImpossibleConstant, {"function": name, "text": text, "why": why})
