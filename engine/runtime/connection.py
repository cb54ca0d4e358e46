"""Whether there is a broker at all, asked before anything else, so that a wrong address is a sentence and not a wait."""

import asyncio
from typing import Final

from engine.core import errors

_WITHIN: Final = 5.0


class NoBroker(errors.RuntimeFailure):
    """No Kafka broker answers."""

    code = "DLG501"
    hint = "Start one, or give its address with --broker or DALANG_BROKER. `dalang dev` brings its own."


async def reachable(broker: str) -> None:
    """Return once something listens at `host:port`; `NoBroker` after five seconds."""
    host, _, port = broker.rpartition(":")
    try:
        async with asyncio.timeout(_WITHIN):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                    writer.close()
                    return
                except (ConnectionRefusedError, ConnectionResetError):
                    await asyncio.sleep(0.2)
    except (TimeoutError, OSError, ValueError) as exc:
        raise NoBroker(f"No Kafka broker answers at {broker} ({type(exc).__name__}).") from None
