"""The fold driver over customers that only note what they are asked to decide."""

import datetime
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from engine.authoring.compiling import catalogs
from engine.core import errors, fold_driver
from engine.core.context import catalog, trace
from engine.core.decide import decider
from engine.core.model import inputs, state
from tests.unit.core import story

JOURNEY = "enter: {event: go, key: event.data.k, reentry: never}\nsteps:\n  - {id: pause, wait: 1h}\n"


class Noted:
    """Two customers: `a` has a timer at 10:00, `b` has none. What is decided is noted with the pauses in force."""

    def __init__(self) -> None:
        self.driver: fold_driver.Driver[str]
        self.decided: list[tuple[str, str, str, bool, set[str]]] = []

    def everybody(self) -> list[str]:
        return ["a", "b"]

    def is_due(self, key: str, until: datetime.datetime) -> bool:
        return key == "a" and until >= story.at("10:00")

    def due_by(self, until: datetime.datetime) -> Iterator[str]:
        return (key for key in self.everybody() if self.is_due(key, until))

    def concerned(self, timer_due: inputs.Event) -> Iterator[str]:
        return self.due_by(timer_due.recorded)

    def decide(self, key: str, event: inputs.Event, *, before: bool = False) -> None:
        self.decided.append((key, event.type, event.recorded.strftime("%H:%M:%S"), before, set(self.driver.held)))


@pytest.fixture
def live(tmp_path: pathlib.Path) -> catalog.Catalog:
    story.compiled(tmp_path, story.written("quiet", JOURNEY))
    return catalogs.load(tmp_path)


@pytest.fixture
def noted(live: catalog.Catalog) -> Noted:
    noted = Noted()
    noted.driver = fold_driver.Driver(noted, {"known": live}.get, live, trace.Trace(detailed=False))
    return noted


def event(type_: str, at: str, subject: str = "", /, **data: Any) -> inputs.Event:
    return inputs.Event("x", type_, story.at(at), story.at(at), subject, "tests", data)


def test_a_pause_for_everybody_holds_after_the_timers_before_it(noted: Noted) -> None:
    """The timers due before a pause fire without it; the pause itself decides nothing."""
    assert noted.driver.take_for_all(event("journey.command", "10:01", command="pause", journey="quiet"))
    assert noted.decided == [("a", "timer.due", "10:00:59", True, set())]
    assert noted.driver.held == {"quiet"}


def test_a_command_for_everybody_is_decided_for_everybody(noted: Noted) -> None:
    """A timer due at the very time of a command waits for it; then every customer takes the command."""
    noted.driver.take_for_all(event("journey.command", "10:00", command="stop"))
    command = ("journey.command", "10:00:00", False, set[str]())
    assert noted.decided == [("a", *command), ("b", *command)]


def test_an_unknown_bundle_changes_nothing(noted: Noted, live: catalog.Catalog) -> None:
    """No timer fires for it, and the bundle and the clock before it stay."""
    for bundle in ("gone", 5, None):
        assert not noted.driver.take_for_all(event("bundle.activated", "11:00", bundle=bundle, clock="stream"))
    assert (noted.decided, noted.driver.catalog, noted.driver.streaming) == ([], live, False)


def test_an_event_that_nothing_names_only_lets_time_pass(noted: Noted) -> None:
    """It leads to a tick if a timer is due by its time, else to nothing; a named event leads to itself."""
    click, go = event("click", "10:00", "a"), event("go", "10:00", "a")
    assert noted.driver.input_for(click, "a", known=True) == inputs.tick(click.recorded)
    assert noted.driver.input_for(click, "b", known=True) is None
    assert noted.driver.input_for(event("click", "09:59", "a"), "a", known=True) is None
    assert noted.driver.input_for(go, "b", known=True) is go


def test_an_operator_takes_the_time_of_the_stream(noted: Noted) -> None:
    """Under the stream clock an operator's input takes the stream's time, as does the activation that starts that clock; under
    the wall clock every input keeps its own.
    """
    driver, stop = noted.driver, event("journey.command", "12:00", command="stop", clock="stream")
    assert driver.timed(stop) is stop
    one = event("bundle.activated", "12:00", "a", bundle="known", clock="stream")
    assert driver.timed(one) is one
    started = driver.timed(event("bundle.activated", "12:00", bundle="known", clock="stream"))
    assert started.recorded == state.EPOCH
    assert driver.take_for_all(started)
    for clock in ("10:00", "09:00"):
        driver.timed(event("click", clock, "a"))
    assert (driver.timed(stop).recorded, driver.stream_time) == (story.at("10:00"), story.at("10:00"))


@pytest.mark.parametrize(
    ("raised", "reason", "told"),
    [
        (errors.StateTooLarge("It grew."), "state_too_large", "It grew."),
        (KeyError("x"), "failed", "The decider raised KeyError."),
    ],
)
def test_an_error_of_the_decider_is_a_value(
    noted: Noted, monkeypatch: pytest.MonkeyPatch, raised: Exception, reason: str, told: str
) -> None:
    """One customer's input is put aside with its reason, and nobody else is stopped."""

    def fails(*_: Any, **__: Any) -> decider.Transition:
        raise raised

    monkeypatch.setattr(decider, "transition", fails)
    done = noted.driver.decided(None, event("go", "10:00", "a"), "a", 0)
    assert isinstance(done, fold_driver.PutAside)
    assert (done.reason, done.told) == (reason, told)
