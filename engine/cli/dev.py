"""The command `dalang dev`, which runs a broker, its topics and a worker in one terminal."""

import asyncio
import pathlib
from typing import Annotated

import typer

from engine.cli import options


def dev(
    journeys: options.Journeys = pathlib.Path("journeys"),
    port: Annotated[int, typer.Option(help="The port of the broker.", envvar="DALANG_DEV_PORT")] = 9092,
    clock: Annotated[options.Clock, typer.Option(help=options.CLOCK, envvar="DALANG_CLOCK")] = "wall",
    partitions: Annotated[
        int, typer.Option(min=1, help="The number of partitions of every topic.", envvar="DALANG_PARTITIONS")
    ] = 4,
) -> None:
    """Start the embedded broker and a worker on it. Everything is in memory and gone with Ctrl-C."""
    from engine.runtime import settings  # noqa: PLC0415 - load Kafka only if it is needed
    from engine.runtime import worker as process  # noqa: PLC0415
    from engine.runtime.kafka import embedded_broker, topics  # noqa: PLC0415

    with embedded_broker.Embedded(port) as broker:
        asyncio.run(topics.create(broker.address, topics.Topics(), partitions))
        print(f"broker on {broker.address}; send events to customer.events; Ctrl-C ends it", flush=True)
        own = {"broker": broker.address, "topic_prefix": "", "app_id": "dalang-dev", "session_timeout": 2.0}
        chosen = settings.read(settings.Settings, **own, journeys=journeys, clock=clock)
        raise typer.Exit(process.run(settings.in_the_clear(chosen)))
