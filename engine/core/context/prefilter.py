"""The prefilter: a fast check that finds events without any effect on a customer.

The decider calls it before it handles an event of a known customer. Many events have a type that some journey or trait names, but
meet no condition (`event.data.path == "/pricing"`), and the event alone shows this. The prefilter is for speed only: without it,
the decisions would be the same. It never skips an event of a built-in type.
"""

from collections.abc import Iterable, Mapping

from engine.core.context import ports
from engine.core.model import definition, inputs, state

Screens = tuple[ports.Screen, ...]


class Screening:
    """The screens (`ports.Screen`) of all conditions, by event type, with the journeys and traits that name the type.

    Screens are made when a type is first seen. `_anyone` has the screens of entries and traits, which concern every customer.
    `_inside` has the screens of a version for customers inside it, and `_watching` those of a version's goal. None means that a
    condition needs more than the event.
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
        """Return True if the event, and the timers until its time, certainly have no effect on the customer."""
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
        """Return the journeys that the event may enter. Left out are journeys whose condition is false by the event alone."""
        known = self._entered.get(event.type)
        if known is None:
            journeys = self._entries.get(event.type, ())
            known = self._entered[event.type] = tuple((journey, self._screen(journey.enter.when)) for journey in journeys)
        return [journey for journey, screen in known if screen is None or not screen(event)]

    def counted(self, event: inputs.Event) -> Iterable[definition.Trait]:
        """Return the traits that the event may change. Left out are traits whose condition is false by the event alone."""
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

        The conditions of a missing version are not known, so the decider handles the event, and parks the instance.
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
