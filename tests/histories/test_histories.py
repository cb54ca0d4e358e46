"""Today's code against saved histories: the same bytes, and the first difference by name where a rule has changed."""

import datetime
import pathlib
from typing import Any

import msgspec
import pytest

from engine.core import steps
from engine.core.context.decision_context import Context
from engine.core.model import definition
from engine.core.rules import quiet_hours
from engine.core.steps import wait
from tests.histories import record, saved

JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"


def test_every_example_journey_has_a_history() -> None:
    """A new journey is recorded: `python -m tests.histories.record NAME`."""
    files = {path.stem for path in JOURNEYS.glob("*.yaml")} - {"policy", "traits"}
    assert set(saved.names()) == files


@pytest.mark.parametrize("name", saved.names())
def test_a_saved_history_gives_the_same_decisions(name: str) -> None:
    """Byte for byte; if a rule was changed on purpose, record it anew and say so in the changelog."""
    recorded = saved.recorded(name)
    assert len(recorded) >= record.FEWEST
    told = saved.difference(recorded, saved.decided(name))
    assert not told, f"{name} does not replay: {told}"


def test_a_changed_rule_of_the_policy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quiet hours that are no longer kept: the first message that goes at night, its customer, and both decisions."""

    def open_always(rule: Any, at: datetime.datetime, zone: Any, holidays: Any) -> datetime.datetime:
        return at

    monkeypatch.setattr(quiet_hours, "opens_at", open_always)
    recorded, today = saved.recorded("cart-abandonment"), saved.decided("cart-abandonment")
    first = next(at for at, (one, other) in enumerate(zip(recorded, today, strict=False)) if one != other)
    told = saved.difference(recorded, today).splitlines()
    assert b'"type":"message.deferred"' in recorded[first]
    assert told[0].startswith(f"decision {first + 1}, of cust-")
    assert told[1:] == [f"  recorded {recorded[first].decode()}", f"  today    {today[first].decode()}"]
    assert '"message.requested"' in told[2]


def test_a_changed_step_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is a millisecond longer: the first timer that is due later."""

    def longer(step: definition.WaitDuration, context: Context) -> Any:
        return wait.begin(msgspec.structs.replace(step, duration=step.duration + 1), context)

    monkeypatch.setitem(steps.BEGIN, definition.WaitDuration, longer)
    told = saved.difference(saved.recorded("second-purchase"), saved.decided("second-purchase"))
    assert told.startswith("decision ")
    assert (" in second-purchase at 2026-" in told, ".001" in told.splitlines()[2]) == (True, True)


def test_a_decision_too_many_or_too_few_is_named() -> None:
    """The end of either side counts as a difference; none is none."""
    lines = saved.recorded("otp")[:3]
    assert saved.difference(lines, lines) == ""
    assert saved.difference(lines[:2], lines).splitlines()[1] == "  recorded nothing"
    assert saved.difference(lines, lines[:2]).splitlines()[2] == "  today    nothing"
