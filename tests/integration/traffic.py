"""Events for the tests on a broker, and journeys quick enough to finish within one."""

import asyncio
import json
import pathlib
import random
import threading
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from tests.integration import clients
from tests.unit.core import story

QUICK = """
enter: {event: go, key: event.data.k, reentry: {after: 3s}}
exit: [{event: order, when: event.data.k == entry.data.k, reason: bought}]
steps:
  - {id: pause, wait: 2s, restart_on: {event: touch, when: event.data.k == entry.data.k}}
  - id: ask
    send:
      template: hello
      expires_after: 1h
      channels: [{channel: whatsapp, success: delivered, fallback_after: 2s}, {channel: sms}]
  - {id: answer, wait: {for: [{event: order, then: [{id: won, exit: won}]}], timeout: 3s}}
"""


def journeys(directory: pathlib.Path) -> pathlib.Path:
    """A directory with the quick journey."""
    directory.mkdir(parents=True, exist_ok=True)
    story.compiled(directory, story.written("quick", QUICK))
    return directory


def customers(count: int) -> Iterator[bytes]:
    """Everybody introduced."""
    for number in range(count):
        yield event(f"c{number:04d}", f"hello-{number}", "customer.identified", traits={"name": "A", "phone": f"+62{number}"})


def events(count: int, of: int, seed: int = 7) -> Iterator[bytes]:
    """A shop's mix: most are clicks that no journey names."""
    chance = random.Random(seed)
    for number in range(count):
        kind = chance.choices(("page.viewed", "go", "touch", "order"), (70, 15, 9, 6))[0]
        yield event(f"c{chance.randrange(of):04d}", f"e{seed}-{number}", kind, k=chance.choice("ab"))


def event(customer: str, id_: str, type_: str, **data: object) -> bytes:
    told = {"specversion": "1.0", "id": id_, "source": "tests", "type": type_, "subject": customer, "data": data}
    return json.dumps(told).encode()


class Flow(threading.Thread):
    """Events that flow onto the log at an even pace, through whatever happens to the brokers."""

    def __init__(
        self, brokers: str, topic: str, count: int, of: int, seed: int, seconds: float, *, idempotent: bool = True
    ) -> None:
        super().__init__(name="flow")
        self._brokers, self._topic, self._seconds, self._idempotent = brokers, topic, seconds, idempotent
        self._lines = list(events(count, of, seed))
        self.failed: BaseException | None = None
        self._enough = threading.Event()

    def stop(self) -> None:
        """Send no more than what has been sent by now."""
        self._enough.set()

    def run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as exc:  # told to the thread that waits for the end
            self.failed = exc

    async def _send(self) -> None:
        # Idempotent, so that it tries again for as long as it takes, and no event comes twice.
        options = {"enable_idempotence": self._idempotent, "acks": "all", "metadata_max_age_ms": 5_000}
        async with clients.producer(self._brokers, **options) as producer:
            await self._paced(producer)

    async def _paced(self, producer: AIOKafkaProducer) -> None:
        loop = asyncio.get_running_loop()
        started, sent = loop.time(), []
        for number, line in enumerate(self._lines):
            wait = started + number / len(self._lines) * self._seconds - loop.time()
            if wait > 0.05:
                await asyncio.sleep(wait)
            if self._enough.is_set():
                break
            sent.append(await producer.send(self._topic, line, key=json.loads(line)["subject"].encode()))
        await asyncio.gather(*sent)
