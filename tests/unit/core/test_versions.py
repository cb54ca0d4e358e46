"""Instances stay on the version that they entered with (docs/semantics.md#versions)."""

import pathlib

from tests.unit.core import story

WAITING = (
    "enter: {event: go, reentry: never}\nexit: [{event: order}]\nsteps:\n"
    "  - {id: %s, wait: 1h, restart_on: touch}\n  - {id: end, exit: %s}\n"
)


def test_a_version_that_is_gone_parks_once(tmp_path: pathlib.Path) -> None:
    """An input that meets the instance of an unknown version several times parks it once, and moves nothing."""
    old = story.compiled(tmp_path / "old", story.written("quiet", WAITING % ("old", "old")))
    new = story.compiled(tmp_path / "new", story.written("quiet", WAITING % ("new", "new")))
    ayu = story.Story(old)
    ayu.when("go", "10:00")
    ayu.catalog = new
    before = len(ayu.told)
    ayu.when("touch", "10:10")
    ayu.when("order", "10:20")
    (parked,) = ayu.told[before:]
    assert (parked.type, parked.cause == "") == ("instance.parked", False)
    assert old.bundle.journeys[0].version in parked.data.reason  # type: ignore[attr-defined]
