"""The command `dalang worker`, which runs one worker process."""

import pathlib
from typing import Annotated, Any

import typer

from engine.cli import options


def worker(
    broker: options.Broker = None,
    app_id: Annotated[
        str | None, typer.Option(help="The consumer group of the workers. Default: dalang.", envvar="DALANG_APP_ID")
    ] = None,
    journeys: Annotated[
        pathlib.Path | None, typer.Option(help="Deploy this directory of journeys first.", envvar="DALANG_JOURNEYS")
    ] = None,
    clock: Annotated[options.Clock | None, typer.Option(help=f"{options.CLOCK} Default: wall.", envvar="DALANG_CLOCK")] = None,
    topic_prefix: options.Prefix = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="The port that serves /metrics, /health and /ready. Default: none.", envvar="DALANG_METRICS_PORT"),
    ] = None,
) -> None:
    """Follow customer.events: decide, write decisions, actions and states, keep the clock. Ends with SIGTERM."""
    from engine.runtime import settings  # noqa: PLC0415 - Faust takes a second to import
    from engine.runtime import worker as process  # noqa: PLC0415

    given: dict[str, Any] = {"broker": broker, "app_id": app_id, "journeys": journeys, "clock": clock}
    given |= {"topic_prefix": topic_prefix, "metrics_port": metrics_port}
    raise typer.Exit(process.run(settings.read(settings.Settings, **given)))
