"""A process that loads states as a worker does: `python -m tests.benchmarks.loads BROKER TOPIC STORE NUMBER:CLAIM...`.

`STORE` is `memory` or a directory. It says `ready`, waits for a line, loads its partitions side by side and prints customers,
those with a timer, and seconds of the wall and of its processor.
"""

import asyncio
import pathlib
import sys
import time

from engine.runtime.state import rocksdb_store, store


def opened(kind: str, topic: str, number: int) -> store.Port:
    return store.Store() if kind == "memory" else rocksdb_store.Store(pathlib.Path(kind), topic, number)


async def load(broker: str, topic: str, kind: str, claims: dict[int, int]) -> list[store.Port]:
    held = {number: opened(kind, topic, number) for number in claims}
    await asyncio.gather(*(store.refresh(each, broker, topic, number, claims[number], 1) for number, each in held.items()))
    return list(held.values())


def main(broker: str, topic: str, kind: str, *claims: str) -> None:
    wanted = {int(number): int(claim) for number, _, claim in (each.partition(":") for each in claims)}
    print("ready", flush=True)
    sys.stdin.readline()
    wall, cpu = time.monotonic(), time.process_time()
    held = asyncio.run(load(broker, topic, kind, wanted))
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    print(sum(each.customers for each in held), sum(each.waiting for each in held), wall, cpu)
    for each in held:
        each.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
