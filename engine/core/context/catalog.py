"""The catalog: the live bundle, all journey versions that an instance may still use, and the ports to CEL, Liquid and time zones.

`engine/authoring/compiling/catalogs.py` builds one catalog for each activation of a bundle. The decider reads the catalog for
every input.
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
"""The longest language tag, in characters, for which `languages_of` caches its result.

No tag in use is longer (RFC 5646 section 4.4.1).
"""


class Catalog:
    """The definitions that the decider uses, with tables and caches that are made from them.

    - `entries`: `{event type: journeys that a customer may enter by it}`, the highest priority first, then by name.
    - `joining`: `{segment: journeys that a customer enters when she comes into the segment}`, in the same order.
    - `scheduled`: the journeys that have a schedule, in the same order.
    - `counting`: `{event type: traits that are computed from events of the type}`.
    - `segmenting`: a pair `(trait, daily)` for each trait that a segment reads; the function `_read` explains `daily`.
    - `named`: all event types that a journey version or a trait names.
    - `screening`: the check that finds events without any effect on a customer.
    - `reach`: the length of time before now for which caps count messages; None if the policy has no caps.
    - `hours`: a cache of the quiet hours that were computed last, for each rule and time zone.
    - `due`: a cache of schedules, `{(version, zone): (since, due)}`. At every moment from `since` until `due`, the next
      scheduled entry is at `due`.
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
            if journey.status in ("live", "paused"):  # no customer enters a draft or retired journey
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
        """Return True if the content of an event of this type may have an effect on a customer.

        The content may have an effect if a journey or a trait names the type, or if the type is one of the engine's own. The
        first event of a customer (`known` is False) plans her schedules and evaluates the segments. So it may have
        an effect with any type, if the bundle has schedules or segments.
        """
        if event_type in self.named or event_type in inputs.BUILT_IN:
            return True
        return not known and bool(self.scheduled or self.segments)

    def concerns_all(self, before: "Catalog") -> bool:
        """Return True if every customer may be affected when this catalog replaces `before`, the catalog that was live.

        All customers may be affected if one of the two catalogs has schedules, segments or journeys with `on_update: migrate`.
        They may also be affected if a journey of `before` has the status `paused`, because the pause may end.
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
        """Return the customer's time zone.

        It is the first zone that is given: in the profile, by the country of the phone number, or for the workspace. It is UTC
        if that zone is unknown.
        """
        profile = customer.profile
        if profile is not self._asked[0]:  # callers ask for one customer many times in a row: keep the last result
            name = customer_zone.zone_of(profile, self.policy.calendar, self.policy.timezone, self._knows)
            self._asked = (profile, self._zone(name) or datetime.UTC)
        return self._asked[1]

    def reckoned(self, customer: state.Customer, now: datetime.datetime, wanted: Iterable[str] | None) -> Mapping[str, Any]:
        """Return `{trait name: value}` for a customer at the time `now`, without the traits that have no value.

        `wanted` are the names of the traits to compute; None means all traits. Names that are no traits of the bundle are
        ignored.
        """
        known = self.traits
        chosen = known.values() if wanted is None else [known[name] for name in wanted if name in known]
        return evaluate.values(chosen, customer.traits, now, self.zone_of(customer))

    def languages_of(self, customer: state.Customer) -> tuple[str, ...]:
        """Return the languages to look for in a template, the customer's preferred one first: `("en-GB", "en", "id")`."""
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
        """Return the journey of that version.

        Raises `errors.BundleError` if the version is missing. The function never returns another version in its place.
        """
        try:
            return self.versions[version]
        except KeyError:
            raise errors.BundleError(f"No bundle here holds the journey version {version}.") from None

    def coming(self, journey: definition.Journey, step: str) -> tuple[definition.WaitEvents, ...]:
        """Return the waits with `since: entry` or `since: previous_send` that an instance at `step` can still reach.

        If an event matches one of these waits before the instance reaches it, the decider stores the event (`event.kept`). The
        stored event can then end the wait.
        """
        known = self._coming.get((journey.version, step))
        if known is None:
            later = (journey.steps[id_] for id_ in definition.reachable(journey, step))
            known = tuple(s for s in later if isinstance(s, definition.WaitEvents) and s.since != "step")
            self._coming[journey.version, step] = known
        return known


def _read(bundle: definition.Bundle) -> Iterator[tuple[definition.Trait, bool]]:
    """Return a pair `(trait, daily)` for each trait that a segment reads.

    `daily` is True if a segment that reads the trait may also read `recency_days` of an rfm trait. This number changes every
    day.
    """
    named: dict[str, bool] = {}
    for segment in bundle.segments:
        # In `traits.x[...]` the field name is known only when the expression is evaluated, so it may be `recency_days`.
        daily = "recency_days" in segment.condition.text or "[" in segment.condition.text
        named |= {name: daily or named.get(name, False) for name in segment.traits}
    return ((trait, named[trait.name]) for trait in bundle.traits if trait.name in named)
