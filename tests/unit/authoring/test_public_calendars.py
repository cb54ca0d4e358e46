"""Holidays, zones and calling codes as they go into a bundle, against tables that were made apart from the engine."""

import csv
import datetime
import pathlib
import subprocess
import sys
from importlib import resources

import msgspec
import phonenumbers
import pytest

from engine.authoring import public_calendars
from engine.core.model import definition
from engine.core.rules import calendar, customer_zone

DATA = pathlib.Path(__file__).parents[2] / "data"
TODAY = datetime.date(2026, 11, 25)
PLAIN = public_calendars.compiled(definition.Calendar(), TODAY)
WITH_LEAVE = public_calendars.compiled(definition.Calendar(cuti_bersama=True), TODAY)


def table(name: str) -> list[dict[str, str]]:
    """A table of tests/data; its first line is its source."""
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()[1:]))


def of_years(dates: tuple[datetime.date, ...]) -> list[str]:
    return [str(date) for date in dates if 2025 <= date.year <= 2027]


def test_indonesias_public_holidays_are_in_the_bundle() -> None:
    """Without cuti bersama, exactly the national holidays."""
    assert of_years(PLAIN.holidays) == [
        row["date"] for row in table("holidays_ID_2025_2027.csv") if row["kind"] == "libur_nasional"
    ]


def test_cuti_bersama_is_a_setting() -> None:
    """With it, the government's joint leave too."""
    assert of_years(WITH_LEAVE.holidays) == [row["date"] for row in table("holidays_ID_2025_2027.csv")]


@pytest.mark.parametrize("row", table("payday_25_2025_2027.csv"), ids=lambda row: row["nominal"])
def test_paydays_of_three_years(row: dict[str, str]) -> None:
    """The 25th moves to the working day before, from the bundle's own holidays, with and without cuti bersama."""
    nominal = datetime.date.fromisoformat(row["nominal"])
    for rules, column in ((PLAIN, "prev_working_day_public_only"), (WITH_LEAVE, "prev_working_day_incl_cuti_bersama")):
        found = calendar.payday(nominal.year, nominal.month, rules, frozenset(rules.holidays))
        assert str(found) == row[column]


def test_a_calendar_holds_last_year_to_five_years_on() -> None:
    """Whatever a fold depends on is in the bundle: holiday dates (last year to five years on)."""
    assert (PLAIN.first, PLAIN.last) == (2025, 2031)
    assert {date.year for date in PLAIN.holidays} == set(range(2025, 2032))
    assert PLAIN.holidays == tuple(sorted(set(PLAIN.holidays)))


def test_a_calendar_changes_with_the_year_alone() -> None:
    """Two compilations of one year give the same bytes, whatever the day and the language of the machine."""
    first = public_calendars.compiled(definition.Calendar(), datetime.date(2026, 1, 1))
    assert msgspec.json.encode(first) == msgspec.json.encode(PLAIN)
    assert public_calendars.compiled(definition.Calendar(), datetime.date(2027, 1, 1)).holidays != PLAIN.holidays


def test_joint_leave_is_indonesias() -> None:
    """Elsewhere `cuti_bersama` adds nothing: closed offices are no holidays."""
    there = definition.Calendar(country="IN")
    assert (
        public_calendars.compiled(there, TODAY).holidays
        == public_calendars.compiled(msgspec.structs.replace(there, cuti_bersama=True), TODAY).holidays
    )


@pytest.mark.parametrize("country", ["XX", "id", "IND", "", "Indonesia", "I1"])
def test_a_country_that_does_not_exist_is_refused(country: str) -> None:
    """Two capitals of ISO 3166, and nothing that only looks like them."""
    assert not public_calendars.knows(country)
    with pytest.raises(public_calendars.UnknownCountry, match="DLG301"):
        public_calendars.compiled(definition.Calendar(country=country), TODAY)


@pytest.mark.parametrize("country", ["ID", "SG", "MY", "US", "DE"])
def test_countries_that_exist_are_known(country: str) -> None:
    """And have holidays in each year."""
    assert public_calendars.knows(country)
    assert len({date.year for date in public_calendars.compiled(definition.Calendar(country=country), TODAY).holidays}) == 7


@pytest.mark.parametrize(
    ("code", "zone"),
    [("65", "Asia/Singapore"), ("60", "Asia/Kuala_Lumpur"), ("81", "Asia/Tokyo"), ("91", "Asia/Kolkata"), ("66", "Asia/Bangkok"),
     ("84", "Asia/Ho_Chi_Minh"), ("44", "Europe/London"), ("49", "Europe/Berlin"), ("673", "Asia/Brunei")],
)  # fmt: skip
def test_a_country_with_one_time_has_a_zone(code: str, zone: str) -> None:
    """One zone, or several that show the same time (Malaysia, Germany, Britain and its islands)."""
    assert PLAIN.zones[code] == zone


@pytest.mark.parametrize("code", ["62", "1", "7", "61", "86", "55", "52", "34", "351", "262", "800", "878", "870"])
def test_a_country_with_several_times_has_none(code: str) -> None:
    """The zone comes from the phone only where the country has one: not in Indonesia, nor where countries share a code and differ."""
    assert code not in PLAIN.zones


def test_zones_that_stand_for_a_code_agree() -> None:
    """At each hour of two years a Malaysian phone shows the time of Kuching too, a British one that of Jersey, an Argentine one Ushuaia's."""
    pairs = [("60", "Asia/Kuching"), ("44", "Europe/Jersey"), ("54", "America/Argentina/Ushuaia"), ("212", "Africa/El_Aaiun")]
    for code, other in pairs:
        one, two = public_calendars.Zones().zone(PLAIN.zones[code]), public_calendars.Zones().zone(other)
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        for _ in range(2 * 365 * 24):
            assert at.astimezone(one).utcoffset() == at.astimezone(two).utcoffset()
            at += datetime.timedelta(hours=1)


@pytest.mark.parametrize("row", table("phone_cases_ID.csv"), ids=lambda row: row["input"])
def test_a_phone_gives_a_zone_only_in_international_form(row: dict[str, str]) -> None:
    """A valid number of Singapore does; Indonesia's never do; local forms name no country."""
    known = public_calendars.Zones().known
    expected = "Asia/Singapore" if row["input"].startswith("+65") else "Asia/Jayapura"
    assert customer_zone.zone_of({"phone": row["input"]}, PLAIN, "Asia/Jayapura", known) == expected
    assert customer_zone.zone_of({"phone": row["e164"]}, PLAIN, "Asia/Jayapura", known) == expected


def test_an_example_number_of_every_country_finds_its_code() -> None:
    """Reading the code off the digits agrees with phonenumbers, for a mobile number of each of the world's countries."""
    seen = set()
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is not None:
            text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
            assert customer_zone.of_phone(text, PLAIN) == PLAIN.zones.get(str(number.country_code)), text
            seen.add(str(number.country_code))
    assert set(PLAIN.zones) <= seen


def test_every_zone_can_be_read() -> None:
    """Every name of the tz database is a zone, read once."""
    port = public_calendars.Zones()
    for name in public_calendars.names():
        zone = port.zone(name)
        assert zone is not None
        assert str(zone) == name
        assert port.zone(name) is zone
    assert set(PLAIN.zones.values()) <= public_calendars.names()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "+09:00",
        "wibb",
        "../zones",
        "/etc/localtime",
        "Asia",
        "Factory",
        "Asia\\Jakarta",
        "a\0b",
    ],
)
def test_what_is_no_zone_is_none(name: str) -> None:
    """Nothing outside the database is read, whatever the name."""
    assert public_calendars.Zones().zone(name) is None
    assert not public_calendars.Zones().known(name)


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("WIB", "Asia/Jakarta"),
        ("WITA", "Asia/Makassar"),
        ("wit", "Asia/Jayapura"),
        ("asia/jayapura", "Asia/Jayapura"),
        (" Asia/Jayapura\n", "Asia/Jayapura"),
        ("america/new_york", "America/New_York"),
    ],
)
def test_a_profile_may_name_its_zone_as_people_do(written: str, zone: str) -> None:
    """WIB, WITA and WIT are zones (Keppres 41/1987), and letters and space around a name do not matter; files spell as the database."""
    assert str(public_calendars.Zones().zone(written)) == zone
    assert not public_calendars.Zones().known(written)


def test_the_systems_database_never_decides(tmp_path: pathlib.Path) -> None:
    """With a system on which Jakarta is in London, Jakarta's clocks go right."""
    (tmp_path / "Asia").mkdir()
    london = pathlib.Path(str(resources.files("tzdata").joinpath("zoneinfo", "Europe", "London")))
    (tmp_path / "Asia" / "Jakarta").write_bytes(london.read_bytes())
    program = (
        "import datetime, zoneinfo\n"
        "from engine.authoring import public_calendars\n"
        "at = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)\n"
        "print(at.astimezone(zoneinfo.ZoneInfo('Asia/Jakarta')).hour, at.astimezone(public_calendars.Zones().zone('Asia/Jakarta')).hour)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONTZPATH": str(tmp_path), "LANG": "de_DE.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["0", "7"]


def test_a_bundle_says_which_zones_it_was_made_with() -> None:
    """The version of tzdata is in the bundle, so that a replay under another can say so."""
    assert PLAIN.tzdata == public_calendars.TZDATA
    assert PLAIN.tzdata[:2] == "20"
