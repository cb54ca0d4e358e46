"""The admitter: segments, schedules and entries, while one input is handled.

The decider alone calls it. `entry_rules.py`, `segments.py` and `schedules.py` answer who may enter, and when; this file carries
out their answers. Only this file, `step_runner.py` and `decider.py` move instances. It does no I/O, reads no clock and uses
nothing random.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from engine.core.decide import entry_rules, recorder, schedules, segments, step_runner
from engine.core.model import decisions, definition, inputs, state
from engine.core.model.inputs import MILLISECOND

MOST_ROUNDS: Final = 10
"""The most rounds of one input in which steps change the profile, and so the segments, and so enter journeys.

docs/semantics.md#journeys-that-change-each-others-segments-end
"""


class Admitter(step_runner.Mover):
    """The part of the decider that brings customers into journeys.

    `joined` are the segments that the customer has entered and whose journeys are still to be asked. `examined` is the profile
    for which the segments were examined last.
    """

    def __init__(self, given: recorder.Given) -> None:
        super().__init__(given)
        self.joined: list[str] = []
        self.examined: Any = given.customer.profile if given.customer is not None else None

    # Segments and schedules.

    def look_again(self, before: state.Customer | None, *, already: bool) -> None:
        """Plan the schedules again if the customer's zone is new, and examine the segments again if what they read has changed.

        Without a state `before`, do both. `already` is true at an activation: segments found now then enter no journeys.
        """
        known = self.known
        if before is None or (known.profile is not before.profile and self._zone(known) != self._zone(before)):
            for journey, name, fact in tuple(schedules.planned(self.context(None))):
                self.record(name, "" if journey is None else journey.version, "", "", fact)
        reads = self.catalog.segmenting
        if before is None or self.examined is not known.profile or not segments.untouched(reads, before, self.known, self.now):
            self.examine(already=already)

    def _zone(self, customer: state.Customer) -> datetime.tzinfo:
        return self.catalog.zone_of(customer)

    def examine(self, *, already: bool) -> None:
        """Record which segments the customer enters and leaves, and set the timer of the next moment that may change them."""
        self.examined = self.known.profile
        if not self.catalog.segments and not self.known.segments:
            return
        for change in segments.changes(self.context(None), already=already):
            self.record("", "", "", "", change)
            if isinstance(change, decisions.SegmentEntered) and not already:
                self.joined.append(change.segment)
        due = segments.next_change(self.context(None))
        armed = {id_: timer for id_, timer in self.known.timers.items() if timer.kind == "segment" and id_ != self.cause}
        for id_, timer in armed.items():
            if due is not None and timer.due <= due:
                return  # this timer examines the segments again, and then sets the next one
            self.record("", "", "", "", decisions.TimerCancelled(id_))
        if due is not None:
            id_ = decisions.hashed(self.customer_id, "segments", (due - state.EPOCH) // MILLISECOND)
            self.record("", "", "", "", decisions.TimerScheduled(id_, "segment", due))

    # Entering.

    def entrants(self) -> Iterable[definition.Journey]:
        """Return the journeys that the event may enter.

        With a detailed trace, return all that name the event's type, so that the trace says why a journey was not entered.
        """
        if self.trace is not None and self.trace.detailed:
            return self.catalog.entries.get(self.event.type, ())
        return self.catalog.screening.entrants(self.event)

    def enter_all(self, by_event: Iterable[definition.Journey]) -> None:
        """Enter the journeys of the event and those of the segments that the customer has entered, by priority, then name."""
        entrants = [(journey, self.event) for journey in by_event]
        if not self.joined and len(entrants) < 2:  # nothing to sort
            for journey, entry in entrants:
                self.enter(journey, entry)
            return
        for name in self.joined:
            id_ = f"segment-{decisions.hashed(self.customer_id, self.cause, name)}"
            data, depth = {"segment": name}, self.taking.depth if self.taking is not None else 0
            entry = inputs.Event(
                id_, inputs.SEGMENT_ENTERED, self.now, self.now, self.customer_id, "dalang/segments", data, depth
            )
            entrants += [(journey, entry) for journey in self.catalog.joining.get(name, ())]
        self.joined.clear()
        for journey, entry in sorted(entrants, key=lambda each: (-each[0].priority, each[0].name)):
            self.enter(journey, entry)

    def enter(self, journey: definition.Journey, event: inputs.Event, *, by_hand: bool = False) -> None:
        """Enter, restart, update or refuse; if the event does not meet the condition, do none of these."""
        admission = entry_rules.judge(self.context(journey, event), event, by_hand=by_hand)
        if admission is None:
            return
        if admission.reason:
            return self._refuse(journey, admission.reason, admission.key)
        if admission.active is not None:
            return self._enter_again(journey, admission.active, event)
        self._begin(journey, admission.key, event)

    def _enter_again(self, journey: definition.Journey, instance: state.Instance, event: inputs.Event) -> None:
        """Handle a second entry event for a live instance, as `while_active` of the live version says."""
        if journey.enter.while_active == "ignore" or instance.parked:
            return self._refuse(journey, "active", instance.key)
        own = self.journey_of(instance)
        if own is None:
            return
        if journey.enter.while_active == "update":
            return self.record(own.name, own.version, instance.id, instance.step, decisions.JourneyUpdated(event))
        self.record_all(own, instance.id, self.instance_context(own, instance.id).disarmed())
        self.record(own.name, own.version, instance.id, "", decisions.JourneyRestarted(event, instance.visit + 1))
        self.go(own, instance.id, own.first)

    def _begin(self, journey: definition.Journey, key: str, event: inputs.Event) -> None:
        rule = journey.enter.reentry
        entered = decisions.JourneyEntered(
            entry=event,
            number=self.known.entries.get(journey.name, state.Entries()).count + 1,
            key=key,
            forget_before={"never": None, "after": self.now - rule.after * MILLISECOND}.get(rule.rule, self.now),
            held_out=entry_rules.held_out(journey, self.customer_id),
            goal_until=None if journey.goal is None else self.now + journey.goal.within * MILLISECOND,
        )
        instance = decisions.hashed(journey.name, self.customer_id, key, entered.number)
        self.record(journey.name, journey.version, instance, "", entered)
        self.go(journey, instance, journey.first)

    def _refuse(self, journey: definition.Journey, reason: str, key: str = "") -> None:
        self.record(journey.name, journey.version, "", "", decisions.JourneyRefused(reason, key))  # type: ignore[arg-type]

    # Timers of the customer's own.

    def fire_schedule(self, id_: str, timer: state.Timer) -> None:
        """Enter by the schedule and set the timer of the next entry; if there is none, cancel the timer."""
        journey = next((each for each in self.catalog.scheduled if each.name == timer.step), None)
        due = None if journey is None else schedules.next_entry(journey, self.context(None))
        if journey is None or due is None:
            self.record(timer.step, "", "", "", decisions.TimerCancelled(id_))
        else:
            self.record(journey.name, journey.version, "", "", schedules.armed(journey, self.context(None), due))
        if journey is not None:
            entry = schedules.entry(journey, self.customer_id, id_, timer.due, self.now)
            assert journey.enter.schedule is not None
            if self.context(journey, entry).holds(journey.enter.schedule.audience):
                self.enter(journey, entry)

    def fire_segments(self, id_: str) -> None:
        """Examine the segments, because passing time may have changed one."""
        mark = len(self.facts)
        self.examine(already=False)
        if len(self.facts) == mark:
            self.record("", "", "", "", decisions.TimerCancelled(id_))
        self.enter_all(())

    # Messages, and what steps changed.

    def quiesce(self) -> None:
        """End an instant: request the messages that were asked for, then follow what the steps wrote to the profile."""
        if not self.asking and (self.customer is None or self.customer.profile is self.examined):
            return
        for _ in range(MOST_ROUNDS):
            self.request_all()
            known = self.customer
            if known is None or known.profile is self.examined:
                return
            self.look_again(msgspec.structs.replace(known, profile=self.examined or {}), already=False)
            self.enter_all(())
        # Journeys change each other's segments without end: request what was asked for, and let nobody enter any more.
        self.request_all()
        self.look_again(msgspec.structs.replace(self.known, profile=self.examined or {}), already=False)
        self.joined.clear()
