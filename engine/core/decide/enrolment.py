"""Enrolment: one customer's segments, schedules and entries into journeys, while one input is handled.

Only `decider.py` calls this file. `segments.py` and `schedules.py` compute segments and times, and `entry_rules.py` says
whether the customer may enter; this file records their results. An instance begins here. Then `step_runner.py` brings the
instance to its first step.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.core.decide import entry_rules, recorder, schedules, segments, step_runner
from engine.core.model import decisions, definition, inputs, state
from engine.core.model.inputs import MILLISECOND


class Enrolment:
    """The segments, the schedules and the entries of one customer, while one input is handled.

    `entered_segments` are the segments that the customer has come into during this input and whose journeys are still to be
    entered. `evaluated_profile` is the profile with which the segments were last evaluated.
    """

    def __init__(self, recorder: recorder.Recorder, runner: step_runner.StepRunner) -> None:
        self._recorder = recorder
        self._runner = runner
        self.entered_segments: list[str] = []
        self.evaluated_profile: Any = recorder.customer.profile if recorder.customer is not None else None

    # Segments and schedules.

    def update(self, before: state.Customer | None, *, already: bool) -> None:
        """Plan schedules again if the time zone has changed, and evaluate segments again if the profile or a trait has changed.

        Segments are also evaluated if their timer is due. `before` is the state to compare with. If it is None, schedules are
        planned and segments are evaluated in any case. `already` is True at an activation: the customer then enters no journeys
        by the segments that she is found in.
        """
        recorder = self._recorder
        known, catalog = recorder.known, recorder.catalog
        if before is None or (known.profile is not before.profile and catalog.zone_of(known) != catalog.zone_of(before)):
            for journey, name, fact in tuple(schedules.planned(recorder.context(None))):
                recorder.record(name, "" if journey is None else journey.version, "", "", fact)
        if (
            before is None
            or self.evaluated_profile is not known.profile
            or not segments.unchanged(catalog.segmenting, before, recorder.known, recorder.now)
        ):
            self._update_segments(already=already)

    def update_after_steps(self) -> None:
        """Update schedules and segments if steps have changed the profile since the last evaluation of the segments."""
        self.update(msgspec.structs.replace(self._recorder.known, profile=self.evaluated_profile or {}), already=False)

    def _update_segments(self, *, already: bool) -> None:
        """Record the segments that the customer enters and leaves, and set a timer for the next moment that may change them.

        Such a moment is one when time alone may change a segment. `already` is explained at `update`.
        """
        recorder = self._recorder
        self.evaluated_profile = recorder.known.profile
        if not recorder.catalog.segments and not recorder.known.segments:
            return
        for change in segments.changes(recorder.context(None), already=already):
            recorder.record("", "", "", "", change)
            if isinstance(change, decisions.SegmentEntered) and not already:
                self.entered_segments.append(change.segment)
        due = segments.next_change(recorder.context(None))
        armed = {id_: timer for id_, timer in recorder.known.timers.items() if timer.kind == "segment" and id_ != recorder.cause}
        for id_, timer in armed.items():
            if due is not None and timer.due <= due:
                return  # when this timer fires, the segments are evaluated again and the next timer is set
            recorder.record("", "", "", "", decisions.TimerCancelled(id_))
        if due is not None:
            id_ = decisions.hashed(recorder.customer_id, "segments", (due - state.EPOCH) // MILLISECOND)
            recorder.record("", "", "", "", decisions.TimerScheduled(id_, "segment", due))

    # Entries.

    def enter_all(self, event: inputs.Event | None = None) -> None:
        """Enter the journeys with the entry event `event`, and the journeys of the segments that the customer has just come into.

        The journey with the highest priority comes first; journeys with the same priority follow by name. `event` is None if
        there is only a change of segments.
        """
        recorder = self._recorder
        entrants = [] if event is None else [(journey, event) for journey in self._journeys_of(event)]
        if not self.entered_segments and len(entrants) < 2:  # nothing to sort
            for journey, entry in entrants:
                self.enter(journey, entry)
            return
        now, depth = recorder.now, recorder.current_event.depth if recorder.current_event is not None else 0
        for name in self.entered_segments:
            id_ = f"segment-{decisions.hashed(recorder.customer_id, recorder.cause, name)}"
            data = {"segment": name}
            entry = inputs.Event(id_, inputs.SEGMENT_ENTERED, now, now, recorder.customer_id, "dalang/segments", data, depth)
            entrants += [(journey, entry) for journey in recorder.catalog.joining.get(name, ())]
        self.entered_segments.clear()
        for journey, entry in sorted(entrants, key=lambda each: (-each[0].priority, each[0].name)):
            self.enter(journey, entry)

    def _journeys_of(self, event: inputs.Event) -> Iterable[definition.Journey]:
        """Return the journeys that the customer may enter by the event.

        With a detailed trace, return all journeys that name the event's type, so that the trace shows why a journey was not
        entered.
        """
        recorder = self._recorder
        if recorder.trace is not None and recorder.trace.detailed:
            return recorder.catalog.entries.get(event.type, ())
        return recorder.catalog.screening.entrants(event)

    def enter(self, journey: definition.Journey, event: inputs.Event, *, by_hand: bool = False) -> None:
        """Begin, restart or update an instance of the journey, or record a refusal.

        If the event does not meet the entry condition, nothing is recorded. `by_hand` is True for an operator's command
        `enter`.
        """
        admission = entry_rules.judge(self._recorder.context(journey, event), event, by_hand=by_hand)
        if admission is None:
            return
        if admission.reason:
            return self._refuse(journey, admission.reason, admission.key)
        if admission.active is not None:
            return self._enter_again(journey, admission.active, event)
        self._begin(journey, admission.key, event)

    def _enter_again(self, journey: definition.Journey, instance: state.Instance, event: inputs.Event) -> None:
        """Handle an entry event for a key with which the customer is already in the journey.

        `while_active` of the live version says what happens: a refusal (`ignore`), an update or a restart.
        """
        if journey.enter.while_active == "ignore" or instance.parked:
            return self._refuse(journey, "active", instance.key)
        own = self._runner.journey_of(instance)
        if own is None:
            return
        if journey.enter.while_active == "update":
            updated = decisions.JourneyUpdated(event)
            return self._recorder.record(own.name, own.version, instance.id, instance.step, updated)
        self._runner.restart(own, instance, event)

    def _begin(self, journey: definition.Journey, key: str, event: inputs.Event) -> None:
        recorder, rule = self._recorder, journey.enter.reentry
        entered = decisions.JourneyEntered(
            entry=event,
            number=recorder.known.entries.get(journey.name, state.Entries()).count + 1,
            key=key,
            forget_before={"never": None, "after": recorder.now - rule.after * MILLISECOND}.get(rule.rule, recorder.now),
            held_out=entry_rules.held_out(journey, recorder.customer_id),
            goal_until=None if journey.goal is None else recorder.now + journey.goal.within * MILLISECOND,
        )
        instance = decisions.hashed(journey.name, recorder.customer_id, key, entered.number)
        recorder.record(journey.name, journey.version, instance, "", entered)
        self._runner.go_to(journey, instance, journey.first)

    def _refuse(self, journey: definition.Journey, reason: str, key: str = "") -> None:
        self._recorder.record(journey.name, journey.version, "", "", decisions.JourneyRefused(reason, key))  # type: ignore[arg-type]

    # Timers that belong to the customer and not to an instance.

    def fire_schedule(self, id_: str, timer: state.Timer) -> None:
        """Enter the journey by its schedule, and set the timer of the next scheduled entry.

        If there is no next entry, record the fired timer `id_` as cancelled.
        """
        recorder = self._recorder
        journey = next((each for each in recorder.catalog.scheduled if each.name == timer.step), None)
        due = None if journey is None else schedules.next_entry(journey, recorder.context(None))
        if journey is None or due is None:
            recorder.record(timer.step, "", "", "", decisions.TimerCancelled(id_))
        else:
            recorder.record(journey.name, journey.version, "", "", schedules.armed(journey, recorder.context(None), due))
        if journey is not None:
            entry = schedules.entry(journey, recorder.customer_id, id_, timer.due, recorder.now)
            assert journey.enter.schedule is not None
            if recorder.context(journey, entry).holds(journey.enter.schedule.audience):
                self.enter(journey, entry)

    def fire_segments(self, id_: str) -> None:
        """Evaluate the segments when their timer `id_` fires, and enter the journeys of the segments that have become true."""
        recorder = self._recorder
        facts_before = len(recorder.facts)
        self._update_segments(already=False)
        if len(recorder.facts) == facts_before:
            recorder.record("", "", "", "", decisions.TimerCancelled(id_))
        self.enter_all()
