"""The definitions of a replay: one bundle for the whole history, or the bundles that its activations made live.

Called by the replayer for the catalog of each activation, by the worker's registry of bundles, and by `engine/cli`. This file
must not use Kafka: the caller passes the bundles, which it reads from `journey.bundles` or from a file.
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
"""One bundle for the whole history, or all bundles that the activations of the history may make live."""
NOTHING: Final = definition.Bundle(id="", journeys=(), policy=definition.Policy())
"""The empty bundle that is live in a partition before its first `bundle.activated`."""


class NotBundles(errors.DalangError):
    """This file holds no bundles."""

    code = "DLG404"
    hint = "Make such a file with `dalang history export --bundles FILE`, or give kafka://host:port/journey.bundles."


class Definitions(Protocol):
    """A source of the catalog that is live at each point of a history."""

    def first(self) -> catalog.Catalog:
        """Return the catalog before any activation."""
        ...

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """Return the catalog after an activation of this bundle. None: the bundle is unknown, and the catalog stays."""
        ...


class Held:
    """Definitions with one catalog for the whole history; activations in the history change nothing."""

    def __init__(self, catalog: catalog.Catalog) -> None:
        self._catalog = catalog

    def first(self) -> catalog.Catalog:
        """Return the one catalog."""
        return self._catalog

    def activated(self, bundle: str) -> catalog.Catalog:
        """Return the one catalog."""
        return self._catalog


class Recorded:
    """Definitions of several bundles, by id.

    The catalog of a live bundle also has the journeys of all other bundles, because instances may still be in these versions.
    """

    def __init__(self, bundles: Iterable[definition.Bundle] = ()) -> None:
        self._bundles = {NOTHING.id: NOTHING, **{bundle.id: bundle for bundle in bundles}}
        self._catalogs: dict[str, catalog.Catalog] = {}

    def __contains__(self, bundle: str) -> bool:
        return bundle in self._bundles

    def first(self) -> catalog.Catalog:
        """Return the catalog before the first activation, in which nothing is live."""
        return self._of(NOTHING.id)

    def activated(self, bundle: str) -> catalog.Catalog | None:
        """Return the catalog with this bundle live, or None if the bundle is not known."""
        return self._of(bundle) if bundle in self._bundles else None

    def add(self, bundle: definition.Bundle) -> None:
        """Add a bundle, unless it is known already."""
        if bundle.id not in self._bundles:
            self._bundles[bundle.id] = bundle
            self._catalogs.clear()

    @property
    def emits(self) -> bool:
        """True if a step of any known bundle emits events."""
        journeys = (journey for bundle in self._bundles.values() for journey in bundle.journeys)
        return any(isinstance(step, definition.Emit) for journey in journeys for step in journey.steps.values())

    def _of(self, id_: str) -> catalog.Catalog:
        made = self._catalogs.get(id_)
        if made is None:
            made = self._catalogs[id_] = catalogs.of(self._bundles[id_], self._bundles.values())
        return made


def of(given: Given) -> Definitions:
    """Return the definitions of the given bundle or bundles."""
    return Recorded(given) if isinstance(given, tuple) else Held(catalogs.of(given))


def _bundles(given: Given) -> tuple[definition.Bundle, ...]:
    return given if isinstance(given, tuple) else (given,)


def names(given: Given) -> list[str]:
    """Return the names of all journeys in the given bundles, sorted."""
    return sorted({journey.name for bundle in _bundles(given) for journey in bundle.journeys})


def foreign(given: Given) -> tuple[str, ...]:
    """Return the versions of tzdata with which the given bundles were compiled, without the version of this process.

    With another version, local times may differ: docs/semantics.md#another-tzdata-is-told
    """
    return tuple(sorted({bundle.policy.calendar.tzdata for bundle in _bundles(given)} - {"", public_calendars.TZDATA}))


def told(tzdata: Iterable[str]) -> str:
    """Return the warning about other versions of tzdata as a sentence; empty if there are none."""
    versions = ", ".join(tzdata)
    sentence = (
        f"The definitions were made under tzdata {versions}, and here is {public_calendars.TZDATA}: local times may differ."
    )
    return sentence if versions else ""


def encode(given: Given) -> bytes:
    """Return the given bundle or bundles as bytes, for another process."""
    return msgspec.json.encode(given)


def decode(value: bytes) -> Given:
    """Return the bundle or bundles that `encode` turned into bytes."""
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
