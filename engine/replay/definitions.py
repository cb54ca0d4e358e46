"""By which definitions a history is decided: those of one bundle from its start to its end, or those that were live.

Called by the replayer, which asks for the catalog in force. It knows no Kafka: whoever has the bundles on record hands
them in, read from `journey.bundles` or from a file.
"""

import pathlib
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from engine.authoring import calendars, catalogs
from engine.core import catalog, definition, errors

Given = definition.Bundle | tuple[definition.Bundle, ...]
"""One bundle that holds from the start, or all those that the history's own activations choose from."""
NOTHING: Final = definition.Bundle(id="", journeys=(), policy=definition.Policy())
"""What is live in a partition before its first `bundle.activated`."""


class NotBundles(errors.DalangError):
    """This file holds no bundles."""

    code = "DLG404"
    hint = "Write one with `dalang history export --bundles FILE`, or give kafka://host:port/journey.bundles."


class Definitions(Protocol):
    """Which catalog is in force."""

    def first(self) -> catalog.Catalog:
        """The one before any activation."""
        ...

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """The one from an activation of this bundle on; None: it is not known, and nothing changes."""
        ...


class Held:
    """One catalog, whatever the history activates."""

    def __init__(self, catalog: catalog.Catalog) -> None:
        self._catalog = catalog

    def first(self) -> catalog.Catalog:
        """Always the same."""
        return self._catalog

    def activated(self, bundle: str) -> catalog.Catalog:
        """Always the same."""
        return self._catalog


class Recorded:
    """Bundles by id. With each one that is live stand the journeys of all others, for those who entered by them."""

    def __init__(self, bundles: Iterable[definition.Bundle] = ()) -> None:
        self._bundles = {NOTHING.id: NOTHING, **{bundle.id: bundle for bundle in bundles}}
        self._catalogs: dict[str, catalog.Catalog] = {}

    def __contains__(self, bundle: str) -> bool:
        return bundle in self._bundles

    def first(self) -> catalog.Catalog:
        """Nothing is live before the first activation."""
        return self._of(NOTHING.id)

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """The catalog with this bundle live, if it is on record."""
        return self._of(bundle) if bundle in self._bundles else None

    def add(self, bundle: definition.Bundle) -> None:
        """One bundle more."""
        if bundle.id not in self._bundles:
            self._bundles[bundle.id] = bundle
            self._catalogs.clear()

    @property
    def emits(self) -> bool:
        """True if a step of any bundle on record emits events."""
        journeys = (journey for bundle in self._bundles.values() for journey in bundle.journeys)
        return any(isinstance(step, definition.Emit) for journey in journeys for step in journey.steps.values())

    def _of(self, id_: str) -> catalog.Catalog:
        made = self._catalogs.get(id_)
        if made is None:
            made = self._catalogs[id_] = catalogs.of(self._bundles[id_], self._bundles.values())
        return made


def of(given: Given) -> Definitions:
    """The definitions of what was given."""
    return Recorded(given) if isinstance(given, tuple) else Held(catalogs.of(given))


def _bundles(given: Given) -> tuple[definition.Bundle, ...]:
    return given if isinstance(given, tuple) else (given,)


def names(given: Given) -> list[str]:
    """The names of all journeys in what was given."""
    return sorted({journey.name for bundle in _bundles(given) for journey in bundle.journeys})


def foreign(given: Given) -> tuple[str, ...]:
    """The versions of tzdata, other than the one here, under which bundles were made: their local times may differ here."""
    return tuple(sorted({bundle.policy.calendar.tzdata for bundle in _bundles(given)} - {"", calendars.TZDATA}))


def told(tzdata: Iterable[str]) -> str:
    """The warning about them, as a sentence; empty without any."""
    versions = ", ".join(tzdata)
    sentence = f"The definitions were made under tzdata {versions}, and here is {calendars.TZDATA}: local times may differ."
    return sentence if versions else ""


def encode(given: Given) -> bytes:
    """What was given as bytes, for another process."""
    return msgspec.json.encode(given)


def decode(value: bytes) -> Given:
    """What `encode` made bytes of."""
    given: Given = _given.decode(value)
    return given


_given: Final = msgspec.json.Decoder(definition.Bundle | tuple[definition.Bundle, ...])


def read(path: pathlib.Path) -> tuple[definition.Bundle, ...]:
    """The bundles of a file of JSON lines; `NotBundles` where it is none."""
    try:
        lines = path.read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=definition.Bundle) for line in lines if line)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        told = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise NotBundles(f"{path}: {told}.") from None


class InForce:
    """The catalog in force in each partition, while a history is read. None is the partition of lines that have none."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions, self._first = definitions, definitions.first()
        self._live: dict[int | None, catalog.Catalog] = {}

    def __getitem__(self, partition: int | None) -> catalog.Catalog:
        return self._live.get(partition, self._first)

    def activate(self, partition: int | None, bundle: object) -> bool:
        """Go over to a bundle in one partition; whether it is known."""
        found = self._definitions.activated(bundle) if isinstance(bundle, str) else None
        if found is not None:
            self._live[partition] = found
        return found is not None
