"""Lives: what a customer of the example journeys does and hears, and what a replay of it decides.

Called by the tests of the examples. Times are those of her own clock; every question is a replay of all her events, by the whole
bundle, up to the moment that is asked about.
"""

import datetime
import json
import zoneinfo
from collections.abc import Mapping
from typing import Any

from engine.core.context import catalog
from engine.core.model import actions, decisions
from engine.replay import replayer


class _Kept(replayer.Outlet):
    def __init__(self) -> None:
        self.decisions: list[decisions.Decision] = []
        self.actions: list[actions.Action] = []

    def decided(self, decision: decisions.Decision) -> None:
        self.decisions.append(decision)

    def acted(self, action: actions.Action) -> None:
        self.actions.append(action)


class Life:
    """One customer, known and reachable on every channel, who said yes to marketing unless `consent` is false."""

    def __init__(
        self, bundle: catalog.Catalog, id_: str = "ayu", *, zone: str = "Asia/Jakarta", consent: bool = True, **profile: Any
    ) -> None:
        self.bundle, self.id, self.zone = bundle, id_, zoneinfo.ZoneInfo(zone)
        self.lines: list[tuple[datetime.datetime, bytes]] = []
        known = {"name": "Ayu", "phone": "+6281234567890", "email": "ayu@mail.example", "push_token": "t", "timezone": zone}
        self.does("2026-01-01 00:00", "customer.identified", traits={**known, **profile})
        if consent:
            self.does("2026-01-01 00:00", "consent.granted", purpose="marketing")

    def does(self, clock: str, type_: str, *, recorded: str = "", **data: Any) -> None:
        """An event happens, at her local time; `recorded`: the log takes it later."""
        at, taken = self.at(clock), self.at(recorded or clock)
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"{self.id}-{len(self.lines)}",
            "source": "tests",
            "type": type_,
            "subject": self.id,
        }
        event |= {"time": at.isoformat(), "recordedtime": taken.isoformat(), "data": data}
        self.lines.append((taken, json.dumps(event).encode()))
        self.lines.sort(key=lambda line: line[0])

    def hears(self, clock: str, status: str, journey: str, **data: Any) -> None:
        """What a channel (or the agent) reports about the latest attempt of a journey before that moment."""
        latest = [each for each in self._until(clock).actions if each.journey == journey][-1]
        told = {"message_id": latest.message_id, "channel": latest.channel, "attempt": latest.attempt, **data}
        self.does(clock, f"message.{status}", **told)

    def at(self, clock: str) -> datetime.datetime:
        return datetime.datetime.fromisoformat(clock).replace(tzinfo=self.zone).astimezone(datetime.UTC)

    def story(self, journey: str, until: str) -> list[str]:
        """What was decided for a journey, as `25 Mar 09:00 whatsapp payday-percent`; timers, steps and receipts left out."""
        told = (self._told(each) for each in self._until(until).decisions if each.journey == journey)
        return [line for line in told if line]

    def sent(self, until: str) -> list[str]:
        """The messages of all journeys: `25 Mar 09:00 whatsapp payday-percent`."""
        return [self._line(each.requested_at, each.channel, each.template) for each in self._until(until).actions]

    def content(self, until: str) -> dict[str, Any]:
        """What the latest message says."""
        return dict(self._until(until).actions[-1].content)

    def profile(self, until: str) -> Mapping[str, Any]:
        return self._replayed(until)[0].customers[self.id].profile

    def _until(self, clock: str) -> _Kept:
        return self._replayed(clock)[1]

    def _replayed(self, clock: str) -> tuple[replayer.Replayer, _Kept]:
        kept = _Kept()
        done = replayer.Replayer(self.bundle, replayer.Options(until=self.at(clock)), kept)
        counted = done.run(line for _, line in self.lines)
        assert (counted.bad, counted.condition_errors, counted.failed_steps) == ({}, {}, 0)
        return done, kept

    def _line(self, at: datetime.datetime, *words: str) -> str:
        local = at.astimezone(self.zone)
        clock = local.strftime("%H:%M:%S" if local.second else "%H:%M")
        return " ".join([f"{local.day:02d} {_MONTHS[local.month - 1]} {clock}", *words])

    def _told(self, decision: decisions.Decision) -> str:
        words = _words(decision.data)
        if isinstance(decision.data, decisions.MessageDeferred) and decision.data.until is not None:
            words = ["deferred until", self._line(decision.data.until), decision.data.reason]
        return self._line(decision.at, *words) if words else ""


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _words(data: decisions.Payload) -> list[str]:
    match data:
        case decisions.JourneyEntered(held_out=held_out):
            return ["entered, held out" if held_out else "entered"]
        case decisions.JourneyRefused(reason=reason):
            return ["refused", reason]
        case decisions.JourneyExited(reason=reason):
            return ["exited", reason]
        case decisions.JourneyCompleted() | decisions.JourneyRestarted():
            return [data.type.removeprefix("journey.")]
        case decisions.MessageRequested(channel=channel, template=template, to=to):
            return [channel, template or to.get("queue", "")]
        case decisions.MessageSuppressed(reason=reason):
            return ["suppressed", reason]
        case decisions.MessageResolved(outcome=outcome):
            return [outcome]
        case decisions.SplitAssigned(arm=arm):
            return ["arm", arm]
        case decisions.OfferChosen(offer=offer):
            return ["offer", offer or "none"]
        case decisions.EventEmitted(event=event):
            return ["emits", event.type]
        case decisions.GoalReached(value=value):
            return ["goal", f"{value:.0f}"] if value is not None else ["goal"]
        case _:
            return []
