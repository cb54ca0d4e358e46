import datetime

import pytest

from engine.authoring.language import times


@pytest.mark.parametrize(("text", "expected"), [("00:00", 0), ("09:05", 545), ("23:59", 1439)])
def test_a_time_of_the_day_is_its_minute(text: str, expected: int) -> None:
    """Two digits, a colon, two digits."""
    assert expected == times.clock(text)


@pytest.mark.parametrize("value", ["24:00", "9:00", "09:60", "0900", "09:00:00", " 09:00", "09:00\n", "٠٩:٠٠", 540, None, True])
def test_anything_else_is_no_time_of_the_day(value: object) -> None:
    """Midnight is 00:00; other digits, seconds and numbers are refused."""
    with pytest.raises(ValueError, match="time of the day"):
        times.clock(value)


def test_quiet_hours_may_cross_midnight() -> None:
    """The start is quiet, the end is open; they differ."""
    assert times.span("20:00-08:00") == (1200, 480)
    assert times.span("12:00-13:30") == (720, 810)
    for refused in ("08:00-08:00", "20:00", "20:00 - 08:00", "20-8", 5):
        with pytest.raises(ValueError, match="Quiet hours"):
            times.span(refused)


@pytest.mark.parametrize(("text", "expected"), [("0%", 0), ("10%", 1000), ("2.5%", 250), ("0.01%", 1), ("100.00%", 10_000)])
def test_a_share_is_in_hundredths_of_a_percent(text: str, expected: int) -> None:
    """At most two decimals, from 0 to 100."""
    assert expected == times.share(text)


@pytest.mark.parametrize("value", ["10", "101%", "100.01%", "1.234%", "-1%", ".5%", "10 %", 10, 0.1, None])
def test_anything_else_is_no_share(value: object) -> None:
    """A bare number would be anybody's guess."""
    with pytest.raises(ValueError, match="share"):
        times.share(value)


def test_a_moved_duration_points_back() -> None:
    """With a minus in front."""
    assert (times.moved("-24h"), times.moved("24h"), times.moved("-0s")) == (-86_400_000, 86_400_000, 0)
    for refused in ("--24h", "- 24h", "+24h", "-", -24):
        with pytest.raises(ValueError, match="duration"):
            times.moved(refused)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90d", (90, 0)), ("2w", (14, 0)), ("1h", (0, 3_600_000)), ("24h", (0, 86_400_000)), ("30s", (0, 30_000))],
)
def test_a_window_counts_days_or_is_exact(text: str, expected: tuple[int, int]) -> None:
    """Of d and w calendar days, of h, m and s so long exactly: 24h is not 1d."""
    assert expected == times.window(text) == times.per(text)


def test_a_cap_may_be_per_day() -> None:
    """One calendar day; a window is no `day`, and neither is empty."""
    assert times.per("day") == (1, 0)
    for refused in ("0d", "0h", "month", 7):
        with pytest.raises(ValueError, match="or day"):
            times.per(refused)
    with pytest.raises(ValueError, match="duration"):
        times.window("day")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("payday", "payday"),
        ("daily", "daily"),
        (31, 31),
        (["fri", "mon", "fri"], ["mon", "fri"]),
        ("2028-02-29", datetime.date(2028, 2, 29)),
    ],
)
def test_a_day_of_a_schedule_has_five_forms(written: object, expected: object) -> None:
    """payday, daily, weekdays, a day of the month, a date."""
    assert expected == times.day(written)


@pytest.mark.parametrize(
    "written", ["monday", "mon", 0, 32, 1.0, True, [], ["monday"], [1], [["mon"]], "2026-02-30", "2026-2-3", {}, None]
)
def test_anything_else_is_no_day(written: object) -> None:
    """Also a day that the calendar does not have."""
    with pytest.raises(ValueError, match=r"A day is|There is no day"):
        times.day(written)
