"""Error messages of CEL's runtime, turned into a sentence, or into problems with their offsets in the expression.

Called by `expressions.py` and `constants.py`. Only the wording of the messages is known here.
"""

import re
from collections.abc import Iterator
from typing import Final

from engine.authoring.findings import findings

_MESSAGE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_STATUS: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


def problems(text: str, exc: RuntimeError) -> Iterator[findings.Problem]:
    """Yield a problem for each error message of CEL about an expression that does not compile.

    `text` is the expression, and `exc` is the error that CEL raised for it. A message names a line and a column, both counted
    from 1 in characters. The problem has an offset in the text instead.
    """
    lines = text.split("\n")
    said = _MESSAGE.findall(str(exc))
    for line, column, message in said:
        offset = sum(len(each) + 1 for each in lines[: int(line) - 1]) + int(column) - 1
        why = re.sub(r" expecting \{.*\}$", "", _STATUS.sub("", message)).replace(" (in container '')", "").rstrip(".")
        yield findings.Problem(max(0, min(offset, len(text))), findings.BadExpression, {"why": why})
        if why.startswith("Syntax error"):
            return  # the messages that follow a syntax error only repeat the error
    if not said:
        yield findings.Problem(0, findings.BadExpression, {"why": sentence(exc)})


def sentence(told: object) -> str:
    """Return the first line of an error message, without its status code (`INVALID_ARGUMENT: `) and its last full stop.

    At most 200 characters are returned.
    """
    return _STATUS.sub("", str(told).split("\n")[0])[:200].rstrip(".")
