"""The name of a customer's time zone, from the profile, the phone number or the workspace.

`Catalog.zone_of` calls it. This file handles names only, such as `Asia/Jakarta`; `ports.Zones` turns a name into a zone.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core.model import definition

# The characters that people write between the digits of a phone number: spaces of every kind, dashes, dots and brackets.
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212.()\[\]]+")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)([1-9]\d{4,14})", re.ASCII)
_LONGEST: Final = 3
"""The most digits of a calling code (ITU-T E.164)."""


def zone_of(profile: Mapping[str, Any], rules: definition.Calendar, workspace: str, known: Callable[[str], bool]) -> str:
    """Return the name of the first zone that is known: of `profile.timezone`, of the phone's country, or of the workspace.

    `profile.timezone` is ignored if no zone has that name (`known`). The phone is ignored if its country has several zones.
    """
    named = profile.get("timezone")
    if isinstance(named, str) and known(named):
        return named
    phone = profile.get("phone")
    return (of_phone(phone, rules) if isinstance(phone, str) else None) or workspace


def of_phone(phone: str, rules: definition.Calendar) -> str | None:
    """Return the zone of a phone number in international form (`+65 9123 4567`, `0065…`), or None.

    Every other form gives None, and so do countries with several zones. A number without `+` or `00` names no country:
    `62812345678` may be a local one.
    """
    match = _INTERNATIONAL.fullmatch(_BETWEEN.sub("", phone))
    if match is None:
        return None
    digits = match[1]
    return next((zone for length in range(_LONGEST, 0, -1) if (zone := rules.zones.get(digits[:length])) is not None), None)
