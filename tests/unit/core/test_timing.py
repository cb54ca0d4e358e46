"""Quiet hours, caps, the holdout and WhatsApp's window: when a message may go, over whole journeys."""

from collections.abc import Callable

from engine.core.model import decisions
from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]
SMS = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"
TWO = "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: read, fallback_after: 30m}, {channel: sms}]}}"


def go(*steps: str, head: str = "", event: str = "go") -> str:
    return f"enter: {{event: {event}, reentry: after_exit}}\n{head}steps: [{', '.join(steps)}]"


def policy(more: str) -> str:
    return stories.POLICY + "  timezone: UTC\n" + more


QUIET = policy('  quiet_hours: {transactional: "20:00-08:00"}\n')


def test_a_message_in_quiet_hours_waits_for_the_next_open_minute(tell: Tell) -> None:
    """Quiet `20:00-08:00`: 20:00 is quiet, 08:00 is open. Deferred to the next open minute, and judged again then."""
    story = tell(go(SMS), policy=QUIET)
    assert story.when("go", "20:00")[2:] == [
        "20:00 message.deferred ask quiet_hours +1 08:00",
        "20:00 timer.scheduled ask retry +1 08:00",
    ]
    assert story.pass_time("+1 08:00")[0] == "+1 08:00 message.requested ask sms 1"
    assert story.when("go", "+1 19:59")[2] == "+1 19:59 message.requested ask sms 1"
    assert story.sent[-1].send_before == stories.at("+1 20:00")


def test_a_message_that_would_wait_past_its_expiry_is_dropped(tell: Tell) -> None:
    """Deferred to the next open minute; dropped if that is after `expires_at`. Every reason is recorded."""
    story = tell(go("{id: ask, send: {template: hello, expires_after: 10h, channels: [{channel: sms}]}}"), policy=QUIET)
    assert story.when("go", "22:00")[2] == "22:00 message.suppressed ask quiet_hours"
    data = next(each.data for each in story.told if isinstance(each.data, decisions.MessageSuppressed))
    assert data.reasons == ("quiet_hours", "expired")
    assert story.when("go", "22:01")[2] == "22:01 message.deferred ask quiet_hours +1 08:00"


def test_a_fallback_is_judged_too(tell: Tell) -> None:
    """The policy is asked for every attempt; a success of the earlier one, while the next waits, ends the message."""
    story = tell(go(TWO), policy=QUIET)
    story.when("go", "19:45")
    assert story.pass_time("20:30")[0] == "20:15 message.deferred ask quiet_hours +1 08:00"
    assert story.when("message.read", "21:00", message_id=story.message())[1:3] == [
        "21:00 timer.cancelled ask",
        "21:00 message.resolved ask reached",
    ]


def test_a_journey_may_choose_its_hours(tell: Tell) -> None:
    """`hours` names a rule of `policy.quiet_hours` other than the purpose's: collection to 20:00, not on Sundays."""
    rules = '  quiet_hours: {transactional: "10:00-11:00", collection: {quiet: "20:00-08:00", days_off: [sun]}}\n'
    story = tell(go(SMS, head="hours: collection\n"), policy=policy(rules))  # 22 November 2026 is a Sunday
    assert story.when("go", "10:30")[2] == "10:30 message.deferred ask quiet_hours +1 08:00"


def test_a_cap_drops_or_defers(tell: Tell) -> None:
    """A cap rule has `then: drop` (default) or `defer`: until there is a place."""
    story = tell(go(SMS), policy=policy("  caps: [{at_most: 1, per: day}]\n"))
    story.when("go", "10:00")
    assert story.when("go", "11:00")[2] == "11:00 message.suppressed ask cap"
    assert story.when("go", "+1 00:00")[2] == "+1 00:00 message.requested ask sms 1"
    story = tell(go(SMS), policy=policy("  caps: [{at_most: 1, per: 2h, then: defer}]\n"))
    story.when("go", "10:00")
    assert story.when("go", "11:00")[2] == "11:00 message.deferred ask cap 12:00"
    assert story.pass_time("12:00")[0] == "12:00 message.requested ask sms 1"


def test_a_message_counts_once_and_a_channels_cap_skips_the_channel(tell: Tell) -> None:
    """A message counts once whatever its attempts; a channel's cap only skips that channel, and skipped channels take no attempt
    number.
    """
    caps = "  caps: [{at_most: 2, per: day}, {channel: whatsapp, at_most: 1, per: day}]\n"
    story = tell(go(TWO), policy=policy(caps))
    story.when("go", "10:00")
    story.pass_time("11:00")
    assert story.actions == ["10:00 whatsapp hello", "10:30 sms hello"]
    assert story.when("go", "12:00")[2] == "12:00 message.requested ask sms 1"
    assert story.when("go", "13:00")[2] == "13:00 message.suppressed ask cap"


def test_the_last_place_goes_by_priority_then_expiry_then_name(tell: Tell) -> None:
    """When several messages compete for the last unit of a cap in the same input: priority, earliest expiry, name."""
    soon = "{id: ask, send: {template: hello, expires_after: 1h, channels: [{channel: sms}]}}"
    one = policy("  caps: [{at_most: 1, per: day}]\n")

    def sent(*texts: str) -> list[str]:
        story = tell(*texts, policy=one)
        story.when("go", "10:00")
        return [action.journey for action in story.sent]

    assert sent(go(SMS), go(SMS, head="priority: 1\n")) == ["journey-1"]
    assert sent(go(SMS), go(soon)) == ["journey-1"]
    assert sent(go(SMS), go(SMS)) == ["journey-0"]


def test_messages_of_one_morning_compete_too(tell: Tell) -> None:
    """The order holds for messages that waited for the same open minute."""
    rules = '  quiet_hours: {transactional: "20:00-08:00"}\n  caps: [{at_most: 1, per: day}]\n'
    story = tell(go(SMS), go(SMS, head="priority: 1\n", event="other"), policy=policy(rules))
    story.when("go", "21:00")
    story.when("other", "22:00")
    story.pass_time("+1 09:00")
    assert [action.journey for action in story.sent] == ["journey-1"]


def test_fallbacks_compete_with_first_attempts(tell: Tell) -> None:
    """An attempt on the next channel, after a time or a failure, competes with the other messages of its instant."""
    one = policy("  caps: [{channel: sms, at_most: 1, per: day}]\n")
    after_wait = tell(go(TWO), go("{id: w, wait: 30m}", SMS, head="priority: 1\n"), policy=one)
    after_wait.when("go", "10:00")
    after_wait.pass_time("11:00")
    assert [(action.journey, action.channel) for action in after_wait.sent] == [("journey-0", "whatsapp"), ("journey-1", "sms")]

    after_failure = tell(go(TWO), go(SMS, head="priority: 1\n", event="message.failed"), policy=one)
    after_failure.when("go", "10:00")
    lines = after_failure.when("message.failed", "10:01", message_id=after_failure.message(), code="x")
    assert [action.journey for action in after_failure.sent] == ["journey-0", "journey-1"]
    assert lines == [
        "10:01 message.reported ask failed 1",
        "10:01 timer.cancelled ask",
        "10:01 journey.entered",
        "10:01 step.entered ask",
        "10:01 message.requested ask sms 1",
        "10:01 message.resolved ask requested",
        "10:01 step.completed ask requested",
        "10:01 journey.completed",
        "10:01 message.resolved ask cap",
        "10:01 step.completed ask unreached",
        "10:01 journey.completed",
    ]


def test_messages_of_one_instant_go_in_one_order_without_caps_too(tell: Tell) -> None:
    """Caps decide which messages may go, and never in which order messages are requested."""
    soon = "{id: ask, send: {template: hello, expires_after: 1h, channels: [{channel: sms}]}}"
    texts = (go(SMS), go(soon), go(SMS, head="priority: 1\n"))
    orders = []
    for rules in ("", "  caps: [{at_most: 99, per: day}]\n"):
        story = tell(*texts, policy=policy(rules))
        orders.append((story.when("go", "10:00"), [action.journey for action in story.sent]))
    assert orders[0] == orders[1]
    assert orders[0][1] == ["journey-2", "journey-1", "journey-0"]


def test_the_held_out_take_every_step_and_are_never_messaged(tell: Tell) -> None:
    """Ghost sends are `message.suppressed` with reason `held_out`; they count as `previous_send`, not for caps."""
    wait = "{id: w, wait: {for: [{event: yes, then: [{id: y, exit: said}]}], since: previous_send, timeout: 1h}}"
    text = go(TWO, "{id: p, wait: 10m}", wait, head="holdout: 100%\n")
    story = tell(text, go(SMS, event="other"), policy=policy("  caps: [{at_most: 1, per: day}]\n"))
    assert story.when("go", "10:00")[2:4] == ["10:00 message.suppressed ask held_out", "10:00 step.completed ask held_out"]
    story.when("yes", "10:05")
    assert story.pass_time("10:30")[-1] == "10:10 journey.exited y said"
    assert story.when("other", "11:00")[2] == "11:00 message.requested ask sms 1"
    assert story.actions == ["11:00 sms hello"]


def test_what_could_not_go_anyway_is_no_ghost(tell: Tell) -> None:
    """A held-out message that the policy would refuse is suppressed with the policy's reason."""
    story = tell(go(SMS, head="holdout: 100%\n"), purpose="marketing")
    story.when("consent.withdrawn", "09:00", purpose="marketing")
    assert story.when("go", "10:00")[2] == "10:00 message.suppressed ask no_consent"


def test_free_text_goes_only_inside_whatsapps_window(tell: Tell) -> None:
    """`whatsapp: {text}` goes within 24 hours of the customer's last message on it; else the next channel is tried."""
    story = tell(go(TWO))
    story.catalog.live["journey-0"].templates["hello"]["id"]["whatsapp"] = {"text": "Halo"}  # type: ignore[index]
    assert story.when("go", "10:00")[2] == "10:00 message.requested ask sms 1"
    story.when("message.received", "11:00", channel="whatsapp", text="hai")
    assert story.when("go", "+1 10:59")[2] == "+1 10:59 message.requested ask whatsapp 1"
    story.pass_time("+1 11:30")
    assert story.when("go", "+1 12:00")[2] == "+1 12:00 message.requested ask sms 1"


def test_a_place_under_a_cap_is_never_given_back(tell: Tell) -> None:
    """A place under a cap is taken at the first request and never given back, whatever becomes of the message; a deferred one
    takes none before it is requested.
    """
    story = tell(go(SMS), go(SMS, event="other"), policy=policy("  caps: [{at_most: 1, per: day}]\n"))
    story.when("go", "10:00")
    story.when("message.failed", "10:01", message_id=story.message(), code="unknown")
    assert story.when("go", "11:00")[2] == "11:00 message.suppressed ask cap"
    rules = '  quiet_hours: {transactional: "20:00-21:00"}\n  caps: [{at_most: 1, per: day}]\n'
    text = SMS.replace("template: hello", "template: hello, expires_after: 2h")
    story = tell(go(text, head="hours: support\n"), go(text), policy=policy(rules.replace("{tr", '{support: "10:00-11:00", tr')))
    story.when("go", "10:00")
    assert [action.journey for action in story.sent] == ["journey-1"]


def test_a_failure_of_the_attempt_before_stays_quiet_while_the_next_waits(tell: Tell) -> None:
    """A failure of an earlier attempt, while the next is deferred, is recorded: the next is on its way already."""
    story = tell(go(TWO), policy=QUIET)
    story.when("go", "19:45")
    story.pass_time("20:30")
    assert story.when("message.failed", "21:00", message_id=story.message(), code="4711") == [
        "21:00 message.reported ask failed 1"
    ]
    assert story.pass_time("+1 08:00")[0] == "+1 08:00 message.requested ask sms 2"
    assert story.when("message.read", "+1 08:10", message_id=story.message(), attempt=1) == [
        "+1 08:10 message.reported ask read 1 late"
    ]


def test_quiet_hours_are_those_of_the_customers_zone(tell: Tell) -> None:
    """The customer's own zone wins, then the phone's country where that has one zone, then the workspace's."""
    opening = {"+6281234567890": "01:00", "+6591234567": "00:00", "+14155550123": "01:00"}  # the policy's is Jakarta
    for phone, opens in opening.items():
        rules = stories.POLICY + '  timezone: Asia/Jakarta\n  quiet_hours: {transactional: "20:00-08:00"}\n'
        story = tell(go(SMS), policy=rules)
        story.when("customer.identified", "20:00", traits={"phone": phone})
        assert story.when("go", "20:00")[2] == f"20:00 message.deferred ask quiet_hours +1 {opens}"
        story.when("customer.identified", "20:01", traits={"timezone": "Asia/Jayapura"})
        assert story.pass_time("20:02") == []
        assert story.when("customer.erased", "20:03")[-1] == "20:03 journey.exited ask erased"
    story.when("customer.identified", "20:04", traits={"phone": "+6591234567", "timezone": "Asia/Jayapura"})
    assert story.when("go", "20:04")[2] == "20:04 message.deferred ask quiet_hours 23:00"


def test_a_place_is_needed_when_the_phone_may_ring(tell: Tell) -> None:
    """A message asked for in quiet hours of a day that is full goes in the morning: the cap is judged for the moment of sending."""
    rules = '  quiet_hours: {transactional: "20:00-08:00"}\n  caps: [{at_most: 1, per: day}]\n'
    story = tell(go(SMS), policy=policy(rules))
    story.when("go", "10:00")
    assert story.when("go", "21:00")[2] == "21:00 message.deferred ask quiet_hours +1 08:00"
    assert story.pass_time("+1 08:00")[0] == "+1 08:00 message.requested ask sms 1"
