"""Record a history: `python -m tests.histories.record NAME…`, or without a name those of all example journeys.

For a new journey, or after a rule was changed on purpose: the difference that the test named is then the new record. The customers
are the first of the demo's shop who enter the journey; the shop has no flights, so those are made up here.
"""

import datetime
import gzip
import json
import pathlib
import random
import shutil
import sys
import tempfile
from typing import Any

import msgspec

from engine.authoring.compiling import catalogs
from engine.core.model import definition, inputs
from engine.replay import histories, outputs, replayer, simulated_receipts
from examples.shop import make_events
from tests.histories import saved

ROOT = pathlib.Path(__file__).parents[2]
CUSTOMERS = 24
FEWEST = 51
"""The fewest decisions of a saved history: with fewer it would hardly notice a changed rule."""
UNTIL = inputs.instant(make_events.UNTIL)
RECEIPTS = ROOT / "examples" / "shop" / "receipts.yaml"
PAGES = ("/pricing", "/cancel")

Event = dict[str, Any]


def record(name: str, bundle: definition.Bundle) -> int:
    """Make the history of one journey; how many decisions it has."""
    alone = msgspec.structs.replace(
        bundle, journeys=tuple(journey for journey in bundle.journeys if journey.name == name), sources={}
    )
    events = flights() if name == "travel-disruption" else shop()
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        file, history = directory / "events.jsonl", directory / "history.jsonl"
        _write(file, events)
        entering = _entering(alone, file)
        _write(file, [event for event in events if event["subject"] in entering])
        options = replayer.Options(receipts=simulated_receipts.read(RECEIPTS), until=UNTIL)
        outputs.replay(alone, histories.FileHistory(file), options, {"history": history})
        last = {"specversion": "1.0", "id": "end", "source": "record", "type": "timer.due", "time": make_events.UNTIL}
        lines = history.read_bytes() + json.dumps(last).encode() + b"\n"
    (saved.HERE / name).mkdir(exist_ok=True)
    _pack(name, saved.EVENTS, lines)
    _pack(name, saved.BUNDLE, msgspec.json.encode(alone))
    decided = saved.decided(name)
    if len(decided) < FEWEST:
        shutil.rmtree(saved.HERE / name)
        raise SystemExit(
            f"{name}: {len(decided)} decisions, and a history has at least {FEWEST}. The shop has too few of its events: "
            "make some up in tests/histories/record.py, as `flights` does."
        )
    _pack(name, saved.DECISIONS, b"".join(line + b"\n" for line in decided))
    return len(decided)


def shop() -> list[Event]:
    """The shop's events without the pages that no journey looks at."""
    return [event for event in make_events.events() if event["type"] != "page.viewed" or event["data"]["path"] in PAGES]


def flights() -> list[Event]:
    """Bookings whose flights are delayed or cancelled, some chosen anew."""
    chance, made = random.Random(make_events.SEED), []
    for number in range(CUSTOMERS):
        customer = f"traveller-{number:02d}"
        at = datetime.datetime(2026, 3, 1, 20, tzinfo=datetime.UTC) + datetime.timedelta(seconds=chance.randrange(9 * 86_400))
        departs = at + datetime.timedelta(hours=chance.randrange(2, 30))
        flight = {"booking": f"B-{number}", "flight": f"TX {100 + chance.randrange(9)}", "departs_at": departs.isoformat()}
        traits = {
            "name": "Ayu",
            "phone": f"+62812000000{number:02d}",
            "email": f"{customer}@mail.example",
            "push_token": customer,
        }
        kept = {name: value for name, value in traits.items() if name == "name" or chance.random() < 0.8}
        minute = datetime.timedelta(minutes=1)
        told: list[tuple[str, datetime.datetime, Event]] = [("customer.identified", at - 60 * minute, {"traits": kept})]
        if chance.random() < 0.6:
            told.append(("flight.delayed", at, {**flight, "new_departure": (departs + 90 * minute).isoformat()}))
        if chance.random() < 0.7:
            at += chance.randrange(3, 60) * minute
            told.append(("flight.cancelled", at, flight))
        if chance.random() < 0.5:
            told.append(("booking.rebooked", at + chance.randrange(2, 120) * minute, {"booking": f"B-{number}"}))
        for index, (kind, moment, data) in enumerate(told):
            event = {"specversion": "1.0", "id": f"{customer}-{index}", "source": "record", "type": kind, "subject": customer}
            made.append({**event, "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "data": data})
    return sorted(made, key=lambda event: event["time"])


class _Entering(replayer.Outlet):
    def __init__(self) -> None:
        self.customers: set[str] = set()

    def decided(self, decision: Any) -> None:
        if decision.type == "journey.entered":
            self.customers.add(decision.customer)


def _entering(bundle: definition.Bundle, file: pathlib.Path) -> list[str]:
    """The first customers who enter."""
    found = _Entering()
    replayer.Replayer(catalogs.of(bundle), replayer.Options(until=UNTIL), found).run(histories.FileHistory(file).lines())
    return sorted(found.customers)[:CUSTOMERS]


def _write(file: pathlib.Path, events: list[Event]) -> None:
    file.write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))


def _pack(name: str, file: str, content: bytes) -> None:
    (saved.HERE / name / file).write_bytes(gzip.compress(content, mtime=0))


def main(wanted: list[str]) -> None:
    """Record those that are named, or all."""
    bundle = catalogs.bundle(ROOT / "journeys")
    for name in wanted or [journey.name for journey in bundle.journeys]:
        print(f"{name}: {record(name, bundle)} decisions")


if __name__ == "__main__":
    main(sys.argv[1:])
