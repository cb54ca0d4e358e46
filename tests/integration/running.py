"""Workers as processes, for the tests: start, kill, wait, and read what they recorded."""

import asyncio
import contextlib
import os
import pathlib
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaProducer

from engine.core import errors
from engine.runtime import recorded
from engine.runtime.kafka import connection, history, topics
from engine.runtime.state import store
from tests import starting, waiting
from tests.integration import clients, committed, kafka, supervision, traffic

ROOT = starting.ROOT
DALANG = [*starting.COMMAND]
PARTITIONS = 4
T = TypeVar("T")


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
        self._asked(lambda: topics.create(self.broker, self.names, PARTITIONS, replication))

    def start(
        self, journeys: pathlib.Path | None, clock: str = "wall", dalang: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        """A worker, without journeys of its own for None; its log is kept. `dalang`: how it is started, by default as quickly as may be."""
        arguments = ["worker", "--broker", self.brokers, "--app-id", self.app_id]
        if journeys is not None:
            arguments += ["--journeys", str(journeys), "--clock", clock]
        own = {**self.environment(), **environment}
        process: subprocess.Popen[bytes]
        with self.log.open("ab") as log:
            if dalang:
                process = subprocess.Popen([*dalang, *arguments], env=own, stdout=log, stderr=log)
            else:
                process = starting.Dalang(arguments, own, stdout=log, stderr=log)
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
        told = [*lines]

        def sent() -> list[dict[int, int]]:
            return [asyncio.run(history.send(told, self.broker, self.events))]

        # Asked before anything is sent; the machine may have stood still for a moment.
        return waiting.until(sent, failing=(connection.NoBroker,), told=self.said)[0]

    def wait_for(self, offsets: Mapping[int, int]) -> None:
        """Wait until every partition has handled its offset."""
        self.until(
            self.handled_now,
            lambda handled: all(handled[number] >= offset for number, offset in offsets.items()),
            what=f"every partition has handled {dict(offsets)}",
        )

    def until(self, look: Callable[[], T], so: Callable[[T], object] = bool, *, what: str = "") -> T:
        """Look until it is so. A broker that gives no answer is asked again: brokers die here, and machines stand still."""
        return waiting.until(look, so, what=what, failing=_WITHOUT_ANSWER, told=self.said, pause=0.1)

    def said(self) -> str:
        """The end of the workers' log, for those who read a failure."""
        return "the log of the workers:\n" + self.log.read_text()[-5000:] if self.log.exists() else "no worker was started"

    def stop(self, worker: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and the end that follows; the exit code."""
        worker.send_signal(signal.SIGTERM)
        return self.ended(worker)

    def ended(self, worker: subprocess.Popen[bytes]) -> int:
        """Wait for the end of a worker; the exit code."""
        return waiting.ended(worker, "a worker", self.said)

    def _asked(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the brokers say, once they say it."""
        return self.until(lambda: [asyncio.run(ask())], what="the brokers answer")[0]

    def share(self, count: int) -> bool:
        """Whether so many workers have the partitions among them, and nobody comes or goes."""
        return self.members() == ("Stable", count)

    def members(self) -> tuple[str, int]:
        """The state of the workers' group, and how many are in it."""

        async def group() -> tuple[str, int]:
            async with kafka.admin(self.broker) as asked:
                (answer,) = await asked.describe_consumer_groups([self.app_id])
            (told,) = answer.to_object()["groups"]
            return told["state"], len(told["members"])

        return asyncio.run(group())

    @contextlib.contextmanager
    def unreadable(self) -> Iterator[None]:
        """Nobody can read the states to their end within the block: a transaction stands open there. So no worker gets ready."""
        with asyncio.Runner() as runner:
            id_ = f"{self.names.prefix}open"
            opened = clients.producer(self.broker, transactional_id=id_, transaction_timeout_ms=round(waiting.LONG * 1000))
            producer = runner.run(_begun(opened, self.names.name(topics.STATE)))
            try:
                yield
            finally:
                runner.run(producer.abort_transaction())
                runner.run(opened.__aexit__(None, None, None))

    def handled_now(self) -> dict[int, int]:
        """The last offset that is in the states, for each partition."""
        return {number: each.record.offset for number, each in asyncio.run(self.states()).items()}

    def settle(self) -> None:
        """Wait until the log stands still: all of it is handled, lag 0, and no timer is left that would write to it."""

        def look() -> tuple[dict[int, int], int, dict[int, int]]:
            states = asyncio.run(self.states())
            handled = {number: each.record.offset for number, each in states.items()}
            return handled, sum(each.waiting for each in states.values()), self.ends()

        def still(seen: tuple[dict[int, int], int, dict[int, int]]) -> bool:
            handled, timers, ends = seen
            return timers == 0 and all(handled[number] >= end for number, end in ends.items())

        self.until(look, still, what="no timer waits and every partition has handled its end (handled, timers, ends)")

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
        return await committed.states(self.broker, self.names.name(topics.STATE), PARTITIONS)

    def activated(self) -> None:
        """Wait until the journeys are live in every partition."""
        self.wait_for(dict.fromkeys(range(PARTITIONS), 0))

    def ends(self) -> dict[int, int]:
        """The last offset of each partition of the events."""
        return asyncio.run(committed.ends(self.broker, self.events, PARTITIONS))

    def recorded(self) -> recorded.Recorded:
        """What is committed on the topics of the decisions and actions."""

        async def read() -> recorded.Recorded:
            try:
                return await recorded.read(self.broker, self.names)
            except msgspec.MsgspecError as exc:  # a ValueError, which else means that no broker answered
                raise AssertionError(f"a record of {self.names.name(topics.DECISIONS)} is no decision: {exc}") from exc

        return self._asked(read)

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

        return self._asked(read)

    @contextlib.contextmanager
    def flowing(self, count: int, of: int, seed: int, seconds: float) -> Iterator[traffic.Flow]:
        """Events flow, at an even pace over so many seconds, while the block goes on; at its end all are on the log. The block may
        stop them before.
        """
        flow = traffic.Flow(self.brokers, self.events, count, of, seed, seconds, idempotent=self.transactions)
        flow.start()
        try:
            yield flow
        finally:
            flow.join()
        if flow.failed is not None:
            raise flow.failed

    def end(self) -> None:
        if self.kept is not None:
            self.kept.end()
        for process in self.workers:
            supervision.kill(process)


_WITHOUT_ANSWER = (*clients.WITHOUT_ANSWER, errors.RuntimeFailure)


async def _begun(opened: contextlib.AbstractAsyncContextManager[AIOKafkaProducer], topic: str) -> AIOKafkaProducer:
    """A producer with a transaction open in the first partition of a topic."""
    producer = await opened.__aenter__()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"nothing", key=b"nobody", partition=0)
    return producer


def dalang(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A command to its end. It looks for its broker for five seconds, for which a machine may stand still: then once more."""
    return waiting.until(
        lambda: starting.run(arguments, environment),
        lambda done: "DLG501" not in done.stderr,
        what=f"dalang {' '.join(arguments)} finds its broker",
    )


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
