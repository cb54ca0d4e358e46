"""Language fallback: the languages in which a message is tried for a customer, in their order.

`Catalog.languages_of` calls `order` for each attempt of a message, and the renderer tries the languages one after the other. The
linter calls `canonical`. Language tags follow BCP 47 (RFC 5646). A tag is shortened by leaving out its last part, which
is the "lookup" of RFC 4647, section 3.4.
"""

import re
from collections.abc import Iterator
from typing import Final

from engine.core.model import definition

RENAMED: Final = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"}
"""`{old language code: new code}` (IANA language subtag registry, Preferred-Value); Android still uses `in` for Indonesian."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*", re.ASCII)


def order(wished: object, settings: definition.Policy) -> tuple[str, ...]:
    """Return the languages to try for a customer, each language once. `wished` is the customer's `profile.language`.

    1. The tag `wished` as it was written.
    2. The tag in its canonical form, then the languages that `settings.languages` lists for this tag.
    3. The same as in 2 for the tag without its last part, until one part is left: after `en-GB` comes `en`.
    4. At the end the policy's default language, `settings.language`.

    A listed language is also shortened like this, but its own list is not used. If `wished` is not a language tag, the result is
    only the policy's default language.
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
"""`{length of a part: function that sets its case}`: regions have two letters (`GB`), and scripts have four (`Hant`)."""


def _shorter(tag: str) -> Iterator[str]:
    """Yield the tag, then the tag without its last part, and so on until one part is left."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":
            tag = tag[:-2]  # a single letter, as in `en-x-shop`, means nothing without the part after it
