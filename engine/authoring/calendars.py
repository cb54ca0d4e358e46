"""What the world says of calendars: the zones of the tz database.

The core takes zones as objects and holidays as dates; here is where they come from, so that they are in the bundle or pinned
with the libraries, and never the machine's own.
"""

import datetime
import functools
import zoneinfo
from importlib import resources
from typing import Final

import tzdata

TZDATA: Final[str] = tzdata.IANA_VERSION
"""The version of the zone database that this engine reads (`2026f`)."""


class Zones:
    """The port `Zones`: reads the PyPI package `tzdata` and nothing else, so that the system's database never decides."""

    def zone(self, name: str) -> datetime.tzinfo | None:
        """The zone of that name as the tz database spells it; None if there is none."""
        return _zone(name) if name in names() else None

    def known(self, name: str) -> bool:
        """Whether there is a zone of that name."""
        return name in names()


@functools.cache
def names() -> frozenset[str]:
    """Every zone's name. `Factory` is none: it stands for a machine whose zone nobody has set."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {"Factory"}


@functools.cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)
