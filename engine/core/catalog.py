"""The catalog: the live bundle with every version that an instance may still be on, and the ports that give it meaning.

Built once per activation by `engine/authoring/catalogs.py`, read for every event.
"""

from collections.abc import Mapping

from engine.core import definition, errors, ports


class Catalog:
    """What `decide` decides by.

    `entries` lists, per event type, the journeys that it may enter in their order (priority, then name); `named` is every
    event type that any version names, so that all others cost nothing.
    """

    def __init__(
        self,
        bundle: definition.Bundle,
        expressions: ports.Expressions,
        templates: ports.Templates,
        versions: Mapping[str, definition.Journey] | None = None,
    ) -> None:
        self.bundle = bundle
        self.policy = bundle.policy
        self.expressions = expressions
        self.templates = templates
        self.versions = {**(versions or {}), **{journey.version: journey for journey in bundle.journeys}}
        self.entries: dict[str, tuple[definition.Journey, ...]] = {}
        for journey in sorted(bundle.journeys, key=lambda j: (-j.priority, j.name)):
            if journey.status in ("live", "paused"):  # a draft or retired journey takes nobody and records nothing
                for event in journey.enter.events:
                    self.entries[event] = (*self.entries.get(event, ()), journey)
        touching = (definition.events_of(journey) for journey in self.versions.values())
        self.named = frozenset(self.entries).union(*touching)
        self._coming: dict[tuple[str, str], tuple[definition.WaitEvents, ...]] = {}

    def journey(self, version: str) -> definition.Journey:
        """The journey of that version, or `errors.BundleError`: never another version of it."""
        try:
            return self.versions[version]
        except KeyError:
            raise errors.BundleError(f"No bundle here holds the journey version {version}.") from None

    def coming(self, journey: definition.Journey, step: str) -> tuple[definition.WaitEvents, ...]:
        """The waits with a `since` that an instance at `step` may still come to: events that they name are kept."""
        known = self._coming.get((journey.version, step))
        if known is None:
            later = (journey.steps[id_] for id_ in definition.reachable(journey, step))
            known = tuple(s for s in later if isinstance(s, definition.WaitEvents) and s.since != "step")
            self._coming[journey.version, step] = known
        return known
