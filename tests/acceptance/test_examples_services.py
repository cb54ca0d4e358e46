"""The examples that serve: codes, parcels, disruptions, help, draws and tiers. As test_examples_offers.py."""

import pytest

from engine.authoring.compiling import catalogs
from engine.core.context import catalog
from tests.acceptance.lives import Life
from tests.acceptance.test_examples_offers import JOURNEYS, bought


@pytest.fixture(scope="module")
def house() -> catalog.Catalog:
    return catalogs.load(JOURNEYS)


# loyalty-upgrade


def test_gold_is_written_down_told_and_celebrated(house: catalog.Catalog) -> None:
    """At the very order: the profile and an event; the message at ten, over push, WhatsApp and email."""
    life = bought(Life(house, "c2"), "2026-02-01", total=500_000)
    life.does("2026-02-11 23:10", "order.placed", total=100_000, order_id="o2", cart_id="k2")
    assert life.story("loyalty-upgrade", "2026-03-01 00:00") == [
        "11 Feb 23:10 entered",
        "11 Feb 23:10 emits tier.changed",
        "12 Feb 10:00 push gold-welcome",
        "12 Feb 16:00 whatsapp gold-welcome",
        "12 Feb 18:00 email gold-welcome",
        "12 Feb 18:00 requested",
        "12 Feb 18:00 completed",
    ]
    known = life.profile("2026-02-12 00:00")
    assert (known["tier"], known["tier_since"]) == ("gold", "2026-02-11T16:10:00Z")


def test_gold_needs_no_marketing_consent_and_comes_once(house: catalog.Catalog) -> None:
    """It is about her account; who is gold already is not told again, and who spent less is not gold."""
    quiet = bought(Life(house, consent=False), "2026-02-01", total=700_000)
    assert quiet.sent("2026-02-02 11:00") == ["02 Feb 10:00 push gold-welcome"]
    assert bought(Life(house, tier="gold"), "2026-02-01", total=700_000).story("loyalty-upgrade", "2026-03-01 00:00") == []
    assert bought(Life(house), "2026-02-01", total=599_999).story("loyalty-upgrade", "2026-03-01 00:00") == []


# otp


def test_a_code_goes_by_whatsapp_and_after_45_seconds_by_sms(house: catalog.Catalog) -> None:
    """At three in the morning too, and without any consent."""
    life = Life(house, consent=False)
    life.does("2026-03-06 03:00", "otp.requested", request_id="r1", code="123456")
    assert life.story("otp", "2026-03-07 00:00") == [
        "06 Mar 03:00 entered",
        "06 Mar 03:00 whatsapp otp",
        "06 Mar 03:00:45 sms otp",
        "06 Mar 03:02:45 unreached",
        "06 Mar 03:02:45 completed",
    ]
    assert life.content("2026-03-06 03:01")["text"].startswith("Toko Example: kode masuk Anda 123456, berlaku 5 menit.")


def test_a_code_that_arrived_or_was_used_is_not_sent_again(house: catalog.Catalog) -> None:
    """Delivered: no SMS. Verified: out. A newer request ends the older, and each goes once however often it is asked."""
    delivered = Life(house)
    delivered.does("2026-03-06 03:00", "otp.requested", request_id="r1", code="123456")
    delivered.hears("2026-03-06 03:00:20", "delivered", "otp")
    assert delivered.sent("2026-03-07 00:00") == ["06 Mar 03:00 whatsapp otp"]
    used = Life(house)
    used.does("2026-03-06 03:00", "otp.requested", request_id="r1", code="123456")
    used.does("2026-03-06 03:00:30", "otp.requested", request_id="r2", code="654321")
    used.does("2026-03-06 03:00:40", "otp.verified", request_id="r2")
    used.does("2026-03-06 03:01:40", "otp.requested", request_id="r2", code="654321")
    assert used.story("otp", "2026-03-07 00:00") == [
        "06 Mar 03:00 entered",
        "06 Mar 03:00 whatsapp otp",
        "06 Mar 03:00:30 exited newer_code",
        "06 Mar 03:00:30 entered",
        "06 Mar 03:00:30 whatsapp otp",
        "06 Mar 03:00:40 exited verified",
        "06 Mar 03:01:40 refused reentry",
    ]


def test_a_code_that_comes_late_is_not_sent_at_all(house: catalog.Catalog) -> None:
    """Recorded more than two minutes after the request: nobody waits for it any more."""
    late = Life(house)
    late.does("2026-03-06 03:00", "otp.requested", recorded="2026-03-06 03:02:01", request_id="r1", code="123456")
    assert late.story("otp", "2026-03-07 00:00") == ["06 Mar 03:02:01 refused max_age"]


# scan-and-win


def scanned(life: Life) -> Life:
    life.does("2026-03-06 22:00", "message.received", channel="whatsapp", text="IKUT")
    life.does("2026-03-06 22:00", "qr.scanned", campaign="kopi")
    return life


def test_who_says_yes_is_in_the_draw(house: catalog.Catalog) -> None:
    """The invitation needs no consent and goes into the chat that she opened; the draw is recorded, and one of ten wins."""
    lost, won = (scanned(Life(house, name, consent=False)) for name in ("q", "q14"))
    for life in (lost, won):
        life.does("2026-03-06 22:05", "message.received", channel="whatsapp", payload="YA")
        life.does("2026-03-06 22:05", "consent.granted", purpose="marketing", channel="whatsapp", proof="YA")
    assert lost.story("scan-and-win", "2026-03-09 00:00") == [
        "06 Mar 22:00 entered",
        "06 Mar 22:00 whatsapp scan-invite",
        "06 Mar 22:00 requested",
        "06 Mar 22:05 arm lost",
        "06 Mar 22:05 whatsapp scan-lost",
        "06 Mar 22:05 requested",
        "06 Mar 22:05 completed",
    ]
    assert won.story("scan-and-win", "2026-03-09 00:00")[3:] == [
        "06 Mar 22:05 arm won",
        "06 Mar 22:05 emits prize.won",
        "06 Mar 22:05 whatsapp scan-won",
        "06 Mar 23:05 sms scan-won",
        "06 Mar 23:05 requested",
        "06 Mar 23:05 completed",
    ]


def test_a_no_a_silence_and_a_second_scan_lead_nowhere(house: catalog.Catalog) -> None:
    """Declined, or no answer within a day; and the same campaign only once."""
    no = scanned(Life(house, consent=False))
    no.does("2026-03-06 22:05", "message.received", channel="whatsapp", payload="TIDAK")
    assert no.story("scan-and-win", "2026-03-09 00:00")[-1] == "06 Mar 22:05 exited declined"
    silent = scanned(Life(house, consent=False))
    silent.does("2026-03-08 10:00", "qr.scanned", campaign="kopi")
    assert silent.story("scan-and-win", "2026-03-09 00:00")[-2:] == [
        "07 Mar 22:00 exited no_answer",
        "08 Mar 10:00 refused reentry",
    ]


def test_without_a_chat_there_is_no_free_text(house: catalog.Catalog) -> None:
    """WhatsApp takes free text only within 24 hours of her last message."""
    life = Life(house, consent=False)
    life.does("2026-03-06 22:00", "qr.scanned", campaign="kopi")
    assert life.story("scan-and-win", "2026-03-09 00:00")[1] == "06 Mar 22:00 suppressed outside_window"


# travel-disruption

FLIGHT = {"booking": "B1", "flight": "TX 101", "departs_at": "2026-03-06T08:00:00+07:00"}


def test_a_cancelled_flight_is_told_until_she_has_seen_it(house: catalog.Catalog) -> None:
    """Push, after five minutes email, after ten more WhatsApp; whoever has not chosen an hour later is called."""
    life = Life(house)
    life.does("2026-03-06 02:00", "flight.cancelled", **FLIGHT)
    assert life.story("travel-disruption", "2026-03-09 00:00") == [
        "06 Mar 02:00 entered",
        "06 Mar 02:00 push flight-disrupted",
        "06 Mar 02:05 email flight-disrupted",
        "06 Mar 02:15 whatsapp flight-disrupted",
        "06 Mar 02:45 unreached",
        "06 Mar 03:45 agent rebooking",
        "06 Mar 03:45 requested",
        "06 Mar 03:45 completed",
    ]
    asked = " ".join(life.content("2026-03-09 00:00")["text"].split())
    assert asked == "Ayu: TX 101 pada 6 Maret, 08.00 WIB dibatalkan, belum memilih penerbangan lain. Pesanan B1."


def test_a_newer_notice_replaces_the_older(house: catalog.Catalog) -> None:
    """Delayed, then cancelled: it starts again, in her language; who opened the push is told no more."""
    life = Life(house, language="en")
    life.does("2026-03-06 02:00", "flight.delayed", **FLIGHT, new_departure="2026-03-06T10:30:00+07:00")
    assert life.content("2026-03-06 02:01")["body"] == "New time: 6 March, 10:30 WIB."
    life.does("2026-03-06 02:03", "flight.cancelled", **FLIGHT)
    life.hears("2026-03-06 02:04", "clicked", "travel-disruption")
    life.does("2026-03-06 02:30", "booking.rebooked", booking="B1")
    assert life.story("travel-disruption", "2026-03-09 00:00") == [
        "06 Mar 02:00 entered",
        "06 Mar 02:00 push flight-disrupted",
        "06 Mar 02:03 restarted",
        "06 Mar 02:03 push flight-disrupted",
        "06 Mar 02:04 reached",
        "06 Mar 02:30 exited rebooked",
    ]


def test_a_delay_that_was_seen_is_the_end_and_another_booking_is_not_hers(house: catalog.Catalog) -> None:
    """Nobody is called because of a delay; what happens to another booking ends nothing."""
    life = Life(house)
    life.does("2026-03-06 02:00", "flight.delayed", **FLIGHT, new_departure="2026-03-06T10:30:00+07:00")
    life.does("2026-03-06 02:01", "booking.rebooked", booking="B2")
    life.hears("2026-03-06 02:04", "clicked", "travel-disruption")
    assert life.story("travel-disruption", "2026-03-09 00:00")[2:] == ["06 Mar 02:04 reached", "06 Mar 02:04 exited informed"]


# support-handoff and delivery-notice


def test_a_question_without_an_answer_goes_to_the_lead(house: catalog.Catalog) -> None:
    """Two hours, then the lead is asked, and she is told; at night she is told in the morning."""
    life = Life(house)
    life.does("2026-03-06 20:00", "support.requested", ticket="T1", topic="pembayaran")
    assert life.story("support-handoff", "2026-03-09 00:00") == [
        "06 Mar 20:00 entered",
        "06 Mar 20:00 agent care",
        "06 Mar 22:00 unreached",
        "06 Mar 22:00 agent care-lead",
        "06 Mar 22:00 requested",
        "06 Mar 22:00 deferred until 07 Mar 07:00 quiet_hours",
        "07 Mar 07:00 whatsapp support-delay",
        "07 Mar 07:15 email support-delay",
        "07 Mar 07:15 requested",
        "07 Mar 07:15 completed",
    ]
    assert life.content("2026-03-06 20:01")["text"] == "Ayu (regular): pembayaran. Tiket T1, pesanan sejauh ini 0."


def test_an_answer_in_time_is_asked_about_two_days_later(house: catalog.Catalog) -> None:
    """Answered within two hours; at ten, two days on, one question; a closed ticket is left alone."""
    life = Life(house)
    life.does("2026-03-06 20:00", "support.requested", ticket="T1", topic="pembayaran")
    life.hears("2026-03-06 21:30", "replied", "support-handoff")
    answered = ["06 Mar 20:00 entered", "06 Mar 20:00 agent care", "06 Mar 21:30 reached"]
    assert life.story("support-handoff", "2026-03-12 00:00") == [
        *answered,
        "09 Mar 10:00 whatsapp support-rating",
        "10 Mar 10:00 unreached",
        "10 Mar 10:00 exited answered",
    ]
    life.does("2026-03-07 09:00", "support.closed", ticket="T1")
    assert life.story("support-handoff", "2026-03-12 00:00") == [*answered, "07 Mar 09:00 exited closed"]


def test_a_parcel_is_told_by_sms_and_by_whatsapp_at_once_when_that_fails(house: catalog.Catalog) -> None:
    """Ten minutes, or a failure; a parcel that has arrived is not told of."""
    life = Life(house, consent=False)
    life.does("2026-03-06 23:00", "order.shipped", order_id="o1", courier="JNE", tracking="ID1")
    assert life.sent("2026-03-09 00:00") == ["06 Mar 23:00 sms delivery-notice", "06 Mar 23:10 whatsapp delivery-notice"]
    life.hears("2026-03-06 23:02", "failed", "delivery-notice", code="30005")
    assert life.sent("2026-03-09 00:00")[1] == "06 Mar 23:02 whatsapp delivery-notice"
    arrived = Life(house, consent=False)
    arrived.does("2026-03-06 23:00", "order.shipped", order_id="o1", courier="JNE", tracking="ID1")
    arrived.does("2026-03-06 23:04", "order.delivered", order_id="o1")
    assert arrived.sent("2026-03-09 00:00") == ["06 Mar 23:00 sms delivery-notice"]
