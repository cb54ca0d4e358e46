"""Screening: a fast check for events that can have no effect on a customer.

The decider calls `Screening.lets_by` for each event of a known customer before it handles the event. Many events have a type
that a journey or a trait names, but do not meet its condition. For example, the condition is `event.data.path == "/pricing"`
and the path in the event is `/cart`: the event alone shows that the condition is false for every customer. Screening only saves
time: an event that it skips would have had no effect. It never skips an event of the engine's own types.
"""

from collections.abc import Iterable, Mapping

from engine.core.context import ports
from engine.core.model import definition, inputs, state

Screens = tuple[ports.Screen, ...]


class Screening:
    """The screens of all conditions, by event type; a screen is a function that finds a condition false by the event alone.

    The screens for an event type are made when the type is first seen. There are three tables:

    - `_anyone`: the screens of entries and traits. They concern every customer.
    - `_inside`: the screens of a version's exits and waits. They concern the customers inside that version.
    - `_watching`: the screens of a version's goal. They concern the customers whose goal is still watched.

    None in a table means that at least one of the conditions has no screen, so the event cannot be skipped. An empty tuple
    means that no condition concerns the type.
    """

    def __init__(
        self,
        versions: Mapping[str, definition.Journey],
        entries: Mapping[str, tuple[definition.Journey, ...]],
        counting: Mapping[str, tuple[definition.Trait, ...]],
        expressions: ports.Expressions,
    ) -> None:
        self._versions, self._entries, self._counting, self._expressions = versions, entries, counting, expressions
        self._entered: dict[str, tuple[tuple[definition.Journey, ports.Screen | None], ...]] = {}
        self._counted: dict[str, tuple[tuple[definition.Trait, ports.Screen | None], ...]] = {}
        self._anyone: dict[str, Screens | None] = {}
        self._inside: dict[tuple[str, str], Screens | None] = {}
        self._watching: dict[tuple[str, str], Screens | None] = {}

    def lets_by(self, event: inputs.Event, customer: state.Customer) -> bool:
        """Return True if the event has no effect on the customer and none of the customer's timers is due at the event's time.

        If the result is False, the decider must handle the event. The event may still turn out to have no effect.
        """
        kind = event.type
        if kind in inputs.BUILT_IN or not self._stops(self._of_anyone(kind), event) or customer.is_due(event.recorded):
            return False
        for instance in customer.instances.values():
            if not self._stops(self._of_inside(instance.version, kind), event):
                return False
        for goal in customer.goals.values():  # noqa: SIM110 a generator takes twice the time
            if not self._stops(self._of_watching(goal.version, kind), event):
                return False
        return True

    def entrants(self, event: inputs.Event) -> Iterable[definition.Journey]:
        """Return the journeys that the customer may enter by this event.

        Journeys with a condition that is false by the event alone are left out.
        """
        known = self._entered.get(event.type)
        if known is None:
            journeys = self._entries.get(event.type, ())
            known = self._entered[event.type] = tuple((journey, self._screen(journey.enter.when)) for journey in journeys)
        return [journey for journey, screen in known if screen is None or not screen(event)]

    def counted(self, event: inputs.Event) -> Iterable[definition.Trait]:
        """Return the traits that the event may change.

        Traits with a condition that is false by the event alone are left out.
        """
        known = self._counted.get(event.type)
        if known is None:
            traits = self._counting.get(event.type, ())
            known = self._counted[event.type] = tuple((trait, self._screen(trait.when)) for trait in traits)
        return [trait for trait, screen in known if screen is None or not screen(event)]

    @staticmethod
    def _stops(screens: Screens | None, event: inputs.Event) -> bool:
        if screens is None:
            return False
        for screen in screens:  # noqa: SIM110 a generator takes twice the time
            if not screen(event):
                return False
        return True

    def _of_anyone(self, kind: str) -> Screens | None:
        if kind not in self._anyone:
            asked = [journey.enter.when for journey in self._entries.get(kind, ())]
            asked += [trait.when for trait in self._counting.get(kind, ())]
            self._anyone[kind] = self._screens(asked)
        return self._anyone[kind]

    def _of_inside(self, version: str, kind: str) -> Screens | None:
        """Return the screens of a version for the customers inside it, or None if the version is missing.

        With None, the event is not skipped: the decider handles it, finds that the version is missing, and parks the instance.
        """
        key = (version, kind)
        if key not in self._inside:
            journey = self._versions.get(version)
            triggers = () if journey is None else definition.triggers_of(journey)
            asked = [trigger.when for trigger in triggers if trigger.event == kind]
            self._inside[key] = None if journey is None else self._screens(asked)
        return self._inside[key]

    def _of_watching(self, version: str, kind: str) -> Screens | None:
        key = (version, kind)
        if key not in self._watching:
            journey = self._versions.get(version)
            goal = None if journey is None else journey.goal
            self._watching[key] = self._screens([goal.trigger.when] if goal is not None and goal.trigger.event == kind else [])
        return self._watching[key]

    def _screens(self, asked: Iterable[definition.Expression | None]) -> Screens | None:
        screens = tuple(map(self._screen, asked))
        found = tuple(screen for screen in screens if screen is not None)
        return found if len(found) == len(screens) else None

    def _screen(self, condition: definition.Expression | None) -> ports.Screen | None:
        return None if condition is None else self._expressions.screen(condition)
