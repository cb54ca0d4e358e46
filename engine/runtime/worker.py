"""The worker process: it joins the consumer group through Faust, runs a task for each partition, and sends due timers.

Faust's agent puts each fetched chunk into the queue of its partition and does not wait for the result. The task of the
partition handles all queued chunks as one batch: a batch is small when few records come, and large under load. Exit codes: 0
after SIGTERM or SIGINT; 2 if a restart does not help; 70 if the process must end and its supervisor has to start it again.
"""

import asyncio
import contextlib
import datetime
import functools
import gc
import os
import signal
import time
from typing import Any, Final

from aiokafka.errors import KafkaError, ProducerFenced
from faust.types import TP

from engine.authoring.compiling import catalogs
from engine.core import errors
from engine.core.model import definition
from engine.core.model.decisions import hashed
from engine.runtime import bundles, deploys, logs, settings
from engine.runtime import monitor as watches
from engine.runtime.consumer_group import faust_app
from engine.runtime.kafka import acl, broadcast, broker_clock, connection, producers, timestamps, topics
from engine.runtime.monitoring import health, metrics
from engine.runtime.partition import partition, partition_checks, takeover, writer
from engine.runtime.state import codec, rocksdb_store, store

MUST_LEAVE: Final = 70
REFUSED: Final = 2
"""The exit code if a restart does not help, and a person has to do what the last entry of the log says."""
TICK: Final = 0.2
"""Seconds between two searches of the timer queues for due timers."""
STOP_WITHIN: Final = 9.0
LOAD_WITHIN: Final = 60.0
_DEPLOYS: Final = 5

_log = logs.log()


class Worker:
    """One worker process, with its partitions, its clock and its monitoring.

    `bundle` is deployed at the start of the worker, None for no deploy.
    """

    def __init__(self, settings: settings.Settings, bundle: definition.Bundle | None) -> None:
        self.settings, self.bundle = settings, bundle
        self.names = topics.Topics(settings.topic_prefix)
        self.broker = settings.connected()
        self.registry = bundles.Registry(self.broker, self.names)
        self.transactions = True
        self.wall = broker_clock.Wall()
        self.stopping = asyncio.Event()
        self._partitions: dict[int, tuple[int, partition.Partition]] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._waiting: dict[int, list[Any]] = {}
        self._wake: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turning: set[int] = set()
        self._held = 0
        self._room = asyncio.Event()
        self.watch = watches.Watch(settings, lambda: self.wall.now() / 1000)
        self._started = False
        self._sent = 0
        self._takeover = takeover.Takeover(self.broker, self.names, self.registry, self.wall, self.watch.metrics, self._connected)

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT, and return the exit code."""
        self.watch.open()
        self._start(self.watch.beat(self._look)).add_done_callback(self._clock_ended)
        await connection.reachable(self.broker)
        role: acl.Role = "worker" if self.bundle is None else "worker --journeys"
        await acl.check(self.broker, acl.rights(role, self.names, self.settings.app_id))
        self._count = count = await topics.partitions(self.broker, self.names)
        self.transactions = await producers.has_transactions(self.broker, self.names.name(self.settings.app_id))
        _log.info("worker starting", partitions=count, transactions=self.transactions, clock=self.settings.clock)
        await self.registry.refresh()
        await self._deploy()
        self.clock = producers.without_transactions(self.broker)
        await self.clock.start()
        self.app = faust_app.app(self.settings, self.broker, self.names.name(topics.EVENTS), count, self._hand_over)
        self._on_signals()
        self.app.finalize()
        self.app.worker_init()
        self.app.worker_init_post_autodiscover()
        await self.app.start()
        self._started = True
        ticking = asyncio.create_task(self._tick())
        ticking.add_done_callback(self._clock_ended)
        await self.stopping.wait()
        ticking.cancel()
        await self._stop()
        return 0

    async def _deploy(self) -> None:
        """Deploy the bundle and the clock of this worker's settings once, at the start, unless both are live already.

        If the settings name neither, nothing is deployed. If several workers deploy at the same time, all but one are
        overtaken. An overtaken worker tries again, at most `_DEPLOYS` times in all; by then the bundle is usually live and
        nothing is left to do.
        """
        clock = self.settings.clock if self.bundle is not None or "clock" in self.settings.model_fields_set else None
        if self.bundle is None and clock is None:
            return
        for attempt in range(_DEPLOYS):
            try:
                done = await deploys.deploy(self.broker, self.names, self.registry, self.bundle, clock)
            except broadcast.Overtaken:
                await asyncio.sleep((1 + os.getpid() % 7) * (attempt + 1) / 7)
                continue
            _log.info("bundle deployed", bundle=done.bundle, partitions=len(done.changed))
            return
        _log.warning("bundle not deployed", bundle=self.bundle and self.bundle.id, reason="other deploys came later each time")

    # Records.

    async def _hand_over(self, event: Any) -> None:
        number = event.message.partition
        self._waiting.setdefault(number, []).append(event)
        self._held += len(event.value)
        if number not in self._wake:
            self._wake[number] = asyncio.Event()
            self._start(self._serve(number))
        self._wake[number].set()
        while self._held > self.settings.prefetch:
            self._room.clear()
            await self._room.wait()

    async def _serve(self, number: int) -> None:
        """Handle the records of one partition for ever: each time, take the queued chunks and handle them as one batch."""
        while True:
            await self._wake[number].wait()
            self._wake[number].clear()
            events = self._next(number)
            generation = self.app.consumer_generation_id
            # Records of an earlier generation of the group are dropped: the present owner of the partition reads them again.
            mine = [event for event in events if event.message.generation_id == generation] if self._is_mine(number) else []
            try:
                if mine:
                    async with self._lock(number):
                        current = await self._ready(number, generation)
                        await self._begins(current, generation)
                        await current.handle([event.value for event in mine])
                    for event in mine:
                        event.ack()
            except Exception as exc:  # noqa: BLE001 - memory may be ahead of the broker
                await self._failed(number, generation, exc)
            finally:
                self._held -= sum(len(event.value) for event in events)
                self._room.set()

    def _next(self, number: int) -> list[Any]:
        """Remove queued chunks of a partition for one transaction, up to the batch size, and return them."""
        waiting, count = self._waiting.get(number, []), 0
        for index, event in enumerate(waiting, 1):
            count += len(event.value)
            if count >= self.settings.batch_size:
                self._waiting[number] = waiting[index:]
                self._wake[number].set()
                return waiting[:index]
        self._waiting[number] = []
        return waiting

    async def _ready(self, number: int, generation: int) -> partition.Partition:
        """Return the loaded partition from `_ensure`; after an error of Kafka, try again for up to `LOAD_WITHIN` seconds.

        Trying again is safe, because no record was handled yet. It often helps, because Kafka chooses a new leader or
        coordinator meanwhile.
        """
        deadline = asyncio.get_running_loop().time() + LOAD_WITHIN
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._ensure(number, generation)
            except ProducerFenced:
                raise
            except KafkaError as exc:
                if not self._holds(number, generation):
                    raise
                _log.warning("partition not loaded yet", partition=number, error=type(exc).__name__)
                await asyncio.sleep(TICK)

    async def _ensure(self, number: int, generation: int) -> partition.Partition:
        """Return the partition with its states, after loading the states if this generation of the group has not loaded them yet.

        A new generation starts with each rebalance. A partition that this worker already had is brought up to date then,
        because another worker may have had it in between. In this case only the new records are read.
        """
        known = self._partitions.get(number)
        if known is not None and known[0] == generation:
            return known[1]
        if known is not None:
            await known[1].writer.stop()
        topic = self.names.name(topics.STATE)
        held = rocksdb_store.opened(self.settings, topic, number) if known is None else known[1].store
        app_id = self.names.prefix + self.settings.app_id
        own = writer.Writer(self.broker, app_id, number, transactions=self.transactions, clock=self.wall)
        started = time.monotonic()
        try:
            current = await self._takeover.take(number, own, held, app_id, self._count)
        except BaseException:
            if known is None:
                held.close()
            await own.stop()
            raise
        self.watch.metrics.loaded(time.monotonic() - started)
        self._partitions[number] = (generation, current)
        _log.info("partition loaded", partition=number, customers=current.store.customers, offset=current.store.record.offset)
        return current

    def _connected(self, number: int, held: store.Port, own: writer.Writer) -> partition.Partition:
        return partition.Partition(number, self.names, self.registry, held, own, *self.watch.over())

    async def _begins(self, current: partition.Partition, generation: int) -> None:
        """Raise `partition_checks.AheadOfState` if the consumer has skipped records that the partition's state still needs.

        The group's committed offset is set back first, so that after a restart the consumer begins with these records.
        """
        tp = TP(self.names.name(topics.EVENTS), current.number)
        consumer, wanted = self.app.consumer, current.store.record.offset + 1
        if consumer.sought.get(tp, 0) > wanted and self._holds(current.number, generation):
            await consumer.set_back(tp, wanted)
            raise partition_checks.AheadOfState(
                f"Partition {current.number} was read from offset {consumer.sought[tp]}, but its state needs {wanted} next."
            )

    def _is_mine(self, number: int) -> bool:
        return TP(self.names.name(topics.EVENTS), number) in self.app.consumer.assignment()

    def _holds(self, number: int, generation: int) -> bool:
        """Return True if this worker still has the partition: no rebalance since this generation of the group, and no stop."""
        same = self.app.consumer_generation_id == generation and not self.app.rebalancing
        return same and not self.stopping.is_set() and self._is_mine(number)

    async def _failed(self, number: int, generation: int, exc: Exception) -> None:
        """End the process after a failed batch; if the partition has moved to another worker meanwhile, only close the partition.

        In the second case the failure is expected, because the new owner of the partition has fenced this worker.
        """
        if isinstance(exc, ProducerFenced):
            # A suspended worker is fenced before it learns of the rebalance that took its partition away, so wait for that news.
            for _ in range(round(2 * self.settings.session_timeout / TICK)):
                if not self._holds(number, generation):
                    break
                await asyncio.sleep(TICK)
        if self._holds(number, generation):
            self._leave(exc, number)
        known = self._partitions.get(number)
        if known is not None and known[0] == generation:
            del self._partitions[number]
            await known[1].close()
        _log.warning("partition lost", partition=number, error=type(exc).__name__)

    def _leave(self, exc: BaseException, number: int | None = None) -> None:
        """Log the error and end the process at once: with exit code 2 if a restart does not help, else with 70."""
        told = str(exc) if isinstance(exc, errors.DalangError) else f"{type(exc).__name__}: {exc}"
        _log.error("worker exits", error=told, **({} if number is None else {"partition": number}))
        os._exit(REFUSED if isinstance(exc, partition_checks.PartitionsChanged) else MUST_LEAVE)

    def _look(self) -> health.Seen:
        """Return the present status of the worker; the monitoring calls this function once a second."""
        stopping = self.stopping.is_set()
        if not self._started or self.app.rebalancing_count == 0:
            return health.Seen(stopping=stopping)
        mine = sorted(tp.partition for tp in self.app.consumer.assignment() if tp.topic == self.names.name(topics.EVENTS))
        return health.Seen(
            joined=True,
            rebalancing=self.app.rebalancing,
            rebalances=self.app.rebalancing_count,
            stopping=stopping,
            standings=tuple(self._standing(number) for number in mine),
        )

    def _standing(self, number: int) -> metrics.Standing:
        generation, current = self._partitions.get(number, (None, None))
        waiting = self._waiting.get(number)
        return self.watch.standing(
            number,
            current if generation == self.app.consumer_generation_id else None,
            self.app.consumer.fetched(TP(self.names.name(topics.EVENTS), number)),
            waiting[0].value[0].timestamp if waiting else None,
        )

    def _lock(self, number: int) -> asyncio.Lock:
        return self._locks.setdefault(number, asyncio.Lock())

    # The clock.

    def _clock_ended(self, ticking: asyncio.Task[None]) -> None:
        """End the process if the task of the clock or of the monitoring has ended; the supervisor starts the worker again.

        Without the clock no timer would fire, and without the monitoring nobody would notice that the worker is stuck.
        """
        if not ticking.cancelled():
            self._leave(ticking.exception() or RuntimeError("the clock ended"))

    async def _tick(self) -> None:
        """Load assigned partitions, send their due timers, and close lost partitions, every `TICK` seconds."""
        while True:
            await asyncio.sleep(TICK)
            self.watch.health.ticked()
            if self.app.rebalancing:
                continue
            generation = self.app.consumer_generation_id
            with contextlib.suppress(KafkaError):
                found = await self.clock.partitions_for(self.names.name(topics.EVENTS))
                partition_checks.unchanged(self.names, self._count, len(found))
            mine = {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self.names.name(topics.EVENTS)}
            # Each partition has a task of its own here, so that loading one partition does not delay the timers of the others.
            for number in (mine | {*self._partitions}) - self._turning:
                self._turning.add(number)
                work = self._turn(number, generation) if number in mine else self._let_go(number)
                self._start(work).add_done_callback(functools.partial(self._turned, number))

    def _turned(self, number: int, turn: asyncio.Task[None]) -> None:
        self._turning.discard(number)
        if not turn.cancelled() and (exc := turn.exception()) is not None:
            self._leave(exc, number)

    async def _turn(self, number: int, generation: int) -> None:
        """Load one partition if it is not loaded yet, and send its due timers."""
        try:
            async with self._lock(number):
                if not self._holds(number, generation):
                    return  # loading it now would fence its new owner
                current = await self._ensure(number, generation)
                await self._begins(current, generation)
                fetched = self.app.consumer.fetched(TP(self.names.name(topics.EVENTS), number))
                behind = fetched is not None and (fetched.position < fetched.end or current.store.record.offset < fetched.last)
                due = current.due(timestamps.instant(self.wall.now()), behind=behind)
            await self._send_due(current, due)
        except KafkaError as exc:
            # A later tick sends the timers again, or loads the partition.
            _log.warning("timers not sent", partition=number, error=type(exc).__name__)

    async def _let_go(self, number: int) -> None:
        """Close a partition that was assigned to another worker."""
        async with self._lock(number):
            if not self._is_mine(number) and (known := self._partitions.pop(number, None)) is not None:
                await known[1].close()

    async def _send_due(self, current: partition.Partition, due: list[tuple[datetime.datetime, list[str]]]) -> None:
        """Write due timers to `customer.events`, as one `timer.due` event for each item of `due`: (time, ids of customers).

        Raises `TimeoutError` if the producer does not confirm, for example because its background tasks have died. Then the
        process ends, and a restart helps.
        """
        for at, customers in due:
            self._sent += 1
            id_ = f"due-{hashed(self.settings.app_id, current.number, os.getpid(), self._sent, timestamps.milliseconds(at))}"
            event = codec.timer_due(customers, at, id_)
            async with asyncio.timeout(writer.WRITE_WITHIN):
                answer = await self.clock.send_and_wait(self.names.name(topics.EVENTS), event, partition=current.number)
            self.wall.told(answer)

    # Leaving.

    def _on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.stopping.set)

    async def _stop(self) -> None:
        """Finish the running batches, leave the group, and close the producers; give up after `STOP_WITHIN` seconds."""
        _log.info("worker stopping")
        try:
            async with asyncio.timeout(STOP_WITHIN):
                async with contextlib.AsyncExitStack() as locked:
                    for lock in self._locks.values():
                        await locked.enter_async_context(lock)
                    for task in self._tasks:
                        task.cancel()
                await self.app.stop()
                for _, current in self._partitions.values():
                    await current.close()
                await self.clock.stop()
        except (TimeoutError, KafkaError) as exc:
            _log.warning("worker did not stop in order", error=type(exc).__name__)
        self.watch.close()
        _log.info("worker stopped")

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def run(chosen: settings.Settings) -> int:
    """Run a worker until SIGTERM or SIGINT, and return the exit code; raise `errors.DalangError` if the worker cannot start."""
    logs.configure(chosen.log_format)
    gc.set_threshold(100_000, 50, 50)  # states and batches have no reference cycles, so the collector need not run often
    bundle = None if chosen.journeys is None else catalogs.bundle(chosen.journeys)

    # The worker runs on asyncio's own event loop and not on uvloop: see docs/decisions/048.
    async def work() -> int:
        return await Worker(chosen, bundle).run()

    try:
        return asyncio.run(work())
    except (KafkaError, TimeoutError) as exc:  # the broker went away while the worker started
        _log.error("worker exits", error=f"{type(exc).__name__}: {exc}")
        return MUST_LEAVE
