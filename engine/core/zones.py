"""Whose clock: the name of a customer's time zone.

Called wherever a customer's own day matters. What the names mean is the outside's business (`ports.Zones`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.core import definition

# Spaces of every kind, dashes, dots and brackets: what people write between the digits of a phone number.
_BETWEEN: Final = re.compile(r"[\s\-\u2010-\u2015\u2212.()\[\]]+")
_INTERNATIONAL: Final = re.compile(r"(?:\+|00)([1-9]\d{4,14})", re.ASCII)
_LONGEST: Final = 3
"""No calling code has more digits (ITU-T E.164)."""


def zone_of(profile: Mapping[str, Any], rules: definition.Calendar, workspace: str, known: Callable[[str], bool]) -> str:
    """The zone of `profile.timezone` if it is `known`; else of the phone's country, where that has one; else the workspace's."""
    named = profile.get("timezone")
    if isinstance(named, str) and known(named):
        return named
    phone = profile.get("phone")
    return (of_phone(phone, rules) if isinstance(phone, str) else None) or workspace


def of_phone(phone: str, rules: definition.Calendar) -> str | None:
    """The zone of a number in international form (`+65 9123 4567`, `0065…`); None for any other, and for countries with several.

    A number without `+` or `00` names no country: `62812345678` may be a local one.
    """
    match = _INTERNATIONAL.fullmatch(_BETWEEN.sub("", phone))
    if match is None:
        return None
    digits = match[1]
    return next((zone for length in range(_LONGEST, 0, -1) if (zone := rules.zones.get(digits[:length])) is not None), None)
