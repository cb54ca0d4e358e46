"""Check for constants that a CEL function cannot take: `duration("1d")`, a text that is not a time, a bad regular expression.

Called by `expressions.py` after an expression has compiled, because CEL examines such a constant only when it evaluates the
expression. Every evaluation would fail, and a condition that fails is false
(docs/semantics.md#a-condition-that-fails-is-false). So without this check the condition would always be false, and nobody would
learn the reason.
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
"""`{function: call}`: a constant replaces `{}` in the call, and the call fails if the function cannot take this constant."""

FUNCTIONS: Final = frozenset(_CALLS)


def impossible(root: syntax_tree.Node, declared: Any) -> Iterator[findings.Problem]:
    """Yield a problem, with CEL's message, for each constant that a function in the expression cannot take.

    `root` is the syntax tree of the expression. `declared` is the environment, made by `environment.make`, in which the function
    is called with the constant. Only a text as the last argument is checked.
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
