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
    """Return once something listens at one of the `host:port`, in turn; `NoBroker` after five seconds."""
    try:
        async with asyncio.timeout(_WITHIN):
            while True:
                for each in broker.split(","):
                    if await _listens(each):
                        return
                await asyncio.sleep(0.2)
    except (TimeoutError, OSError, ValueError) as exc:
        raise NoBroker(f"No Kafka broker answers at {broker} ({type(exc).__name__}).") from None


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    writer.close()
    return True
