"""The policy's timing against a function that asks, minute by minute, whether a message may go."""

import datetime
from typing import NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.authoring import public_calendars
from engine.core import send_policy
from engine.core.context import catalog, decision_context, ports
from engine.core.model import definition, inputs, state
from engine.core.rules import frequency_caps
from tests import zones
from tests.property import test_frequency_caps, test_quiet_hours

MINUTE = datetime.timedelta(minutes=1)
DAY = datetime.timedelta(days=1)
TWICE = ("America/St_Johns", "Canada/Newfoundland")
"""Where, until 2011, a day began, ended and began again within an hour: a place under a cap could come free and go again."""
names = st.sampled_from([name for name in zones.ODD if name not in TWICE]) | st.sampled_from(
    sorted(public_calendars.names() - set(TWICE))
)
ENTER = definition.Enter(("go",), definition.Reentry("never"))
JOURNEY = definition.Journey("cart", "v", "owner", "marketing", "live", ENTER, {}, "")


class Case(NamedTuple):
    """A customer's zone, what was sent to her, and what she may be sent."""

    zone: str
    now: datetime.datetime
    quiet: definition.QuietHours
    holidays: set[datetime.date]
    caps: tuple[definition.Cap, ...]
    sends: frequency_caps.Ledger
    expires_at: datetime.datetime | None

    def judged(self) -> send_policy.Verdict:
        """What the policy says to a first attempt on WhatsApp."""
        rules = definition.Policy(
            consent={"marketing": "implied"},
            channels={"whatsapp": definition.Channel(definition.Expression("address", "p"))},
            calendar=definition.Calendar(holidays=tuple(sorted(self.holidays))),
            quiet_hours={"marketing": self.quiet},
            caps=self.caps,
        )
        expressions = ports.PythonExpressions({"address": lambda names: "+62812"})
        bundle = definition.Bundle("b", (JOURNEY,), rules)
        known = catalog.Catalog(bundle, expressions, ports.PlainTemplates(), zones=public_calendars.Zones())
        customer = state.Customer("ayu", self.now, {"timezone": self.zone}, sends=self.sends)
        entry = inputs.Event("e", "go", self.now, self.now, "ayu")
        instance = state.Instance("i", JOURNEY.name, JOURNEY.version, "", 1, self.now, entry)
        context = decision_context.Context(known, JOURNEY, customer, instance, self.now, None)
        return send_policy.judge(context, send_policy.Asked("whatsapp", expires_at=self.expires_at))

    def full(self, at: datetime.datetime) -> list[definition.Cap]:
        """The caps over a first attempt on WhatsApp that have no place at a moment."""
        under = [
            c for c in self.caps if c.purpose in ("", "marketing") and c.channel in ("", "whatsapp") and c.journey in ("", "cart")
        ]
        return [c for c in under if test_frequency_caps.recounted(c, self.sends, at, zones.zone(self.zone)) >= c.at_most]

    def rings(self, at: datetime.datetime) -> bool:
        """Whether her clock is outside quiet hours."""
        return test_quiet_hours.rings(self.quiet, at, zones.zone(self.zone), self.holidays)

    def may_go(self, at: datetime.datetime) -> bool:
        """Whether her clock is outside quiet hours and no cap is full."""
        return self.rings(at) and not self.full(at)

    def awake(self, end: datetime.datetime) -> datetime.datetime:
        """The first minute from now on that is not quiet; `end` if there is none before it."""
        at = self.now
        while at < end and not self.rings(at):
            at += MINUTE
        return at


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Caps all drop, or all defer."""
    name = draw(names)
    now = draw(zones.moments(zones.zone(name)))
    quiet, holidays = draw(test_quiet_hours.rules(now.date()))
    then = draw(st.sampled_from(["drop", "defer", "defer"]))
    rules = tuple(msgspec.structs.replace(each, then=then) for each in draw(st.lists(test_frequency_caps.rules(), max_size=3)))
    sends = draw(test_frequency_caps.ledgers(now))
    expires = draw(st.none() | st.integers(0, 3 * 1440).map(lambda minutes: now + minutes * MINUTE))
    return Case(name, now, quiet, holidays, rules, sends, expires)


@given(cases())
def test_a_message_goes_at_the_first_minute_at_which_everything_allows_it(case: Case) -> None:
    """The policy never returns a send_at inside a closed window, after expires_at or over a cap, and none later than need be."""
    verdict = case.judged()
    in_time = case.expires_at is None or case.now < case.expires_at
    awake = case.awake(case.now + 18 * DAY)
    full = case.full(awake)
    if in_time and awake < case.now + 18 * DAY and any(cap.then == "drop" or cap.channel for cap in full):
        assert (verdict.send_at, verdict.reasons) == (None, ("cap",))
        return
    slow, end = case.now, case.expires_at if case.expires_at is not None else case.now + 18 * DAY
    while slow < end and not case.may_go(slow):
        slow += MINUTE
    assert verdict.send_at == (slow if slow < end else None)
    if not in_time:
        assert verdict.reasons == ("expired",)
    else:
        assert ("cap" in verdict.reasons) == bool(full)
        assert verdict.send_at is not None or verdict.reasons[-1] in ("expired", "quiet_hours")


@given(cases())
def test_until_send_before_no_moment_is_quiet(case: Case) -> None:
    """A request says when a message must not be sent any more: until `send_before` no moment is quiet, and none after the expiry."""
    verdict = case.judged()
    if verdict.send_at is None or verdict.send_before is None:
        return
    assert verdict.send_at < verdict.send_before
    assert case.expires_at is None or verdict.send_before <= case.expires_at
    at = verdict.send_at
    while at < min(verdict.send_before, verdict.send_at + 2 * DAY):
        assert case.rings(at)
        at += MINUTE
    if verdict.send_before != case.expires_at:
        assert not case.rings(verdict.send_before)


@given(cases())
def test_what_nothing_forbids_goes_now(case: Case) -> None:
    """Without quiet hours and full caps a message goes at once, without reasons, until it expires."""
    verdict = case._replace(quiet=definition.QuietHours(), caps=()).judged()
    in_time = case.expires_at is None or case.now < case.expires_at
    assert (verdict.send_at, verdict.reasons) == ((case.now, ()) if in_time else (None, ("expired",)))
    assert verdict.send_before == (case.expires_at if in_time else None)


NOON = zones.utc("2026-11-25 05:00")  # in Jakarta
SENT = state.Sent(NOON - 10 * MINUTE, "marketing", "whatsapp", "cart")
HOUR, DAILY = definition.Cap(1, rolling=3_600_000, then="defer"), definition.Cap(1, days=1, then="defer")


def test_of_several_full_caps_the_last_to_have_a_place_decides() -> None:
    """Whatever their order in the policy."""
    case = Case("Asia/Jakarta", NOON, definition.QuietHours(), set(), (HOUR, DAILY), (SENT,), None)
    assert case.judged().send_at == zones.utc("2026-11-25 17:00")
    assert case._replace(caps=(DAILY, HOUR)).judged().send_at == zones.utc("2026-11-25 17:00")


def test_a_window_that_opens_at_the_expiry_is_too_late() -> None:
    """Quiet until 08:00 and expired at 08:00: nothing goes; a minute more is enough."""
    night = zones.utc("2026-11-25 14:00")
    case = Case("Asia/Jakarta", night, definition.QuietHours(1200, 480), set(), (), (), zones.utc("2026-11-26 01:00"))
    assert case.judged().send_at is None
    assert case._replace(expires_at=zones.utc("2026-11-26 01:01")).judged().send_at == zones.utc("2026-11-26 01:00")
