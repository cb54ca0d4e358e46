"""The examples that sell: given her events, exactly these messages, at these hours of her own clock, and nothing else.

Each journey produces, refuses and stays quiet. The whole bundle decides, so that other journeys, quiet hours and caps are in force.
"""

import pathlib
from typing import Any

import pytest

from engine.authoring.compiling import catalogs
from engine.core.context import catalog
from tests.acceptance.lives import Life

JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"
ORDER: dict[str, Any] = {"total": 150_000, "order_id": "o1", "cart_id": "k1"}


@pytest.fixture(scope="module")
def house() -> catalog.Catalog:
    return catalogs.load(JOURNEYS)


def bought(life: Life, *days: str, total: int = 150_000) -> Life:
    for day in days:
        life.does(f"{day} 13:00", "order.placed", total=total, order_id=f"o-{day}", cart_id=f"k-{day}")
    return life


# payday-offer


def test_payday_comes_at_nine_of_her_own_clock(house: catalog.Catalog) -> None:
    """25 April 2026 is a Saturday, so payday is Friday the 24th; 09:00 in Jayapura; SMS half an hour later without a delivery."""
    papua = bought(Life(house, zone="Asia/Jayapura"), "2026-04-02")
    assert papua.story("payday-offer", "2026-04-30 00:00") == [
        "24 Apr 09:00 entered",
        "24 Apr 09:00 arm shipping",
        "24 Apr 09:00 whatsapp payday-shipping",
        "24 Apr 09:30 sms payday-shipping",
        "24 Apr 09:30 requested",
        "24 Apr 09:30 completed",
    ]


def test_who_has_never_bought_or_said_no_is_not_the_audience(house: catalog.Catalog) -> None:
    """Nothing is decided for who is not in the audience: no order yet, or no consent."""
    assert Life(house).story("payday-offer", "2026-04-30 00:00") == []
    assert bought(Life(house, consent=False), "2026-04-02").story("payday-offer", "2026-04-30 00:00") == []


def test_the_held_out_get_nothing_and_their_orders_count(house: catalog.Catalog) -> None:
    """One in ten is held out: an arm, no message, and the goal is watched all the same."""
    held_out = bought(Life(house, "c11"), "2026-04-02", "2026-04-25")
    assert held_out.story("payday-offer", "2026-04-30 00:00") == [
        "24 Apr 09:00 entered, held out",
        "24 Apr 09:00 arm percent",
        "24 Apr 09:00 suppressed held_out",
        "24 Apr 09:00 completed",
        "25 Apr 13:00 goal 150000",
    ]


def test_an_order_before_the_fallback_ends_the_payday_offer(house: catalog.Catalog) -> None:
    """Who buys within the half hour gets no SMS."""
    life = bought(Life(house), "2026-04-02")
    life.does("2026-04-24 09:20", "order.placed", **ORDER)
    assert life.story("payday-offer", "2026-04-30 00:00")[2:] == [
        "24 Apr 09:00 whatsapp payday-shipping",
        "24 Apr 09:20 exited bought",
        "24 Apr 09:20 goal 150000",
    ]


# voucher-by-distance


def test_near_the_gallery_a_voucher_comes_by_sms_then_whatsapp(house: catalog.Catalog) -> None:
    """Within two kilometres: SMS, and WhatsApp after ten minutes without a delivery; once within a month."""
    life = Life(house)
    life.does("2026-03-06 12:00", "location.updated", lat=-6.2, lon=106.82)
    life.does("2026-03-20 12:00", "location.updated", lat=-6.2, lon=106.82)
    assert life.story("voucher-by-distance", "2026-03-30 00:00") == [
        "06 Mar 12:00 entered",
        "06 Mar 12:00 sms gallery-voucher",
        "06 Mar 12:10 whatsapp gallery-voucher",
        "06 Mar 12:10 requested",
        "06 Mar 12:10 completed",
        "20 Mar 12:00 refused reentry",
    ]


def test_a_voucher_that_can_wait_till_morning_is_none(house: catalog.Catalog) -> None:
    """At night it would come after its two hours: suppressed, not deferred. Far away, or an old position: nobody enters."""
    night = Life(house)
    night.does("2026-03-06 20:30", "location.updated", lat=-6.2, lon=106.82)
    assert night.story("voucher-by-distance", "2026-03-30 00:00")[1:] == [
        "06 Mar 20:30 suppressed quiet_hours",
        "06 Mar 20:30 completed",
    ]
    far = Life(house)
    far.does("2026-03-06 12:00", "location.updated", lat=-6.3, lon=106.82)
    far.does("2026-03-06 13:00", "location.updated", recorded="2026-03-06 13:11", lat=-6.2, lon=106.82)
    assert far.story("voucher-by-distance", "2026-03-30 00:00") == ["06 Mar 13:11 refused max_age"]


# win-back


def test_a_good_customer_who_is_late_is_won_back(house: catalog.Catalog) -> None:
    """31 days after her last order, at ten: the voucher for who spent enough; WhatsApp the day after, unless she clicked."""
    life = bought(Life(house, "c2"), "2026-02-01", "2026-02-10")
    assert life.story("win-back", "2026-04-01 00:00") == [
        "13 Mar 00:00 entered",
        "13 Mar 10:00 offer voucher",
        "13 Mar 10:00 email win-back-voucher",
        "14 Mar 10:00 whatsapp win-back-voucher",
        "14 Mar 14:00 unreached",
        "21 Mar 14:00 completed",
    ]
    life.hears("2026-03-13 11:00", "clicked", "win-back")
    assert life.story("win-back", "2026-04-01 00:00")[2:] == [
        "13 Mar 10:00 email win-back-voucher",
        "13 Mar 11:00 reached",
        "20 Mar 11:00 completed",
    ]


def test_small_baskets_get_free_shipping_and_great_ones_a_call(house: catalog.Catalog) -> None:
    """The next best offer goes by what she spent; who spent most and does not answer is called."""
    small = bought(Life(house, "c2"), "2026-02-01", "2026-02-10", total=100_000)
    assert small.story("win-back", "2026-03-14 00:00")[1] == "13 Mar 10:00 offer shipping"
    great = bought(Life(house, "c2"), "2026-02-01", "2026-02-10", total=400_000)
    assert great.story("win-back", "2026-04-01 00:00")[-3:] == [
        "21 Mar 14:00 agent sales",
        "21 Mar 14:00 requested",
        "21 Mar 14:00 completed",
    ]
    assert great.content("2026-03-22 00:00")["text"] == (
        "Ayu: 2 pesanan, Rp800.000 setahun, terakhir 10 Februari 2026. Penawaran tidak dijawab."
    )


def test_who_comes_back_or_bought_once_is_not_won_back(house: catalog.Catalog) -> None:
    """An order leads out at once; one order alone never led in."""
    back = bought(Life(house, "c2"), "2026-02-01", "2026-02-10")
    back.does("2026-03-13 09:00", "order.placed", **ORDER)
    assert back.story("win-back", "2026-04-01 00:00") == [
        "13 Mar 00:00 entered",
        "13 Mar 09:00 exited came_back",
        "13 Mar 09:00 goal 150000",
    ]
    assert bought(Life(house), "2026-02-01").story("win-back", "2026-04-01 00:00") == []


# pricing-follow-up and churn-save


def viewed(life: Life, path: str, *clocks: str) -> Life:
    for clock in clocks:
        life.does(clock, "page.viewed", path=path)
    return life


def test_three_looks_at_the_prices_within_an_hour_are_a_task_for_sales(house: catalog.Catalog) -> None:
    """A Friday: sales is asked at once, and an email follows on Monday morning."""
    life = viewed(Life(house), "/pricing", "2026-03-06 10:00", "2026-03-06 10:20", "2026-03-06 10:59")
    assert life.story("pricing-follow-up", "2026-03-30 00:00") == [
        "06 Mar 10:59 entered",
        "06 Mar 10:59 agent sales",
        "06 Mar 10:59 requested",
        "09 Mar 09:00 email pricing-answers",
        "09 Mar 09:00 requested",
        "09 Mar 09:00 completed",
    ]
    task = life.content("2026-03-06 11:00")
    assert task["text"] == "Ayu melihat halaman harga 3 kali dalam satu jam. Pesanan sejauh ini: 0."


def test_who_was_called_gets_no_email_and_slow_looks_are_no_sign(house: catalog.Catalog) -> None:
    """Sales reached her: out. Three looks in more than an hour: nothing."""
    called = viewed(Life(house), "/pricing", "2026-03-06 10:00", "2026-03-06 10:20", "2026-03-06 10:59")
    called.does("2026-03-06 14:00", "sales.contacted")
    assert called.story("pricing-follow-up", "2026-03-30 00:00")[-1] == "06 Mar 14:00 exited contacted"
    slow = viewed(Life(house), "/pricing", "2026-03-06 10:00", "2026-03-06 10:20", "2026-03-06 11:00")
    assert slow.story("pricing-follow-up", "2026-03-30 00:00") == []


CANCELS = ("2026-03-02 10:00", "2026-03-04 10:00", "2026-03-06 10:00")


def test_three_visits_of_the_cancel_page_bring_an_offer_to_pause(house: catalog.Catalog) -> None:
    """Within a week; ten minutes after the last look; by email if WhatsApp was not read."""
    life = viewed(Life(house), "/cancel", *CANCELS, "2026-03-06 10:05")
    assert life.story("churn-save", "2026-03-30 00:00") == [
        "06 Mar 10:00 entered",
        "06 Mar 10:05 refused active",
        "06 Mar 10:15 whatsapp pause-offer",
        "06 Mar 16:15 email pause-offer",
        "06 Mar 16:15 requested",
        "06 Mar 16:15 completed",
    ]


def test_a_good_customer_is_called_and_only_then_written_to(house: catalog.Catalog) -> None:
    """A reply of the desk ends it; without one within a day the offer follows."""
    good = viewed(bought(Life(house), "2026-01-20", total=500_000), "/cancel", *CANCELS)
    assert good.story("churn-save", "2026-03-07 23:00")[1:4] == [
        "06 Mar 10:10 agent care",
        "07 Mar 10:10 unreached",
        "07 Mar 10:10 whatsapp pause-offer",
    ]
    good.hears("2026-03-06 11:00", "replied", "churn-save")
    assert good.story("churn-save", "2026-03-30 00:00")[2:] == ["06 Mar 11:00 reached", "06 Mar 11:00 exited called"]


def test_who_has_cancelled_is_not_argued_with(house: catalog.Catalog) -> None:
    """Out before a word; and two visits are none of our business."""
    gone = viewed(Life(house), "/cancel", *CANCELS)
    gone.does("2026-03-06 10:03", "membership.cancelled")
    assert gone.story("churn-save", "2026-03-30 00:00") == ["06 Mar 10:00 entered", "06 Mar 10:03 exited cancelled"]
    assert viewed(Life(house), "/cancel", *CANCELS[:2]).story("churn-save", "2026-03-30 00:00") == []


# second-purchase


def test_the_first_order_is_followed_up_for_ninety_days(house: catalog.Catalog) -> None:
    """Tips after two weeks, a voucher after a month, and ten days before the end for who read the tips."""
    life = bought(Life(house, "c3"), "2026-02-01")
    life.hears("2026-02-16 12:00", "clicked", "second-purchase")
    assert life.story("second-purchase", "2026-06-01 00:00") == [
        "01 Feb 13:00 entered",
        "16 Feb 10:00 email first-order-tips",
        "16 Feb 12:00 reached",
        "04 Mar 10:00 whatsapp second-order-voucher",
        "04 Mar 11:00 email second-order-voucher",
        "04 Mar 11:00 requested",
        "22 Apr 13:00 email second-order-voucher",
        "22 Apr 13:00 requested",
        "22 Apr 13:00 completed",
    ]


def test_the_second_order_ends_it_and_is_the_goal(house: catalog.Catalog) -> None:
    """Out and counted; the third order leads nobody in again. A cancelled first order ends it too."""
    life = bought(Life(house, "c3"), "2026-02-01", "2026-02-20", "2026-02-25")
    assert life.story("second-purchase", "2026-06-01 00:00")[-2:] == [
        "20 Feb 13:00 exited second_order",
        "20 Feb 13:00 goal 150000",
    ]
    undone = bought(Life(house, "c3"), "2026-02-01")
    undone.does("2026-02-03 09:00", "order.cancelled", order_id="o-2026-02-01")
    assert undone.story("second-purchase", "2026-06-01 00:00") == [
        "01 Feb 13:00 entered",
        "03 Feb 09:00 exited first_order_cancelled",
    ]


# cart-abandonment, and who goes first


def test_a_basket_left_at_night_is_remembered_in_the_morning(house: catalog.Catalog) -> None:
    """After 20:00 the reminder waits for 08:00 of her own clock; it is dropped where that is after its twelve hours."""
    late = Life(house, zone="Asia/Makassar")
    late.does("2026-03-06 21:00", "cart.updated", cart_id="k", total=200_000)
    assert late.story("cart-abandonment", "2026-03-07 08:00") == [
        "06 Mar 21:00 entered",
        "06 Mar 21:45 deferred until 07 Mar 08:00 quiet_hours",
        "07 Mar 08:00 whatsapp cart-reminder",
    ]


def test_of_one_morning_the_journey_of_the_highest_priority_goes(house: catalog.Catalog) -> None:
    """One offer a day: at eight churn-save (60) takes the place, and the reminder of the basket (30), asked for before, is dropped."""
    life = Life(house)
    life.does("2026-02-10 22:00", "cart.updated", cart_id="k9", total=200_000)
    viewed(life, "/cancel", "2026-02-10 23:00", "2026-02-10 23:01", "2026-02-10 23:02")
    assert life.sent("2026-02-11 12:00") == ["11 Feb 08:00 whatsapp pause-offer"]
    assert life.story("cart-abandonment", "2026-02-11 12:00") == [
        "10 Feb 22:00 entered",
        "10 Feb 22:45 deferred until 11 Feb 08:00 quiet_hours",
        "11 Feb 08:00 suppressed cap",
    ]


def test_a_day_holds_one_offer(house: catalog.Catalog) -> None:
    """What is asked for later on the same day is dropped, whatever its priority; what she needs to know is not capped."""
    life = Life(house)
    life.does("2026-02-11 09:00", "cart.updated", cart_id="k9", total=200_000)
    viewed(life, "/cancel", "2026-02-11 12:00", "2026-02-11 12:01", "2026-02-11 12:02")
    life.does("2026-02-11 15:00", "order.shipped", order_id="o1", courier="JNE", tracking="ID1")
    assert life.story("churn-save", "2026-02-12 00:00")[1] == "11 Feb 12:12 suppressed cap"
    assert "11 Feb 15:00 sms delivery-notice" in life.sent("2026-02-12 00:00")
