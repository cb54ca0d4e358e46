"""`dalang worker`: agents and clock."""

import pathlib
from typing import Annotated, Any, Literal

import pydantic
import typer

from engine.core import errors


class BadSettings(errors.DalangError):
    """These settings cannot be used."""

    code = "DLG502"
    hint = "See `dalang worker --help`; every flag has an environment twin."


def worker(
    broker: Annotated[str | None, typer.Option(help="host:port.", envvar="DALANG_BROKER")] = None,
    app_id: Annotated[str | None, typer.Option(help="The consumer group.", envvar="DALANG_APP_ID")] = None,
    journeys: Annotated[pathlib.Path | None, typer.Option(help="Deploy this directory first.", envvar="DALANG_JOURNEYS")] = None,
    clock: Annotated[Literal["wall", "stream"] | None, typer.Option(help="What time is.", envvar="DALANG_CLOCK")] = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before every topic.", envvar="DALANG_TOPIC_PREFIX")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics, /health and /ready here.", envvar="DALANG_METRICS_PORT")
    ] = None,
) -> None:
    """Follow customer.events: decide, write decisions, actions and states, keep the clock. Ends with SIGTERM."""
    from engine.runtime import worker as process  # noqa: PLC0415 - Faust takes a second to import

    given: dict[str, Any] = {"broker": broker, "app_id": app_id, "journeys": journeys, "clock": clock}
    given |= {"topic_prefix": topic_prefix, "metrics_port": metrics_port}
    raise typer.Exit(process.run(settings(**given)))


def settings(**given: Any) -> Any:
    """The settings of flags, environment and .env; `BadSettings` in one sentence where they do not fit."""
    from engine.runtime import settings as known  # noqa: PLC0415

    try:
        return known.Settings(**{name: value for name, value in given.items() if value is not None})
    except pydantic.ValidationError as exc:
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors())
        raise BadSettings(f"{told}.") from None
