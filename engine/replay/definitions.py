"""The definitions for a replay: one bundle for the whole history, or the bundles that were live when it was recorded.

Called by the replayer for the catalog of each activation, by the worker's registry of bundles, and by `engine/cli`. This module
must not know Kafka: its callers read the bundles from `journey.bundles` or from a file, and pass them in.
"""

import pathlib
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from engine.authoring import public_calendars
from engine.authoring.compiling import catalogs
from engine.core import errors
from engine.core.context import catalog
from engine.core.model import definition

Given = definition.Bundle | tuple[definition.Bundle, ...]
"""One bundle for the whole history, or a tuple of bundles among which the history's `bundle.activated` events choose."""
NOTHING: Final = definition.Bundle(id="", journeys=(), policy=definition.Policy())
"""The empty bundle that is live in a partition before its first `bundle.activated`."""


class NotBundles(errors.DalangError):
    """This file holds no bundles."""

    code = "DLG404"
    hint = "Make such a file with `dalang history export --bundles FILE`, or give kafka://host:port/journey.bundles."


class Definitions(Protocol):
    """An object that returns the catalog with which a replay decides: at the start, and after each activation of a bundle."""

    def first(self) -> catalog.Catalog:
        """Return the catalog that is in force before the first activation."""
        ...

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """Return the catalog in which this bundle is live, or None if the bundle is not known.

        `bundle` is a bundle's id. After None, the catalog before the activation stays in force.
        """
        ...


class Held:
    """Definitions with a single catalog, which is in force for the whole history; activations in the history are ignored."""

    def __init__(self, catalog: catalog.Catalog) -> None:
        self._catalog = catalog

    def first(self) -> catalog.Catalog:
        """Return the single catalog."""
        return self._catalog

    def activated(self, bundle: str) -> catalog.Catalog:
        """Return the single catalog, whatever bundle was activated."""
        return self._catalog


class Recorded:
    """Definitions with several bundles, among which each activation chooses the live one by its id.

    The catalog of the live bundle also contains the journeys of all other bundles, because older instances may still be in
    them.
    """

    def __init__(self, bundles: Iterable[definition.Bundle] = ()) -> None:
        self._bundles = {NOTHING.id: NOTHING, **{bundle.id: bundle for bundle in bundles}}
        self._catalogs: dict[str, catalog.Catalog] = {}

    def __contains__(self, bundle: str) -> bool:
        return bundle in self._bundles

    def first(self) -> catalog.Catalog:
        """Return the catalog before the first activation, in which no bundle is live."""
        return self._of(NOTHING.id)

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """Return the catalog in which the bundle with this id is live, or None if no such bundle was added."""
        return self._of(bundle) if bundle in self._bundles else None

    def add(self, bundle: definition.Bundle) -> None:
        """Add a bundle, unless a bundle with its id was added before."""
        if bundle.id not in self._bundles:
            self._bundles[bundle.id] = bundle
            self._catalogs.clear()

    @property
    def emits(self) -> bool:
        """True if any of the bundles has a step `emit`."""
        journeys = (journey for bundle in self._bundles.values() for journey in bundle.journeys)
        return any(isinstance(step, definition.Emit) for journey in journeys for step in journey.steps.values())

    def _of(self, id_: str) -> catalog.Catalog:
        made = self._catalogs.get(id_)
        if made is None:
            made = self._catalogs[id_] = catalogs.of(self._bundles[id_], self._bundles.values())
        return made


def of(given: Given) -> Definitions:
    """Return the definitions made from one bundle (`Held`) or from a tuple of bundles (`Recorded`)."""
    return Recorded(given) if isinstance(given, tuple) else Held(catalogs.of(given))


def _bundles(given: Given) -> tuple[definition.Bundle, ...]:
    return given if isinstance(given, tuple) else (given,)


def names(given: Given) -> list[str]:
    """Return the names of all journeys in the given bundles, sorted."""
    return sorted({journey.name for bundle in _bundles(given) for journey in bundle.journeys})


def foreign(given: Given) -> tuple[str, ...]:
    """Return the versions of tzdata (time zone data) with which the bundles were made, without the version installed here.

    With another version of tzdata, local times may differ: docs/semantics.md#another-tzdata-is-told
    """
    return tuple(sorted({bundle.policy.calendar.tzdata for bundle in _bundles(given)} - {"", public_calendars.TZDATA}))


def told(tzdata: Iterable[str]) -> str:
    """Return a warning that names these versions of tzdata, as one sentence; empty if `tzdata` is empty."""
    versions = ", ".join(tzdata)
    sentence = (
        f"The definitions were made under tzdata {versions}, and here is {public_calendars.TZDATA}: local times may differ."
    )
    return sentence if versions else ""


def encode(given: Given) -> bytes:
    """Encode the given bundle or bundles as JSON, to pass them to another process."""
    return msgspec.json.encode(given)


def decode(value: bytes) -> Given:
    """Return the bundle or bundles that `encode` has encoded."""
    given: Given = _given.decode(value)
    return given


_given: Final = msgspec.json.Decoder(definition.Bundle | tuple[definition.Bundle, ...])


def read(path: pathlib.Path) -> tuple[definition.Bundle, ...]:
    """Return the bundles of a file of JSON lines; raise `NotBundles` if the file cannot be read or a line is not a bundle."""
    try:
        lines = path.read_bytes().splitlines()
        return tuple(msgspec.json.decode(line, type=definition.Bundle) for line in lines if line)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        told = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise NotBundles(f"{path}: {told}.") from None
