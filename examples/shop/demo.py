"""The program of `make demo`, which sends half a year of a shop's events through Kafka, and replays the same events.

The demo shows that the worker and the replay make the same decisions.

1. Make the events (make_events.py). A replay adds the receipts that channels might have sent back (receipts.yaml).
2. Start the embedded broker and a worker with `journeys/`, and send events and receipts through Kafka under the stream clock.
3. Read the worker's decisions and actions from the topics, replay the same file, and compare the results, byte for byte.

Schedules never end, so the live run and the replay stop at the same moment, sixty days after the last click
(`make_events.UNTIL`). If their results differ, the demo prints the first difference and exits with 1.
"""

import asyncio
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from engine.authoring.compiling import catalogs
from engine.core.model import decisions, inputs
from engine.replay import explainer, histories, outputs, replayer, simulated_receipts, story_text, summary
from engine.runtime import recorded
from engine.runtime.kafka import embedded_broker, history, topics
from engine.runtime.state import store
from examples.shop import make_events

HERE = pathlib.Path(__file__).parent
JOURNEYS = HERE.parent.parent / "journeys"
PARTITIONS = 4
STORY = "cart-abandonment"
WORKERS = 2
UNTIL = inputs.instant(make_events.UNTIL)
NAMES = topics.Topics()


def main() -> int:
    """Run the demo and return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # SIGTERM runs the clean-up below too
    with tempfile.TemporaryDirectory(prefix="dalang-demo-") as temporary:
        directory = pathlib.Path(temporary)
        source = _history(directory)
        with embedded_broker.Embedded() as broker:
            asyncio.run(topics.create(broker.address, NAMES, PARTITIONS))
            worker = _worker(broker.address)
            try:
                live, seconds = asyncio.run(_live(broker.address, worker, source))
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.wait(60)
        replayed = _replay(directory, source)
        count = replayed.summary.events
        print(f"\n3. What the worker decided: {count:,} events in {seconds:.1f} s, {count / seconds:,.0f} events/s\n")
        print(_told(live.summary))
        _story(source, live)
        return _compare(live, directory)


def _history(directory: pathlib.Path) -> histories.FileHistory:
    """Write the events and the simulated receipts to a file in order of time, and return it as a history."""
    events, target = directory / "events.jsonl", directory / "history.jsonl"
    print(f"1. {make_events.write(events):,} events of a shop, with receipts simulated by receipts.yaml")
    options = replayer.Options(receipts=simulated_receipts.read(HERE / "receipts.yaml"), until=UNTIL)
    outputs.replay(catalogs.bundle(JOURNEYS), histories.FileHistory(events), options, {"history": target}, WORKERS)
    return histories.FileHistory(target)


def _worker(broker: str) -> subprocess.Popen[bytes]:
    print(f"2. An embedded broker on {broker}, and a worker with the journeys in {JOURNEYS.name}/", flush=True)
    command = [sys.executable, "-m", "engine.cli.app", "worker", "--broker", broker, "--app-id", "demo"]
    environment = {"DALANG_SESSION_TIMEOUT": "2", "PYTHONPATH": str(HERE.parent.parent)}
    return subprocess.Popen([*command, "--journeys", str(JOURNEYS), "--clock", "stream"], env=environment, stdout=sys.stderr)


async def _live(broker: str, worker: subprocess.Popen[bytes], source: histories.FileHistory) -> tuple[recorded.Recorded, float]:
    """Send the history, let the last timers fire, and wait until the worker has handled everything.

    Returns the worker's decisions and actions, and the seconds from the first event until everything was handled.
    """
    await _handled(broker, worker, dict.fromkeys(range(PARTITIONS), 0))  # offset 0 is `bundle.activated`
    started = time.monotonic()
    topic = NAMES.name(topics.EVENTS)
    await history.send(source.lines(), broker, topic)
    everybody = f'{{"specversion":"1.0","id":"end","source":"demo","type":"timer.due","time":"{make_events.UNTIL}"}}'
    last = await history.send([everybody.encode()], broker, topic)
    await _handled(broker, worker, last)
    seconds = time.monotonic() - started
    return await recorded.read(broker, NAMES), seconds


async def _handled(broker: str, worker: subprocess.Popen[bytes], offsets: dict[int, int]) -> None:
    """Wait until the worker has handled each partition up to its offset; raise SystemExit if the worker ends.

    `offsets` is `{partition: offset}`. The partition records on `customer.state` show how far the worker is.
    """
    for number, offset in offsets.items():
        while (await store.load(broker, NAMES.name(topics.STATE), number)).record.offset < offset:
            if worker.poll() is not None:
                raise SystemExit(f"The worker left with {worker.returncode}.")
            await asyncio.sleep(0.2)


def _replay(directory: pathlib.Path, source: histories.FileHistory) -> outputs.Outcome:
    files = {"decisions": directory / "decisions.jsonl", "actions": directory / "actions.jsonl"}
    return outputs.replay(catalogs.bundle(JOURNEYS), source, replayer.Options(until=UNTIL), files, WORKERS)


def _told(counted: summary.Summary) -> str:
    """Return the counts as text: one line for each journey, then the messages (also suppressed and deferred) and the cost."""
    told = counted.as_dict()
    lines = [f"{'journey':<20} {'entered':>7} {'left':>5} {'done':>5} {'goals':>5}  held out, choices"]
    for name, journey in told["journeys"].items():
        notes = [f"{journey['held_out']} held out"] * bool(journey["held_out"])
        notes += [f"{choice} {count}" for choice, count in journey["choices"].items()]
        numbers = [journey["entered"], sum(journey["exited"].values()), journey["completed"], journey["goals"]]
        lines.append(f"{name:<20} {numbers[0]:>7} {numbers[1]:>5} {numbers[2]:>5} {numbers[3]:>5}  {', '.join(notes)}".rstrip())
    for name in ("messages", "suppressed", "deferred"):
        lines.append(f"{name:<20} {', '.join(f'{key} {count}' for key, count in told[name].items())}")
    return "\n".join([*lines, f"{'cost':<20} Rp{told['cost']['reported']:,.0f} reported".replace(",", ".")])


def _story(source: histories.FileHistory, live: recorded.Recorded) -> None:
    """Print a part of the story of the first customer whose reminder fell back to another channel."""
    again = (line for line in live.decisions if b'"attempt":2' in line and STORY.encode() in line)
    customer = next((decisions.decode(line).customer for line in again), "cust-0000")
    options = replayer.Options(customers=frozenset([customer]), until=UNTIL)
    chapters = explainer.explain(catalogs.load(JOURNEYS), source.lines(), options, STORY)
    told = list(story_text.text(chapters))
    first = next((i for i, line in enumerate(told) if "attempt 2" in line), 0)
    print(f"\nFrom the story of {customer} (dalang explain tells all of it):\n")
    print("\n".join(told[max(0, first - 8) : first + 6]))


def _compare(live: recorded.Recorded, directory: pathlib.Path) -> int:
    print("\n4. The same file, replayed:\n")
    same = True
    for kind, lines in (("decisions", live.decisions), ("actions", live.actions)):
        replayed = (directory / f"{kind}.jsonl").read_bytes().splitlines()
        if replayed == lines:
            print(f"{kind:<10} {len(lines):>6} live, {len(replayed):>6} replayed: the same, sha256 {live.sha256()[kind]}")
            continue
        same = False
        at = next((i for i, (a, b) in enumerate(zip(lines, replayed, strict=False)) if a != b), min(len(lines), len(replayed)))
        print(f"{kind:<10} {len(lines):>6} live, {len(replayed):>6} replayed: DIFFERENT at line {at + 1}")
        print(f"  live     {(lines[at] if at < len(lines) else b'(nothing)').decode()}")
        print(f"  replayed {(replayed[at] if at < len(replayed) else b'(nothing)').decode()}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
