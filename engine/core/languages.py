"""Languages: in which order a template's bodies are looked for.

Called by `steps/send.py` for each attempt, and by the linter. Knows nothing of templates: who asks tries one language after
the other. Tags are BCP 47 (RFC 5646); leaving out what stands last in a tag is "lookup" of RFC 4647 section 3.4.
"""

import re
from collections.abc import Iterator
from typing import Final

from engine.core import definition

RENAMED: Final = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"}
"""Old codes and what they became (IANA language subtag registry, Preferred-Value). Android still says `in` for Indonesian."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", re.ASCII)


def order(wished: object, settings: definition.Policy) -> tuple[str, ...]:
    """The languages to try for a customer who wishes one, each once, the policy's own at the end.

    A tag comes as it was written, then in its usual form, then its list in `policy.languages`, then the same for what is
    left of it without its last part: `en-GB` falls to `en` by itself. A list is tried as it stands: those that its
    members have are not followed. What is no language tag is no wish.
    """
    found: dict[str, None] = {}
    if isinstance(wished, str) and _TAG.fullmatch(wished):
        found[wished] = None
        for tag in _shorter(canonical(wished)):
            found[tag] = None
            for other in settings.languages.get(tag, ()):
                found.update(dict.fromkeys(_shorter(other)))
    found[settings.language] = None
    return tuple(found)


def canonical(tag: str) -> str:
    """The tag in its usual form: `EN_gb` is `en-GB`, `zh-hant` is `zh-Hant`, `in` is `id` (RFC 5646 section 2.1.1)."""
    first, *rest = tag.replace("_", "-").split("-")
    first = first.lower()
    parts = [RENAMED.get(first, first)]
    for part in rest:
        single = len(parts[-1]) == 1
        parts.append(part.lower() if single else _SHAPES.get(len(part), str.lower)(part))
    return "-".join(parts)


_SHAPES: Final = {2: str.upper, 4: str.title}
"""A region has two letters, a script four."""


def _shorter(tag: str) -> Iterator[str]:
    """The tag, and what is left of it as its last part is taken off again and again."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":
            tag = tag[:-2]  # a single letter only opens what was taken off
