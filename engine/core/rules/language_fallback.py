"""Languages: the order in which the languages of a template are tried.

`Catalog.languages_of` calls `order` for each attempt of a message, and the linter calls `canonical`. This file knows nothing of
templates: the caller tries one language after the other. Tags are BCP 47 (RFC 5646). Leaving out the last part of a tag is
"lookup" of RFC 4647, section 3.4.
"""

import re
from collections.abc import Iterator
from typing import Final

from engine.core.model import definition

RENAMED: Final = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"}
"""`{old code: new code}` (IANA language subtag registry, Preferred-Value); Android still says `in` for Indonesian."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", re.ASCII)


def order(wished: object, settings: definition.Policy) -> tuple[str, ...]:
    """Return the languages to try for a customer whose wish is `wished`, each once, with the policy's default at the end.

    1. The tag as it was written.
    2. The tag in its canonical form, then the languages that `policy.languages` lists for it.
    3. The same for the tag without its last part, again and again: after `en-GB` comes `en`.

    The languages in a list are shortened too, but their own lists are not followed. A wish that is no language tag is ignored.
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
    """Return the tag in its canonical form: `EN_gb` is `en-GB`, `zh-hant` is `zh-Hant`, `in` is `id` (RFC 5646 section 2.1.1)."""
    first, *rest = tag.replace("_", "-").split("-")
    first = first.lower()
    parts = [RENAMED.get(first, first)]
    for part in rest:
        single = len(parts[-1]) == 1
        parts.append(part.lower() if single else _SHAPES.get(len(part), str.lower)(part))
    return "-".join(parts)


_SHAPES: Final = {2: str.upper, 4: str.title}
"""The case of a tag's part by its length: a region has two letters, a script four."""


def _shorter(tag: str) -> Iterator[str]:
    """Yield the tag, then the tag without its last part, and so on."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":
            tag = tag[:-2]  # a single letter only introduces the part that was taken off
