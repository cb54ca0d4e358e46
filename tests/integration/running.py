"""Workers as processes, for the tests: start, kill, wait, and read what they recorded."""

import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from engine.core import errors
from engine.runtime import connection, history, recorded, store, topics
from tests.integration import kafka, supervision, traffic

ROOT = pathlib.Path(__file__).parents[2]
DALANG = [sys.executable, "-m", "engine.cli.app"]
PARTITIONS = 4


class Cluster:
    """One set of topics, and every worker on them."""

    def __init__(self, broker: str, prefix: str, directory: pathlib.Path) -> None:
        self.broker, self.directory = broker, directory
        self.names = topics.Topics(prefix)
        self.events = self.names.name(topics.EVENTS)
        self.app_id = f"{prefix}tests"
        """Its own, as groups are the broker's and tests may run side by side."""
        self.brokers = broker
        """What its workers are told: `broker`, several, or a proxy before it."""
        self.workers: list[subprocess.Popen[bytes]] = []
        self.kept: supervision.Supervisor | None = None
        self.session = 10
        """Seconds of silence after which a worker's group goes on without it: longer than this machine may stand still."""
        self.transactions = True
        """Whether its brokers have them; else repeats are allowed, byte for byte."""
        self.log = directory / "workers.log"

    def create_topics(self, replication: int = 1) -> None:
        asyncio.run(topics.create(self.broker, self.names, PARTITIONS, replication))

    def start(
        self, journeys: pathlib.Path | None, clock: str = "wall", dalang: Sequence[str] = DALANG, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A worker, without journeys of its own for None; its log is kept."""
        command = [*dalang, "worker", "--broker", self.brokers, "--app-id", self.app_id]
        if journeys is not None:
            command += ["--journeys", str(journeys), "--clock", clock]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env={**self.environment(), **environment}, stdout=log, stderr=log)
        self.workers.append(process)
        return process

    def keep(self, journeys: pathlib.Path | None, count: int) -> supervision.Supervisor:
        """So many workers, each started again when it ends; those that are killed are missed soon."""
        self.session = 2
        self.kept = supervision.Supervisor(lambda: self.start(journeys), count)
        return self.kept

    def environment(self) -> dict[str, str]:
        """What every process of the engine is given here."""
        own = {"PYTHONPATH": str(ROOT), "DALANG_TOPIC_PREFIX": self.names.prefix, "DALANG_SESSION_TIMEOUT": str(self.session)}
        return {**os.environ, **own}

    def dalang(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command on this broker, to its end."""
        return dalang([*arguments, "--broker", self.broker], self.environment())

    def send(self, lines: Iterable[bytes]) -> dict[int, int]:
        """Put events onto the log; the last offset of each partition."""
        told, deadline = [*lines], time.monotonic() + 180
        while True:
            try:
                return asyncio.run(history.send(told, self.broker, self.events))
            except connection.NoBroker:  # asked before anything is sent; the machine may have stood still for a moment
                if time.monotonic() > deadline:
                    raise

    def wait_for(self, offsets: Mapping[int, int], seconds: float = 180) -> None:
        """Wait until every partition has handled its offset."""

        def reached() -> bool:
            handled = asyncio.run(self.handled())
            return all(handled[number] >= offset for number, offset in offsets.items())

        self.until(reached, seconds)

    def until(self, reached: Callable[[], bool], seconds: float = 180) -> None:
        """Wait until it is so. A broker that gives no answer is asked again: brokers die here, and machines stand still."""
        deadline, answer = time.monotonic() + seconds, ""
        while True:
            try:
                if reached():
                    return
                answer = ""
            except (KafkaError, TimeoutError, errors.RuntimeFailure) as exc:
                answer = f" ({type(exc).__name__}: {exc})"
            if time.monotonic() > deadline:
                raise AssertionError(f"not within time{answer}; the log of the workers:\n" + self.log.read_text()[-5000:])
            time.sleep(0.2)

    def share(self, count: int) -> bool:
        """Whether so many workers have the partitions among them, and nobody comes or goes."""

        async def group() -> tuple[str, int]:
            async with kafka.admin(self.broker) as asked:
                (answer,) = await asked.describe_consumer_groups([self.app_id])
            (told,) = answer.to_object()["groups"]
            return told["state"], len(told["members"])

        return asyncio.run(group()) == ("Stable", count)

    @contextlib.contextmanager
    def unreadable(self) -> Iterator[None]:
        """Nobody can read the states to their end within the block: a transaction stands open there. So no worker gets ready."""

        async def begun() -> AIOKafkaProducer:
            id_ = f"{self.names.prefix}open"
            made = AIOKafkaProducer(bootstrap_servers=self.broker, transactional_id=id_, transaction_timeout_ms=600_000)
            await made.start()
            await made.begin_transaction()
            await made.send_and_wait(self.names.name(topics.STATE), b"nothing", key=b"nobody", partition=0)
            return made

        async def ended(made: AIOKafkaProducer) -> None:
            await made.abort_transaction()
            await made.stop()

        with asyncio.Runner() as runner:
            producer = runner.run(begun())
            try:
                yield
            finally:
                runner.run(ended(producer))

    def handled_now(self) -> dict[int, int]:
        return asyncio.run(self.handled())

    async def handled(self) -> dict[int, int]:
        """The last offset that is in the states, for each partition."""
        return {number: each.record.offset for number, each in (await self.states()).items()}

    def settle(self, seconds: float = 240) -> None:
        """Wait until the log stands still: all of it is handled, lag 0, and no timer is left that would write to it."""
        told = ""

        def still() -> bool:
            nonlocal told
            loaded = asyncio.run(self.states())
            handled, ends = {number: each.record.offset for number, each in loaded.items()}, self.ends()
            waiting = sum(each.waiting for each in loaded.values())
            told = f"handled {handled}, ends {ends}, {waiting} timers"
            return waiting == 0 and all(handled[number] >= end for number, end in ends.items())

        try:
            self.until(still, seconds)
        except AssertionError as exc:
            raise AssertionError(f"{told}; {exc}") from None

    def proven(self, journeys: pathlib.Path | None, *, twice: bool = False) -> tuple[list[bytes], list[bytes]]:
        """Assert that what is committed is what `dalang replay` of the topic decides, by a directory or by what was live, once
        it stands still: nothing lost, nothing twice, nothing different. `twice`: repeats are allowed, byte for byte.
        """
        self.settle()
        if self.kept is not None:
            assert self.kept.wrong == [], self.log.read_text()[-5000:]
        live = self.recorded()
        decided, acted = self.replayed(journeys)
        if twice or not self.transactions:
            same([*dict.fromkeys(live.decisions)], decided)
            same([*dict.fromkeys(live.actions)], acted)
        else:
            same(live.decisions, decided)
            same(live.actions, acted)
        return decided, acted

    def acted(self) -> list[bytes]:
        """The actions that are committed, proven to be those that a replay by its own journeys asks for."""
        return self.proven(self.directory / "journeys")[1]

    async def states(self) -> dict[int, store.Store]:
        """The committed states of every partition."""
        state = self.names.name(topics.STATE)
        loaded = await asyncio.gather(*(store.load(self.broker, state, number) for number in range(PARTITIONS)))
        return dict(enumerate(loaded))

    def activated(self) -> None:
        """Wait until the journeys are live in every partition."""
        self.wait_for(dict.fromkeys(range(PARTITIONS), 0))

    def ends(self) -> dict[int, int]:
        """The last offset of each partition of the events."""

        async def read() -> dict[int, int]:
            found = dict.fromkeys(range(PARTITIONS), -1)
            async for chunk in history.records(self.broker, self.events):
                for record in chunk:
                    found[record.partition] = max(found[record.partition], record.offset)
            return found

        return asyncio.run(read())

    def recorded(self) -> recorded.Recorded:
        return asyncio.run(recorded.read(self.broker, self.names))

    def replayed(self, journeys: pathlib.Path | None, *flags: str) -> tuple[list[bytes], list[bytes]]:
        """The decisions and actions of `dalang replay` of the topic, by a directory or by what was live."""
        first = self.broker.split(",", maxsplit=1)[0]
        return replay(f"kafka://{first}/{self.events}", journeys, self.directory, *flags)

    def dead_letters(self) -> list[tuple[bytes | None, dict[str, str]]]:
        """The dead letters: original bytes, and headers."""

        async def read() -> list[tuple[bytes | None, dict[str, str]]]:
            return [
                (record.value, {name: value.decode() for name, value in record.headers})
                async for chunk in history.records(self.broker, self.names.name(topics.DEAD_LETTERS))
                for record in chunk
            ]

        return asyncio.run(read())

    @contextlib.contextmanager
    def flowing(self, count: int, of: int, seed: int, seconds: float) -> Iterator[None]:
        """Events flow, at an even pace over so many seconds, while the block goes on; at its end all are on the log."""
        flow = traffic.Flow(self.brokers, self.events, count, of, seed, seconds, idempotent=self.transactions)
        flow.start()
        try:
            yield
        finally:
            flow.join()
        if flow.failed is not None:
            raise flow.failed

    def end(self) -> None:
        if self.kept is not None:
            self.kept.end()
        for process in self.workers:
            supervision.kill(process)


def dalang(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command to its end. It looks for its broker for five seconds, for which this machine may stand still: then once more."""
    for left in (2, 1, 0):
        done = subprocess.run([*DALANG, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=600)
        if "DLG501" not in done.stderr or not left:
            break
    return done


def same(live: list[bytes], replayed: list[bytes]) -> None:
    """Assert that both are the same lines; else say how they differ, with the first line that does."""
    if live != replayed:
        raise AssertionError("\n".join(difference(live, replayed)))


def difference(live: list[bytes], replayed: list[bytes]) -> list[str]:
    """How two lists of lines differ, with the first line that does."""
    counted, expected = Counter(live), Counter(replayed)
    twice = [line for line, count in counted.items() if count > 1]
    extra, missing = [*(counted - expected)], [*(expected - counted)]
    at = next((i for i, (a, b) in enumerate(zip(live, replayed, strict=False)) if a != b), min(len(live), len(replayed)))
    told = [f"{len(live)} live, {len(replayed)} replayed; {len(twice)} twice, {len(extra)} extra, {len(missing)} missing"]
    told += [f"first at {at}:", *(f"  live     {line!r}" for line in live[at : at + 2])]
    told += [f"  replayed {line!r}" for line in replayed[at : at + 2]]
    told += [f"  {kind} {line!r}" for kind, lines in (("extra", extra), ("missing", missing)) for line in lines[:4]]
    return told


def replay(events: str, journeys: pathlib.Path | None, directory: pathlib.Path, *flags: str) -> tuple[list[bytes], list[bytes]]:
    """The decisions and actions of `dalang replay`."""
    files = [directory / "decisions.jsonl", directory / "actions.jsonl"]
    command = ["replay", events, *(() if journeys is None else ("--journeys", str(journeys))), *flags]
    outputs = ["--decisions", str(files[0]), "--actions", str(files[1])]
    done = dalang([*command, *outputs], {**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    decided, acted = (file.read_bytes().splitlines() for file in files)
    return decided, acted
