"""A proxy on loopback that breaks things between a worker and one broker: it delays, cuts, refuses, holds and loses answers.

It reads of the protocol what it needs: the frame's length, the kind and version of a request, and of a Produce request the
topics and partitions, to answer it in the broker's place. The broker's second listener (`tests/integration/kafka`) tells
its clients to come here, for every connection.
"""

import asyncio
import contextlib
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator

from tests import waiting
from tests.integration import markers

PRODUCE, END_TXN = 0, 26
NOT_ENOUGH_REPLICAS, STORAGE_ERROR = 19, 56
"""What a broker says that has too few copies in step, and one whose disk is full or broken (KafkaStorageError)."""

_HEADER = struct.Struct(">hhi")


class Proxy:
    """Between `port` and the broker behind it, in a thread of its own."""

    def __init__(self, port: int, behind: int) -> None:
        self._port, self._behind = port, behind
        self._open = True
        self._delay = 0.0
        self._refusal: int | None = None
        self._refused_topic: Callable[[str], bool] = lambda _: True
        self._losing: dict[int, int] = {}
        self._holding: Callable[[str], bool] = lambda _: False
        self._released = asyncio.Event()
        self.held: list[markers.Transaction] = []
        """The transactions whose end is held, in the order in which they came."""
        self.did: Counter[str] = Counter()
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def start(self) -> None:
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        waiting.joined(self._thread)
        self._loop.close()

    # What a test breaks.

    @contextlib.contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Every request waits so long before the broker sees it."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """All connections are closed, and new ones are closed at once."""
        self._open = False
        self._loop.call_soon_threadsafe(self._close_all)
        try:
            yield
        finally:
            self._open = True

    @contextlib.contextmanager
    def refusing(self, code: int, topic: Callable[[str], bool] = lambda _: True) -> Iterator[None]:
        """Produce requests with a partition of such a topic are answered with the error code; the broker never sees them."""
        self._refused_topic, self._refusal = topic, code
        try:
            yield
        finally:
            self._refusal = None

    def lose_answers(self, kind: int, count: int) -> None:
        """The broker does what the next requests of this kind ask, and nobody hears of it: their connections are cut.

        `did` counts them.
        """
        self._losing[kind] = count

    @contextlib.contextmanager
    def holding(self, wanted: Callable[[str], bool]) -> Iterator[None]:
        """The end of each transaction with such an id is held: the broker does not see it while the block goes on."""
        self.held, self._holding, self._released = [], wanted, asyncio.Event()
        try:
            yield
        finally:
            self._holding = lambda _: False
            self._loop.call_soon_threadsafe(self._released.set)

    # How.

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(waiting.LONG)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)

    async def _end(self) -> None:
        self._server.close()
        self._close_all()
        await asyncio.sleep(0.1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0.1)  # a connection is closed by the loop's next turns

    def _close_all(self) -> None:
        for each in tuple(self._connections):
            each.close()

    async def _connected(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if not self._open:
            client.close()
            return
        try:
            broker_reader, broker = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            client.close()
            return
        connection = _Connection(self, reader, client, broker_reader, broker)
        self._connections |= {client, broker}
        try:
            await connection.carry()
        finally:
            self._connections -= {client, broker}
            client.close()
            broker.close()

    def wants_refused(self, topics: list[tuple[str, list[int]]]) -> int | None:
        """The error code for a Produce request on these topics, if it is to be refused."""
        return self._refusal if any(self._refused_topic(topic) for topic, _ in topics) else None

    def loses(self, kind: int) -> bool:
        """Whether the answer to a request of this kind is lost; counted."""
        left = self._losing.get(kind, 0)
        if left:
            self._losing[kind] = left - 1
            self.did[f"lost {kind}"] += 1
        return left > 0

    async def hold(self, ending: markers.Transaction) -> None:
        """Wait for as long as the end of this transaction is held."""
        if self._holding(ending.id):
            self.held.append(ending)
            await self._released.wait()

    @property
    def delay(self) -> float:
        return self._delay


class _Connection:
    """One client's connection, and ours to the broker for it."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        broker_reader: asyncio.StreamReader,
        broker: asyncio.StreamWriter,
    ) -> None:
        self._proxy, self._reader, self._client = proxy, reader, client
        self._broker_reader, self._broker = broker_reader, broker
        self._lost: set[int] = set()

    async def carry(self) -> None:
        """Both ways, until one of them ends."""
        ways = [asyncio.create_task(self._requests()), asyncio.create_task(self._answers())]
        _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in left:
            each.cancel()
        for each in ways:
            with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                await each

    async def _requests(self) -> None:
        while True:
            frame = await _frame(self._reader)
            if self._proxy.delay:
                await asyncio.sleep(self._proxy.delay)
            kind, version, correlation = _HEADER.unpack_from(frame)
            if kind == PRODUCE:
                code = self._proxy.wants_refused(topics := produced(frame))
                if code is not None:
                    self._proxy.did[f"refused {code}"] += 1
                    _send(self._client, refusal(version, correlation, topics, code))
                    continue
            if kind == END_TXN:
                await self._proxy.hold(ended(frame))
                if self._reader.at_eof():
                    return  # whoever asked for the end is dead, so the broker never hears of it
            if self._proxy.loses(kind):
                self._lost.add(correlation)
            _send(self._broker, frame)
            await self._broker.drain()

    async def _answers(self) -> None:
        while True:
            frame = await _frame(self._broker_reader)
            if int.from_bytes(frame[:4], "big") in self._lost:
                return  # and with it the connection
            _send(self._client, frame)
            await self._client.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


def _send(to: asyncio.StreamWriter, frame: bytes) -> None:
    to.write(len(frame).to_bytes(4, "big") + frame)


def produced(frame: bytes) -> list[tuple[str, list[int]]]:
    """The topics and partitions of a Produce request, version 3 to 8 (before the protocol's compact form)."""
    _, version, _ = _HEADER.unpack_from(frame)
    assert 3 <= version <= 8, f"Produce version {version}"
    at = _HEADER.size
    for _ in range(2):  # the client's id, the transactional id
        (size,) = struct.unpack_from(">h", frame, at)
        at += 2 + max(size, 0)
    at += 2 + 4  # acks, timeout
    found: list[tuple[str, list[int]]] = []
    (topics,) = struct.unpack_from(">i", frame, at)
    at += 4
    for _ in range(topics):
        (size,) = struct.unpack_from(">h", frame, at)
        name = frame[at + 2 : at + 2 + size].decode()
        at += 2 + size
        (partitions,) = struct.unpack_from(">i", frame, at)
        at += 4
        numbers = []
        for _ in range(partitions):
            number, records = struct.unpack_from(">ii", frame, at)
            numbers.append(number)
            at += 8 + max(records, 0)
        found.append((name, numbers))
    return found


def ended(frame: bytes) -> markers.Transaction:
    """The transaction that an EndTxn request ends, version 0 to 2 (before the protocol's compact form)."""
    _, version, _ = _HEADER.unpack_from(frame)
    assert version <= 2, f"EndTxn version {version}"
    at = _HEADER.size
    (size,) = struct.unpack_from(">h", frame, at)  # the client's id
    at += 2 + max(size, 0)
    (size,) = struct.unpack_from(">h", frame, at)
    name = frame[at + 2 : at + 2 + size].decode()
    producer, epoch = struct.unpack_from(">qh", frame, at + 2 + size)
    return markers.Transaction(name, producer, epoch)


def refusal(version: int, correlation: int, topics: list[tuple[str, list[int]]], code: int) -> bytes:
    """The answer to a Produce request in which every partition has failed with this code."""
    told = struct.pack(">ii", correlation, len(topics))
    for name, numbers in topics:
        encoded = name.encode()
        told += struct.pack(">h", len(encoded)) + encoded + struct.pack(">i", len(numbers))
        for number in numbers:
            told += struct.pack(">ihqq", number, code, -1, -1)
            if version >= 5:
                told += struct.pack(">q", -1)
            if version >= 8:
                told += struct.pack(">ih", 0, -1)
    return told + struct.pack(">i", 0)
