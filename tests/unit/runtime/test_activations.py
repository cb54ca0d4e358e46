"""Activations in a partition: what a worker says when a bundle goes live."""

import pathlib
from typing import Any

import msgspec
import pytest
from structlog import testing

from engine.authoring import public_calendars
from engine.runtime.kafka import timestamps
from engine.runtime.partition import partition
from engine.runtime.state import codec
from tests.unit.runtime.rig import START, Rig


@pytest.mark.parametrize(("tzdata", "warned"), [("1999a", True), (public_calendars.TZDATA, False), ("", False)])
async def test_a_bundle_of_another_tzdata_is_told(tmp_path: pathlib.Path, monkeypatch: Any, tzdata: str, warned: bool) -> None:
    """A bundle that was made under another tzdata says so in the worker's log when it goes live; one of the same is quiet."""
    rig, log = Rig(tmp_path), testing.CapturingLogger()
    monkeypatch.setattr(partition, "_log", log)
    policy = rig.bundle.policy
    calendar = msgspec.structs.replace(policy.calendar, tzdata=tzdata)
    other = msgspec.structs.replace(rig.bundle, id="other", policy=msgspec.structs.replace(policy, calendar=calendar))
    rig.partition._registry._recorded.add(other)
    await rig.handle(rig.record(codec.bundle_activated("other", "stream", timestamps.instant(START), "activate")))
    assert [call.method_name for call in log.calls] == ["info", *["warning"] * warned]
    assert all("made under tzdata 1999a" in call.kwargs["detail"] for call in log.calls[1:])
