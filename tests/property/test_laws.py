"""The laws of the fold, for random journeys and random lives."""

import os
import pathlib
import subprocess
import sys
from collections import Counter
from unittest import mock

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.core.context import catalog
from engine.core.decide import decider, segments
from engine.core.model import decisions, inputs, state
from tests.property import strategies
from tests.property.strategies import Life
from tests.unit.core import story

ROOT = pathlib.Path(__file__).parents[2]
HELLO = {"traits": {"name": "Ayu", "phone": "+62812", "email": "a@toko.example"}}


class Fold:
    """A customer's life, taken input by input, with everything that was decided."""

    def __init__(self, catalog: catalog.Catalog, customer: str = "ayu", *, punctual: bool = True) -> None:
        self.catalog, self.id, self.punctual = catalog, customer, punctual
        self.customer: state.Customer | None = None
        self.decided: list[decisions.Decision] = []
        start = story.at("00:00")
        self.take(inputs.Event("hello", inputs.IDENTIFIED, start, start, customer, "t", HELLO))
        self.take(inputs.Event("yes", inputs.CONSENT_GRANTED, start, start, customer, "t", {"purpose": "marketing"}))

    def take(self, event: inputs.Event) -> decider.Transition:
        done = decider.transition(self.catalog, self.customer, event, customer_id=self.id, punctual=self.punctual)
        folded = self.customer
        for fact in done.facts:
            if isinstance(fact, decisions.Decision):
                fact = decisions.decode(decisions.encode(fact))
            folded = decider.evolve(folded, fact, self.catalog)
        assert folded == done.state, "folding the facts gives the state"
        assert done.facts or done.state is self.customer, "no facts, no change"
        self.customer = done.state
        self.decided += done.decisions
        return done

    def live(self, lived: list[Life]) -> "Fold":
        for life, event in strategies.events(lived, self.id):
            self.take(self.about(life, event))
        return self

    def about(self, life: Life, event: inputs.Event) -> inputs.Event:
        """A receipt names one of the last messages; a reply sometimes names none."""
        if not event.type.startswith("message.") or self.customer is None:
            return event
        known = list(self.customer.messages)
        name = "in_reply_to" if event.type == inputs.MESSAGE_RECEIVED else "message_id"
        if name == "in_reply_to" and life.n == 0:
            return event
        message = known[-1 - life.back % len(known)] if known else "none"
        return msgspec.structs.replace(event, data={**event.data, name: message, "channel": None, "attempt": None})

    def drain(self) -> "Fold":
        for _ in range(300):  # schedules have no end
            if self.customer is None or self.customer.drained:
                break
            self.take(inputs.tick(self.customer.next_due))
        return self


@given(strategies.catalogs, strategies.lives, st.booleans())
def test_facts_fold_to_the_state_and_hold_together(catalog: catalog.Catalog, lived: list[Life], punctual: bool) -> None:
    """Folding one's own recorded output gives the same state; ids are unique; time never goes back; attempts count up from 1;
    each timer is fired or cancelled once; nothing of an instance happens after it has left, but reports.
    """
    fold = Fold(catalog, punctual=punctual).live(lived)
    ids = Counter(each.id for each in fold.decided)
    assert max(ids.values(), default=1) == 1
    assert [each.at for each in fold.decided] == sorted(each.at for each in fold.decided)
    fold.drain()
    scheduled = [each.data.timer for each in fold.decided if isinstance(each.data, decisions.TimerScheduled)]
    cancelled = [each.data.timer for each in fold.decided if isinstance(each.data, decisions.TimerCancelled)]
    fired = {each.cause for each in fold.decided} & set(scheduled)
    assert fold.customer is not None
    # A timer that finds nothing to do says that it is over by cancelling itself; schedules never end.
    assert {*scheduled} == {*cancelled, *fired, *fold.customer.timers}
    assert not fired & {*fold.customer.timers}
    attempts: dict[str, list[int]] = {}
    left: set[str] = set()
    for each in fold.decided:
        if isinstance(each.data, decisions.MessageRequested):
            attempts.setdefault(each.data.message_id, []).append(each.data.attempt)
        if each.instance in left:
            assert isinstance(each.data, decisions.MessageReported | decisions.ConsentUpdated | decisions.GoalReached)
        if isinstance(each.data, decisions.JourneyExited | decisions.JourneyCompleted):
            left.add(each.instance)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in attempts.values())
    assert fold.customer is not None
    assert len(fold.customer.seen) <= 64 * 8
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fold.customer), type=state.Customer) == fold.customer


@given(strategies.catalogs, strategies.lives, st.booleans())
def test_segments_that_nothing_touched_are_passed_over(catalog: catalog.Catalog, lived: list[Life], punctual: bool) -> None:
    """To look at the segments after every input decides the same, byte for byte, as to look where profile, traits or time say so."""
    fold = Fold(catalog, punctual=punctual).live(lived).drain()
    with mock.patch.object(segments, "unchanged", return_value=False):
        context = Fold(catalog, punctual=punctual).live(lived).drain()
    assert [*map(decisions.encode, fold.decided)] == [*map(decisions.encode, context.decided)]


@given(strategies.catalogs, strategies.lives)
def test_no_timer_fires_early_and_each_at_its_due(catalog: catalog.Catalog, lived: list[Life]) -> None:
    """Under a punctual clock what a timer leads to happens at its due, or at `now` where that is later already."""
    fold = Fold(catalog).live(lived).drain()
    due = {each.data.timer: each.data.due for each in fold.decided if isinstance(each.data, decisions.TimerScheduled)}
    for each in fold.decided:
        if each.cause in due:
            assert each.at >= due[each.cause]
            assert not each.late


@given(strategies.catalogs, strategies.lives, st.lists(st.integers(0, 7200), max_size=20))
def test_time_may_be_cut_up_in_any_way(catalog: catalog.Catalog, lived: list[Life], moments: list[int]) -> None:
    """Ticks carry nothing but that time has passed: more of them, before any later input, never change a decision."""
    plain, ticked = Fold(catalog), Fold(catalog)
    at = story.at("00:00")
    for life, event in strategies.events(lived):
        event = plain.about(life, event)  # what a receipt is about is settled before time is cut up
        plain.take(event)
        for moment in sorted(moments):
            tick = at + moment * (story.at("00:00:01") - story.at("00:00"))
            if tick < event.recorded:
                ticked.take(inputs.tick(tick))
        ticked.take(event)
    if all(life.gap >= 0 for life in lived):
        assert ticked.decided == plain.decided
        assert ticked.customer == plain.customer


@given(strategies.catalogs, strategies.lives, st.data())
def test_a_duplicate_changes_nothing(catalog: catalog.Catalog, lived: list[Life], data: st.DataObject) -> None:
    """An event that had an effect, sent again at once or later, changes nothing but that time has passed."""
    fold = Fold(catalog)
    taken: list[inputs.Event] = []
    for life, event in strategies.events(lived):
        event = fold.about(life, event)
        if any(isinstance(fact, inputs.Event) for fact in fold.take(event).facts):
            taken.append(event)
        if taken:
            again = msgspec.structs.replace(data.draw(st.sampled_from(taken)), recorded=event.recorded)
            before = fold.customer
            assert before is not None
            done = decider.transition(catalog, before, again)
            ticked = decider.transition(catalog, before, inputs.tick(event.recorded), customer_id="ayu")
            assert done == ticked


@given(strategies.catalogs, strategies.lives, strategies.lives)
def test_customers_do_not_touch_each_other(catalog: catalog.Catalog, one: list[Life], two: list[Life]) -> None:
    """Events are taken in the order of the log for each customer: interleaving two customers in any way changes no decision."""
    ayu, budi = Fold(catalog, "ayu"), Fold(catalog, "budi")
    for index in range(max(len(one), len(two))):
        for fold, lived in ((ayu, one), (budi, two)):
            if index < len(lived):
                life, event = strategies.events(lived, fold.id)[index]
                fold.take(fold.about(life, event))
    assert ayu.decided == Fold(catalog, "ayu").live(one).decided
    assert budi.decided == Fold(catalog, "budi").live(two).decided


RECEIPTS = ["message.accepted", "message.sent", "message.delivered", "message.read", "message.clicked", "message.replied"]


@given(st.permutations(RECEIPTS * 2), st.booleans())
def test_receipts_in_any_order_and_twice_end_in_the_same_state(order: list[str], failed_before: bool) -> None:
    """The lattice: however receipts come and however often, what is known of the attempt at the end is the same, each status
    is recorded at most once, and the message is reached once.
    """
    text = {"enter": {"event": "go", "reentry": "never"}, "journey": "j", "owner": "t", "purpose": "marketing", "status": "live"}
    place = {"channel": "whatsapp", "success": "read", "fallback_after": "1h"}
    send = {"id": "s", "send": {"template": "hello", "channels": [place, {"channel": "sms"}]}}
    catalog = strategies.compiled(msgspec.json.encode({**text, "steps": [send]}).decode())
    assert catalog is not None
    fold = Fold(catalog)
    at = story.at("00:00")
    fold.take(inputs.Event("go", "go", at, at, "ayu", "t", {}))
    assert fold.customer is not None
    (message,) = fold.customer.messages
    for number, kind in enumerate((["message.failed"] if failed_before else []) + list(order)):
        fold.take(inputs.Event(f"r{number}", kind, at, at, "ayu", "t", {"message_id": message, "attempt": 1}))
    assert fold.customer is not None
    (attempt, *rest) = fold.customer.messages[message].attempts
    assert attempt.reported == 0b111111 | (state.REPORTED["failed"] if failed_before else 0)
    assert attempt.cost == 586
    assert len(rest) == failed_before
    resolved = [each.data.outcome for each in fold.decided if isinstance(each.data, decisions.MessageResolved)]
    assert resolved == (["requested"] if failed_before else ["reached"])
    statuses = Counter(each.data.status for each in fold.decided if isinstance(each.data, decisions.MessageReported))
    assert max(statuses.values()) == 1


def test_decisions_do_not_depend_on_hash_seeds_or_zones(tmp_path: pathlib.Path) -> None:
    """A replay decides the same, byte for byte, on every machine: under any hash seed and in any time zone."""
    lines = tmp_path / "events.jsonl"
    from tests.integration import traffic

    told = [traffic.event("c0001", f"t{n}", ("go", "touch", "order")[n % 3], k="ab"[n % 2], n=n) for n in range(60)]
    lines.write_bytes(
        b"\n".join(line.replace(b'{"spec', b'{"time":"2026-10-25T00:%02d:00Z","spec' % n, 1) for n, line in enumerate(told))
    )
    journeys = traffic.journeys(tmp_path / "journeys")
    hashes = set()
    for seed, zone in (("0", "UTC"), ("1", "Asia/Jayapura"), ("4711", "America/New_York")):
        command = [sys.executable, "-m", "engine.cli.app", "replay", str(lines), "--journeys", str(journeys), "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": zone}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        told_by = msgspec.json.decode(done.stdout)
        assert told_by["decisions"] > 50
        hashes.add((told_by["sha256"]["decisions"], told_by["sha256"]["actions"]))
    assert len(hashes) == 1
