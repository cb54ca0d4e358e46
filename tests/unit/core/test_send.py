"""Send: one message over ordered channels, and the policy that is asked for every attempt."""

import pathlib
from collections.abc import Callable

import pytest

from engine.core.model import actions, decisions
from tests.unit.core import story as stories
from tests.unit.core.story import Story

Tell = Callable[..., Story]
TWO = (
    "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: delivered, fallback_after: 30m}, {channel: sms}]}}"
)
LAST = "{id: ask, send: {template: hello, channels: [{channel: whatsapp, success: delivered, fallback_after: 30m}]}}"
ONE = "{id: ask, send: {template: hello, channels: [{channel: sms}]}}"


def go(*steps: str) -> str:
    return "enter: {event: go, reentry: after_exit}\nsteps: [" + ", ".join(steps) + "]"


def test_the_first_channel_is_tried_first(tell: Tell) -> None:
    """A send requests its first channel and waits for its success."""
    story = tell(go(TWO))
    assert story.when("go", "10:00")[2:] == ["10:00 message.requested ask whatsapp 1", "10:00 timer.scheduled ask fallback 10:30"]


def test_a_success_ends_the_message(tell: Tell) -> None:
    """A receipt of the success, or of a status above it, completes the step as `reached`."""
    for status in ("delivered", "read", "replied"):
        story = tell(go(TWO))
        story.when("go", "10:00")
        assert story.when(f"message.{status}", "10:10", message_id=story.message()) == [
            f"10:10 message.reported ask {status} 1",
            "10:10 timer.cancelled ask",
            "10:10 message.resolved ask reached",
            "10:10 step.completed ask reached",
            "10:10 journey.completed",
        ]


def test_a_status_below_the_success_is_only_recorded(tell: Tell) -> None:
    """`sent` is no delivery."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    assert story.when("message.sent", "10:10", message_id=story.message()) == ["10:10 message.reported ask sent 1"]


def test_without_success_in_time_the_next_channel_follows(tell: Tell) -> None:
    """At `fallback_after` the next channel is tried; the last without `success` counts when it is requested."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    assert story.pass_time("10:30") == [
        "10:30 message.requested ask sms 2",
        "10:30 message.resolved ask requested",
        "10:30 step.completed ask requested",
        "10:30 journey.completed",
    ]
    assert story.actions == ["10:00 whatsapp hello", "10:30 sms hello"]


def test_a_failure_falls_back_at_once(tell: Tell) -> None:
    """A failure whose class is `next_channel`, as an unknown code is, goes to the next channel at once."""
    for code in ("131026", "4711", None):
        story = tell(go(TWO))
        story.when("go", "10:00")
        assert story.when("message.failed", "10:05", message_id=story.message(), code=code)[:3] == [
            "10:05 message.reported ask failed 1",
            "10:05 timer.cancelled ask",
            "10:05 message.requested ask sms 2",
        ]


def test_a_last_channel_with_success_may_stay_unreached(tell: Tell) -> None:
    """`success` on the last channel: at its `fallback_after` the message is `unreached`."""
    story = tell(go(LAST))
    story.when("go", "10:00")
    assert story.pass_time("10:30")[:2] == ["10:30 message.resolved ask no_more_channels", "10:30 step.completed ask unreached"]


def test_a_failure_to_try_again_is_tried_again_so_many_times(tell: Tell) -> None:
    """`retry_after` with `at_most`: the same channel again, as the next attempt; then the next channel."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    assert story.when("message.failed", "10:01", message_id=story.message(), attempt=1, code="busy")[1:] == [
        "10:01 timer.cancelled ask",
        "10:01 message.deferred ask retry 10:02",
        "10:01 timer.scheduled ask retry 10:02",
    ]
    assert story.pass_time("10:02") == ["10:02 message.requested ask whatsapp 2", "10:02 timer.scheduled ask fallback 10:32"]
    story.when("message.failed", "10:03", message_id=story.message(), attempt=2, code="busy")
    story.pass_time("10:04")
    story.when("message.failed", "10:05", message_id=story.message(), attempt=3, code="busy")
    assert story.actions == ["10:00 whatsapp hello", "10:02 whatsapp hello", "10:04 whatsapp hello", "10:05 sms hello"]


def test_a_stopped_channel_is_skipped_until_the_address_changes(tell: Tell) -> None:
    """`stop_channel` is for this customer until the address changes."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    story.when("message.failed", "10:01", message_id=story.message(), code="never")
    story.when("go", "11:00")
    assert story.actions[-1] == "11:00 sms hello"
    story.when("customer.identified", "11:30", traits={"phone": "+6289999999999"})
    story.when("go", "12:00")
    assert story.actions[-1] == "12:00 whatsapp hello"


@pytest.mark.parametrize(("purpose", "again"), [("marketing", "sms"), ("transactional", "whatsapp")])
def test_a_withdrawal_at_the_provider_is_a_withdrawal_here(tell: Tell, purpose: str, again: str) -> None:
    """`withdraw_consent` (WhatsApp 131050): the consent to marketing on that channel is gone, and the next channel follows. So it is
    for a transactional message that the provider took for marketing, but the next of those goes by that channel again (Meta:
    utility and authentication stay allowed).
    """
    story = tell(go(TWO), purpose=purpose)
    story.when("go", "10:00")
    told = story.when("message.failed", "10:01", message_id=story.message(), code="131050")
    assert told[1] == "10:01 consent.updated ask marketing whatsapp False"
    story.when("go", "11:00")
    assert story.actions == ["10:00 whatsapp hello", "10:01 sms hello", f"11:00 {again} hello"]


def test_no_consent_for_one_channel_goes_on_to_the_next(tell: Tell) -> None:
    """No consent for one channel goes on to the next; a skipped channel takes no attempt number."""
    story = tell(go(TWO), purpose="marketing")
    story.when("consent.withdrawn", "09:00", purpose="marketing", channel="whatsapp")
    assert story.when("go", "10:00")[2] == "10:00 message.requested ask sms 1"


def test_no_consent_at_all_suppresses(tell: Tell) -> None:
    """Without consent for any channel the message is suppressed, with the reason, and the step completes so."""
    story = tell(go(TWO), purpose="marketing")
    story.when("consent.withdrawn", "09:00", purpose="marketing")
    assert story.when("go", "10:00")[2:4] == ["10:00 message.suppressed ask no_consent", "10:00 step.completed ask suppressed"]
    assert story.actions == []


def test_consent_is_judged_at_the_moment_of_every_attempt(tell: Tell) -> None:
    """A consent that is withdrawn between two attempts stops the second."""
    story = tell(go(TWO), purpose="marketing")
    story.when("go", "10:00")
    story.when("consent.withdrawn", "10:10", purpose="marketing")
    assert story.pass_time("10:30")[:2] == ["10:30 message.resolved ask no_consent", "10:30 step.completed ask unreached"]


def test_opt_in_needs_a_word_and_implied_needs_none(tell: Tell) -> None:
    """`opt_in` needs a grant; `implied` goes until it is withdrawn."""
    story = tell(go(ONE), purpose="marketing", known=False)
    story.when("customer.identified", "09:00", traits={"phone": "+62"})
    assert "10:00 message.suppressed ask no_consent" in story.when("go", "10:00")
    story = tell(go(ONE))
    assert "10:00 message.requested ask sms 1" in story.when("go", "10:00")
    story.when("consent.withdrawn", "10:30", purpose="transactional")
    assert "11:00 message.suppressed ask no_consent" in story.when("go", "11:00")


def test_a_grant_with_a_channel_allows_that_channel_only(tell: Tell) -> None:
    """A grant with a channel allows that channel only; a withdrawal without one clears all."""
    story = tell(go(TWO), purpose="marketing", known=False)
    story.when("customer.identified", "09:00", traits={"phone": "+62"})
    story.when("consent.granted", "09:00", purpose="marketing", channel="sms")
    story.when("go", "10:00")
    assert story.actions == ["10:00 sms hello"]
    story.when("consent.withdrawn", "10:30", purpose="marketing")
    assert "11:00 message.suppressed ask no_consent" in story.when("go", "11:00")


def test_a_customer_without_an_address_is_unreachable(tell: Tell) -> None:
    """A channel for which the customer has no address is skipped as `unreachable`."""
    story = tell(go(ONE))
    story.when("customer.identified", "09:00", traits={"phone": None})
    assert "10:00 message.suppressed ask unreachable" in story.when("go", "10:00")


def test_an_expired_message_is_not_sent(tell: Tell) -> None:
    """`expires_after` counts from the step's first request: no attempt after it, and every action says so."""
    send = TWO.replace("template: hello", "template: hello, expires_after: 20m")
    story = tell(go(send))
    story.when("go", "10:00")
    assert (story.sent[0].expires_at, story.sent[0].send_before) == (stories.at("10:20"), stories.at("10:20"))
    assert story.pass_time("10:30")[:2] == ["10:30 message.resolved ask expired", "10:30 step.completed ask unreached"]


def test_too_late_is_planned_again(tell: Tell) -> None:
    """A message that came too late (`dalang.too_late` from an adapter) is planned again on the same channel, as the next attempt."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    assert story.when("message.failed", "10:05", message_id=story.message(), code="dalang.too_late")[1:] == [
        "10:05 timer.cancelled ask",
        "10:05 message.requested ask whatsapp 2",
        "10:05 timer.scheduled ask fallback 10:35",
    ]


def test_to_overrides_the_address(tell: Tell) -> None:
    """`to:` names another address, for every channel."""
    story = tell(go(ONE.replace("template: hello", "template: hello, to: event.data.phone")))
    story.when("go", "10:00", phone="+6280000000001")
    assert story.sent[0].to == {"phone": "+6280000000001"}


def test_an_action_is_complete(tell: Tell) -> None:
    """An action holds everything that an adapter needs."""
    story = tell(go(ONE))
    story.when("go", "10:00")
    (action,) = story.sent
    (instance,) = {each.instance for each in story.told if each.type == "message.requested"}
    assert actions.encode(action).startswith(f'{{"id":"{action.message_id}/1"'.encode())
    assert (action.customer, action.to, action.purpose) == ("ayu", {"phone": "+6281234567890"}, "transactional")
    assert (action.template, action.language, action.content) == ("hello", "id", {"text": "Hai Ayu"})
    assert (action.journey, action.step, action.attempt, bool(instance)) == ("journey-0", "ask", 1, True)
    assert action.version == story.catalog.bundle.journeys[0].version


def test_the_language_is_the_customers_where_the_template_has_it(tell: Tell) -> None:
    """A template missing in the customer's language falls to the policy's."""
    story = tell(go(ONE))
    for language, used in (("en", "en"), ("jv", "id"), (7, "id")):
        story.when("customer.identified", "09:00", traits={"language": language})
        story.when("go", "10:00")
        assert story.sent[-1].language == used


def test_a_missing_field_renders_empty_and_is_recorded(tell: Tell) -> None:
    """A field that is missing renders empty and is recorded."""
    story = tell(go(ONE))
    story.when("customer.identified", "09:00", traits={"name": None})
    story.when("go", "10:00")
    assert story.sent[0].content == {"text": "Hai "}
    (requested,) = [each.data for each in story.told if each.type == "message.requested"]
    assert getattr(requested, "missing", None) == ("profile.name",)


def test_a_step_that_raises_ends_its_own_instance_only(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One customer's failing step is `step.failed`, its instance leaves, and other journeys go on."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    story = tell(go(ONE), go("{id: pause, wait: 1h}"))
    monkeypatch.setattr(story.catalog.templates, "render", broken)
    assert story.when("go", "10:00") == [
        "10:00 journey.entered",
        "10:00 step.entered ask",
        "10:00 journey.entered",
        "10:00 step.entered pause",
        "10:00 timer.scheduled pause wait 11:00",
        "10:00 step.failed ask ZeroDivisionError",
        "10:00 journey.exited ask failed",
    ]


def test_a_written_order_of_languages_comes_before_the_policys_own(tell: Tell) -> None:
    """`policy.languages` says what a customer gets whose own language the template has not."""
    policy = stories.POLICY.replace("policy:\n", "policy:\n  languages: {jv: [en]}\n")
    story = tell(go(ONE), policy=policy)
    for language, used in (("jv", "en"), ("jv-ID", "en"), ("en-GB", "en"), ("su", "id"), ("in", "id")):
        story.when("customer.identified", "09:00", traits={"language": language})
        story.when("go", "10:00")
        assert story.sent[-1].language == used


def test_an_sms_costs_its_parts(tell: Tell) -> None:
    """The price is that of one part; the action and the planned cost say how many there are, the reported cost too."""
    story = tell(go(ONE))
    for name, parts in (("Ayu", 1), ("A" * 156, 1), ("A" * 157, 2), ("“" * 70, 2), ("😀" * 80, 3)):
        story.when("customer.identified", "09:00", traits={"name": name})
        story.when("go", "10:00")
        assert story.sent[-1].parts == parts
        (requested,) = [each.data for each in story.told[-4:] if isinstance(each.data, decisions.MessageRequested)]
        assert (requested.parts, requested.cost) == (parts, 250.0 * parts)
        story.when("message.accepted", "10:00", message_id=story.message())
        assert story.told[-1].data.cost == 250.0 * parts  # type: ignore[attr-defined]


def test_other_channels_have_no_parts(tell: Tell) -> None:
    """WhatsApp and email are one message however long; their actions say nothing of parts."""
    story = tell(go(LAST))
    story.when("customer.identified", "09:00", traits={"name": "A" * 500})
    story.when("go", "10:00")
    assert (story.sent[-1].channel, story.sent[-1].parts) == ("whatsapp", 0)
    assert b"parts" not in actions.encode(story.sent[-1])


def test_a_handoff_is_written_for_colleagues(tell: Tell) -> None:
    """In the workspace's language and the customer's zone, whatever the customer speaks."""
    story = tell(go('{id: ask, handoff: {queue: care, summary: "{{ now | hari }}, {{ now | jam }} di sana"}}'))
    story.when("customer.identified", "09:00", traits={"language": "en", "timezone": "Asia/Jayapura"})
    story.when("go", "16:30")
    assert story.sent[-1].content["text"] == "Senin, 01.30 di sana"


def test_a_word_on_one_channel_holds_for_that_channel(tell: Tell) -> None:
    """A withdrawal with a channel stops that channel, `implied` purposes too; one without clears all that was granted."""
    story = tell(go(TWO))
    story.when("consent.withdrawn", "09:00", purpose="transactional", channel="whatsapp")
    assert story.when("go", "10:00")[2] == "10:00 message.requested ask sms 1"
    story.when("consent.granted", "10:10", purpose="transactional", channel="whatsapp")
    story.when("consent.withdrawn", "10:20", purpose="transactional")
    assert story.when("go", "10:30")[2] == "10:30 message.suppressed ask no_consent"


def test_a_consent_that_goes_while_the_message_waits_stops_it(tell: Tell) -> None:
    """Exit conditions and policy are checked in the same transition that requests a message, also one that was deferred."""
    quiet = stories.POLICY + '  timezone: UTC\n  quiet_hours: {marketing: "20:00-08:00"}\n'
    story = tell(go(TWO), policy=quiet, purpose="marketing")
    story.when("go", "21:00")
    story.when("consent.withdrawn", "22:00", purpose="marketing")
    assert story.pass_time("+1 08:00")[0] == "+1 08:00 message.suppressed ask no_consent"
    assert story.actions == []


def test_a_fault_of_our_own_is_recorded_and_goes_on(tell: Tell) -> None:
    """`configuration` is recorded, alerted, and goes to the next channel; the address is not stopped."""
    story = tell(go(TWO))
    story.when("go", "10:00")
    assert story.when("message.failed", "10:01", message_id=story.message(), code="setup")[:3] == [
        "10:01 message.reported ask failed 1",
        "10:01 timer.cancelled ask",
        "10:01 message.requested ask sms 2",
    ]
    reported = next(each.data for each in story.told if isinstance(each.data, decisions.MessageReported))
    assert reported.failure == "configuration"
    assert story.when("go", "11:00")[2] == "11:00 message.requested ask whatsapp 1"


def test_a_message_that_only_lacked_its_policy_is_sent_by_the_newest(tell: Tell, tmp_path: pathlib.Path) -> None:
    """An instance keeps the steps and templates it entered with; the policy is always the newest."""
    text = go("{id: pause, wait: 1h}", ONE)
    story = tell(text)
    story.when("go", "10:00")
    stricter = stories.POLICY.replace("transactional: implied", "transactional: opt_in")
    written = stories.written("journey-0", go("{id: out, exit: other}"))
    story.activate(stories.compiled(tmp_path / "new", written, policy=stricter), "10:30")
    assert story.pass_time("11:00")[2] == "11:00 message.suppressed ask no_consent"
