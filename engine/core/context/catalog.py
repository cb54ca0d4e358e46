"""The catalog: the live bundle, older versions that instances are still on, and the ports that evaluate and render.

`engine/authoring/compiling/catalogs.py` builds it once per activation. The decider reads it for every event.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.core import errors
from engine.core.context import ports, prefilter
from engine.core.model import definition, inputs, state
from engine.core.rules import customer_zone, frequency_caps, language_fallback, quiet_hours
from engine.core.traits import evaluate

MOST_ZONES: Final = 1_000
MOST_LANGUAGES: Final = 1_000
LONGEST_LANGUAGE: Final = 35
"""The longest language tag of a profile, in characters, that is cached. No tag in use is longer (RFC 5646 section 4.4.1)."""


class Catalog:
    """The definitions that the decider uses, with tables and caches made from them.

    - `entries`: `{event type: journeys that it may enter}`, by priority, then name.
    - `joining`: `{segment: journeys that it enters}`, in the same order.
    - `scheduled`: the journeys that enter by the calendar.
    - `counting`: `{event type: traits that it changes}`.
    - `segmenting`: the traits that segments read, as `_read` yields them.
    - `named`: every event type that any version or trait names; events of other types are not decided.
    - `reach`: the longest window of a cap; None without caps.
    - `hours`: the cache of quiet hours.
    - `due`: `{(version, zone): (since, due)}` of the schedules; `due` is the next entry for every moment from `since` until
      `due`.
    """

    def __init__(
        self,
        bundle: definition.Bundle,
        expressions: ports.Expressions,
        templates: ports.Templates,
        versions: Mapping[str, definition.Journey] | None = None,
        zones: ports.Zones | None = None,
    ) -> None:
        self.bundle, self.policy = bundle, bundle.policy
        self.expressions, self.templates = expressions, templates
        self.zones = zones or ports.FixedZones()
        self.holidays = frozenset(bundle.policy.calendar.holidays)
        self.versions = {**(versions or {}), **{journey.version: journey for journey in bundle.journeys}}
        self.live = {journey.name: journey for journey in bundle.journeys}
        self.entries: dict[str, tuple[definition.Journey, ...]] = {}
        self.joining: dict[str, tuple[definition.Journey, ...]] = {}
        self.scheduled: tuple[definition.Journey, ...] = ()
        for journey in sorted(bundle.journeys, key=lambda j: (-j.priority, j.name)):
            if journey.status in ("live", "paused"):  # a draft or retired journey takes nobody and records nothing
                self._enters(journey)
        self.segments = bundle.segments
        self.segment_names = tuple(segment.name for segment in bundle.segments)
        self.segmenting = tuple(_read(bundle))
        self.traits = {trait.name: trait for trait in bundle.traits}
        self.counting: dict[str, tuple[definition.Trait, ...]] = {}
        for trait in bundle.traits:
            for event in trait.of:
                self.counting[event] = (*self.counting.get(event, ()), trait)
        touching = (definition.events_of(journey) for journey in self.versions.values())
        self.named = frozenset(self.entries).union(self.counting, *touching)
        self.screening = prefilter.Screening(self.versions, self.entries, self.counting, expressions)
        self.hours = quiet_hours.Hours(self.holidays)
        self.reach = frequency_caps.reach(bundle.policy.caps)
        self.due: dict[tuple[str, datetime.tzinfo], tuple[datetime.datetime, datetime.datetime]] = {}
        self._languages: dict[str, tuple[str, ...]] = {}
        self._coming: dict[tuple[str, str], tuple[definition.WaitEvents, ...]] = {}
        self._asked: tuple[object, datetime.tzinfo] = (None, datetime.UTC)
        self._zones: dict[str, datetime.tzinfo | None] = {}

    def _enters(self, journey: definition.Journey) -> None:
        enter = journey.enter
        for event in enter.events:
            self.entries[event] = (*self.entries.get(event, ()), journey)
        if enter.segment:
            self.joining[enter.segment] = (*self.joining.get(enter.segment, ()), journey)
        if enter.schedule is not None:
            self.scheduled = (*self.scheduled, journey)

    def takes(self, event_type: str, *, known: bool) -> bool:
        """Return True if an event of that type can have an effect by itself.

        It can if the type is named or built in. It also can if the customer is not `known` and the bundle has schedules or
        segments, because the first event plans schedules and evaluates segments.
        """
        if event_type in self.named or event_type in inputs.BUILT_IN:
            return True
        return not known and bool(self.scheduled or self.segments)

    def concerns_all(self, before: "Catalog") -> bool:
        """Return True if replacing the catalog `before` by this one can have an effect on any customer.

        It can if one of the two has schedules, segments or migrations, or if a journey is not paused any more.
        """
        if self is before:
            return False
        resting = any(journey.status == "paused" for journey in before.live.values())
        return resting or any(each._reaches_all for each in (self, before))

    @property
    def _reaches_all(self) -> bool:
        migrating = any(journey.on_update == "migrate" for journey in self.live.values())
        return bool(self.scheduled or self.segments or migrating)

    def zone_of(self, customer: state.Customer) -> datetime.tzinfo:
        """Return the customer's time zone: of the profile, the phone's country or the workspace, else UTC."""
        profile = customer.profile
        if profile is not self._asked[0]:  # the same customer is asked about many times in a row
            name = customer_zone.zone_of(profile, self.policy.calendar, self.policy.timezone, self._knows)
            self._asked = (profile, self._zone(name) or datetime.UTC)
        return self._asked[1]

    def reckoned(self, customer: state.Customer, now: datetime.datetime, wanted: Iterable[str] | None) -> Mapping[str, Any]:
        """Return `{trait: value}` of the customer's traits at `now`; `wanted` are their names (None: all)."""
        known = self.traits
        chosen = known.values() if wanted is None else [known[name] for name in wanted if name in known]
        return evaluate.values(chosen, customer.traits, now, self.zone_of(customer))

    def languages_of(self, customer: state.Customer) -> tuple[str, ...]:
        """Return the languages to try for a customer, in their order."""
        wished = customer.profile.get("language")
        if not isinstance(wished, str) or len(wished) > LONGEST_LANGUAGE:
            return language_fallback.order(wished, self.policy)
        found = self._languages.get(wished)
        if found is None:
            if len(self._languages) > MOST_LANGUAGES:  # profiles may hold any text, so the cache has a limit
                self._languages.clear()
            found = self._languages[wished] = language_fallback.order(wished, self.policy)
        return found

    def _knows(self, name: str) -> bool:
        return self._zone(name) is not None

    def _zone(self, name: str) -> datetime.tzinfo | None:
        if name not in self._zones:
            if len(self._zones) > MOST_ZONES:  # profiles may hold any text, so the cache has a limit
                self._zones.clear()
            self._zones[name] = self.zones.zone(name)
        return self._zones[name]

    def journey(self, version: str) -> definition.Journey:
        """Return the journey of that version; raises `errors.BundleError` if it is missing, and never returns another version."""
        try:
            return self.versions[version]
        except KeyError:
            raise errors.BundleError(f"No bundle here holds the journey version {version}.") from None

    def coming(self, journey: definition.Journey, step: str) -> tuple[definition.WaitEvents, ...]:
        """Return the `since` waits that an instance at `step` may still reach. Events for these waits must be kept."""
        known = self._coming.get((journey.version, step))
        if known is None:
            later = (journey.steps[id_] for id_ in definition.reachable(journey, step))
            known = tuple(s for s in later if isinstance(s, definition.WaitEvents) and s.since != "step")
            self._coming[journey.version, step] = known
        return known


def _read(bundle: definition.Bundle) -> Iterator[tuple[definition.Trait, bool]]:
    """Return each trait that a segment reads, with True if a segment may read the days of an rfm, which change every day."""
    named: dict[str, bool] = {}
    for segment in bundle.segments:
        # A field name in brackets may be the result of any expression, so it may be that of the days.
        daily = "recency_days" in segment.condition.text or "[" in segment.condition.text
        named |= {name: daily or named.get(name, False) for name in segment.traits}
    return ((trait, named[trait.name]) for trait in bundle.traits if trait.name in named)
