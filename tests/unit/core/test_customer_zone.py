"""Whose clock: profile, then the phone's country, then the workspace."""

from typing import Any

import pytest

from engine.authoring import public_calendars
from engine.core.model import definition
from engine.core.rules import customer_zone

KNOWN = public_calendars.Zones().known
RULES = definition.Calendar(zones={"65": "Asia/Singapore", "67": "Asia/Nowhere", "673": "Asia/Brunei", "81": "Asia/Tokyo"})


def of(profile: dict[str, Any]) -> str:
    return customer_zone.zone_of(profile, RULES, "Asia/Jakarta", KNOWN)


def test_the_profile_says_it() -> None:
    """The customer's own zone wins over the phone's country."""
    assert of({"timezone": "Asia/Jayapura", "phone": "+6591234567"}) == "Asia/Jayapura"


@pytest.mark.parametrize(
    "named", ["Mars/Olympus", "", "asia/jayapura", "../etc/passwd", "/etc/localtime", None, 7, ["Asia/Jayapura"]]
)
def test_a_zone_that_does_not_exist_is_passed_over(named: object) -> None:
    """A zone that nobody knows never fails the customer: the phone's country decides."""
    assert of({"timezone": named, "phone": "+6591234567"}) == "Asia/Singapore"


@pytest.mark.parametrize(
    "phone",
    ["+6591234567", "+65 9123 4567", "+65-9123-4567", "+65 (9123) 45.67", "006591234567", "00 65 9123 4567", "[+65] 9123\u20114567",
     "+65\u00a09123\u20134567"],
)  # fmt: skip
def test_a_phone_has_a_country(phone: str) -> None:
    """International form with `+` or `00`, whatever people write between the digits."""
    assert of({"phone": phone}) == "Asia/Singapore"


def test_the_longest_calling_code_wins() -> None:
    """673 is Brunei, although 67 may be written too."""
    assert of({"phone": "+673 712 3456"}) == "Asia/Brunei"
    assert of({"phone": "+679 812 3456"}) == "Asia/Nowhere"


@pytest.mark.parametrize(
    "phone",
    [None, 6591234567, "", "+", "91234567", "6591234567", "081234567890", "+6281234567890", "+65 9123 4567 ext 3", "+065912345", "+65",
     "+6591234567890123", "+６５９１２３４５６７", "++6591234567"],
)  # fmt: skip
def test_without_a_country_of_one_zone_the_workspace_decides(phone: object) -> None:
    """A number in local form, of a country with several zones such as Indonesia, or that is no number, says nothing."""
    assert of({"phone": phone}) == "Asia/Jakarta"
    assert of({}) == "Asia/Jakarta"
