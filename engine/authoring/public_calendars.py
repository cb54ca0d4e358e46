"""Public calendar data: holidays, time zones, and the zone of a calling code.

Called when a policy is compiled, and by the core through the port `Zones`. Only this module imports `holidays`, `phonenumbers`
and `tzdata`. Their data goes into the bundle, or their versions are pinned, so the data of the machine is never used.
"""

import datetime
import functools
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Final, Literal, Protocol

import holidays
import phonenumbers
import tzdata

from engine.core import errors
from engine.core.model import definition
from engine.core.rules import calendar

TZDATA: Final[str] = tzdata.IANA_VERSION
"""The version of the zone database that this engine reads (`2026f`)."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_INDONESIAN: Final = {"wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura"}
_WEEK: Final = datetime.timedelta(days=7)


class UnknownCountry(errors.BundleError):
    """The public holidays of this country are not known."""

    code = "DLG301"
    hint = "Write the two letters of ISO 3166 under policy.calendar.country, such as ID."


class Settings(Protocol):
    """The keys under `calendar` in policy.yaml."""

    @property
    def country(self) -> str:
        """The code of the country: two letters (ISO 3166)."""

    @property
    def cuti_bersama(self) -> bool:
        """True if the government's joint leave (cuti bersama) counts as holidays too."""

    @property
    def payday(self) -> int:
        """The day of the month."""

    @property
    def payday_shift(self) -> Literal["previous", "next", "none"]:
        """The direction in which payday moves if it falls on a weekend or a holiday."""


def compiled(settings: Settings, today: datetime.date) -> definition.Calendar:
    """Return the calendar of a bundle, from last year to five years ahead.

    It depends only on the settings and on the year of `today`. Raises `UnknownCountry` if the country's holidays are not known.
    """
    years = _years(today)
    return definition.Calendar(
        country=settings.country,
        cuti_bersama=settings.cuti_bersama,
        payday=settings.payday,
        payday_shift=settings.payday_shift,
        holidays=tuple(sorted(_holidays(settings.country, settings.cuti_bersama, years))),
        first=years[0],
        last=years[-1],
        zones=_zones_by_code(years),
        tzdata=TZDATA,
    )


def knows(country: str) -> bool:
    """Return True if the holidays of a country (two capitals of ISO 3166) are known."""
    try:
        return _COUNTRY.fullmatch(country) is not None and bool(holidays.country_holidays(country).country)
    except NotImplementedError:
        return False


def known_until(country: str) -> int | None:
    """Return the last year whose holidays are known for a country; None if the country is not known."""
    return holidays.country_holidays(country).end_year if knows(country) else None


class Zones:
    """The port `Zones`: it reads the PyPI package `tzdata` only, never the zone database of the machine."""

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the zone of that name, or None if no zone has that name.

        Case and surrounding white space do not matter. Indonesia's own abbreviations (WIB, WITA, WIT: Keputusan Presiden 41/1987)
        are names too.
        """
        written = name.strip().lower()
        found = _INDONESIAN.get(written) or _spelt().get(written)
        return None if found is None else _zone(found)

    def known(self, name: str) -> bool:
        """Return True if the zone database has this name in exactly this spelling; files must use this spelling."""
        return name in names()


@functools.cache
def _spelt() -> Mapping[str, str]:
    """Return `{name in lower case: name}` of every zone; no two names are the same in lower case."""
    return {name.lower(): name for name in names()}


@functools.cache
def names() -> frozenset[str]:
    """Return every zone's name, without `Factory`, which means that a machine has no zone set."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {"Factory"}


@functools.cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)


def _years(today: datetime.date) -> tuple[int, ...]:
    return tuple(range(today.year - 1, today.year + 6))


def _holidays(country: str, cuti_bersama: bool, years: tuple[int, ...]) -> holidays.HolidayBase:
    if not knows(country):
        raise UnknownCountry(f"No public holidays are known of the country {country[:40]!r}.")
    kind = type(holidays.country_holidays(country))
    # `government` is Indonesia's joint leave. In other countries it means closed offices, and no payday moves for those.
    categories = ("public", "government") if cuti_bersama and country == "ID" else ("public",)
    return kind(years=years, categories=categories, language=kind.default_language)


@functools.cache
def _zones_by_code(years: tuple[int, ...]) -> Mapping[str, str]:
    """Return `{calling code: zone}` for codes whose zones all show the same time in all these years.

    The zones of a code are all zones of all countries with that code.
    """
    by_country = _zones_by_country()
    found = {}
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        if all(region in by_country for region in regions):
            named = [name for region in regions for name in by_country[region]]
            if _agree(named, years):
                found[str(code)] = named[0]
    return dict(sorted(found.items()))


def _zones_by_country() -> Mapping[str, Sequence[str]]:
    by_country: dict[str, list[str]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name = line.split("\t")[:3]
            by_country.setdefault(country, []).append(name)
    return by_country


def _agree(names: Sequence[str], years: tuple[int, ...]) -> bool:
    if len(names) == 1:
        return True
    start = datetime.datetime(years[0], 1, 1, tzinfo=datetime.UTC)
    if len({start.astimezone(_zone(name)).utcoffset() for name in names}) > 1:
        return False
    return len({_changes(_zone(name), years) for name in names}) == 1


def _changes(zone: datetime.tzinfo, years: tuple[int, ...]) -> tuple[tuple[datetime.datetime, datetime.timedelta | None], ...]:
    """Return the changes of a zone's clocks in these years, as (time, new offset).

    The search looks at one moment a week, so it misses an offset that lasts less than a week.
    """
    at, end = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (years[0], years[-1] + 1))
    changes = []
    while at < end:
        moment = calendar.change(at, at + _WEEK, zone)
        if moment is not None:
            changes.append((moment, moment.astimezone(zone).utcoffset()))
        at += _WEEK
    return tuple(changes)
