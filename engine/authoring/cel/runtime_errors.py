"""Error messages of CEL's runtime, turned into one sentence, or into problems with their positions in the text.

Called by `expressions.py` and `constants.py`.
"""

import re
from collections.abc import Iterator
from typing import Final

from engine.authoring.findings import findings

_MESSAGE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_STATUS: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


def problems(text: str, exc: RuntimeError) -> Iterator[findings.Problem]:
    """Yield CEL's messages about an expression that does not compile.

    CEL counts lines and columns from 1, in characters.
    """
    lines = text.split("\n")
    said = _MESSAGE.findall(str(exc))
    for line, column, message in said:
        offset = sum(len(each) + 1 for each in lines[: int(line) - 1]) + int(column) - 1
        why = re.sub(r" expecting \{.*\}$", "", _STATUS.sub("", message)).replace(" (in container '')", "").rstrip(".")
        yield findings.Problem(max(0, min(offset, len(text))), findings.BadExpression, {"why": why})
        if why.startswith("Syntax error"):
            return  # the messages after a syntax error only repeat it
    if not said:
        yield findings.Problem(0, findings.BadExpression, {"why": sentence(exc)})


def sentence(told: object) -> str:
    """Return the first line of an error, without its status code and without the full stop at its end."""
    return _STATUS.sub("", str(told).split("\n")[0])[:200].rstrip(".")
