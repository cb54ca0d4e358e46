"""The name of a customer's time zone, from the profile, the phone number or the workspace.

Called by `Catalog.zone_of`. This file handles only names, such as `Asia/Jakarta`; `ports.Zones` turns a name into a time zone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.model import definition

# The characters that people write between the digits of a phone number: spaces of every kind, dashes, dots and brackets.
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212.()\[\]]+")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)([1-9]\d{4,14})", re.ASCII)
_LONGEST: Final = 3
"""The greatest number of digits in a country's calling code (ITU-T E.164)."""


def zone_of(profile: Mapping[str, Any], rules: definition.Calendar, workspace: str, known: Callable[[str], bool]) -> str:
    """Return the name of the customer's time zone.

    The first choice is `profile.timezone`, if `known` returns True for this name. The second choice is the zone of the country of
    `profile.phone`, unless the country has several local times. The last choice is `workspace`, the name of the workspace's zone.
    """
    named = profile.get("timezone")
    if isinstance(named, str) and known(named):
        return named
    phone = profile.get("phone")
    return (of_phone(phone, rules) if isinstance(phone, str) else None) or workspace


def of_phone(phone: str, rules: definition.Calendar) -> str | None:
    """Return the zone's name for a phone number in international form (`+65 9123 4567`, `0065…`), or None.

    The result is None for a number in any other form, and for a country with several local times. A number must begin with `+` or
    `00`, because the country is unclear otherwise: `62812345678` may be a local number.
    """
    match = _INTERNATIONAL.fullmatch(_BETWEEN.sub("", phone))
    if match is None:
        return None
    digits = match[1]
    return next((zone for length in range(_LONGEST, 0, -1) if (zone := rules.zones.get(digits[:length])) is not None), None)
