"""Public calendar data: holidays, time zones, and the zone of a calling code.

The compiler of policies and the linter call the functions, and the fold looks up time zones with `Zones`. No other module imports
the packages `holidays`, `phonenumbers` and `tzdata`. A bundle contains the holidays and the zones of calling codes, and the
version of `tzdata`, so the settings of a machine have no influence. Nothing here reads the clock: the caller passes `today`.
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
"""The version of the time zone database that this engine reads, such as `2026f`."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_INDONESIAN: Final = {"wib": "Asia/Jakarta", "wita": "Asia/Makassar", "wit": "Asia/Jayapura"}
_WEEK: Final = datetime.timedelta(days=7)


class UnknownCountry(errors.BundleError):
    """No public holidays are known of this country."""

    code = "DLG301"
    hint = "Write the two letters of ISO 3166 under policy.calendar.country, such as ID."


class Settings(Protocol):
    """The settings that a policy has under the key `calendar`."""

    @property
    def country(self) -> str:
        """The country whose public holidays count, as two letters of ISO 3166, such as `ID`."""

    @property
    def cuti_bersama(self) -> bool:
        """True if the joint leave days of Indonesia's government (cuti bersama) are holidays too."""

    @property
    def payday(self) -> int:
        """The day of the month on which salaries are paid, 1 to 31; 31 is the last day of every month."""

    @property
    def payday_shift(self) -> Literal["previous", "next", "none"]:
        """The rule for a payday on a weekend or holiday: it moves to the `previous` or `next` working day, or stays (`none`)."""


def compiled(settings: Settings, today: datetime.date) -> definition.Calendar:
    """Return the calendar for a bundle, with the holidays from last year to five years ahead.

    The calendar depends only on the settings and on the year of `today`. Raises `UnknownCountry` if no holidays are known for the
    country.
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
    """Return True if the holidays of a country are known; `country` is two capital letters of ISO 3166, such as `ID`."""
    try:
        return _COUNTRY.fullmatch(country) is not None and bool(holidays.country_holidays(country).country)
    except NotImplementedError:
        return False


def known_until(country: str) -> int | None:
    """Return the last year whose holidays are known for a country; None if the country is not known."""
    return holidays.country_holidays(country).end_year if knows(country) else None


class Zones:
    """The implementation of the port `Zones`, which looks up time zones by name.

    All zones come from the PyPI package `tzdata`. The time zone database of the operating system is never read, so that every
    machine finds the same zones.
    """

    def zone(self, name: str) -> datetime.tzinfo | None:
        """Return the time zone with this name, such as `Asia/Jakarta`; None if no zone has this name.

        Upper and lower case are equal, and white space around the name is ignored. The Indonesian abbreviations WIB, WITA and WIT
        (Keputusan Presiden 41/1987) are accepted as names too.
        """
        written = name.strip().lower()
        found = _INDONESIAN.get(written) or _spelt().get(written)
        return None if found is None else _zone(found)

    def known(self, name: str) -> bool:
        """Return True if a time zone has exactly this name; `asia/jakarta` is False, because the name is `Asia/Jakarta`.

        The linter calls this function: a YAML file has to use the exact name.
        """
        return name in names()


@functools.cache
def _spelt() -> Mapping[str, str]:
    """Return `{name in lower case: name}` for every time zone: `{"asia/jakarta": "Asia/Jakarta"}`.

    No two names have the same lower-case form.
    """
    return {name.lower(): name for name in names()}


@functools.cache
def names() -> frozenset[str]:
    """Return the names of all time zones.

    The name `Factory` is left out, because it means that nobody has set the time zone of a machine.
    """
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
    # For Indonesia, the category `government` means the joint leave days. For other countries it means days when government
    # offices are closed, and a payday does not move because of such a day.
    categories = ("public", "government") if cuti_bersama and country == "ID" else ("public",)
    return kind(years=years, categories=categories, language=kind.default_language)


@functools.cache
def _zones_by_code(years: tuple[int, ...]) -> Mapping[str, str]:
    """Return `{calling code: time zone}`, such as `{"65": "Asia/Singapore"}`.

    Several countries may share a calling code, and a country may have several time zones. A calling code is in the result only if
    all these time zones show the same time throughout `years`.
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
    """Return the clock changes of a time zone in these years, as pairs of (moment, new offset from UTC).

    The search goes week by week, so a change that is undone within a week is not found.
    """
    at, end = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (years[0], years[-1] + 1))
    changes = []
    while at < end:
        moment = calendar.change(at, at + _WEEK, zone)
        if moment is not None:
            changes.append((moment, moment.astimezone(zone).utcoffset()))
        at += _WEEK
    return tuple(changes)
