"""Settings of the worker and its tools, from flags, `DALANG_*` and `.env`. Called by the command line alone."""

import pathlib
from typing import Annotated, Literal

import pydantic
import pydantic_settings
from pydantic import Field

Clock = Literal["wall", "stream"]


class Settings(pydantic_settings.BaseSettings):
    """What a worker needs to know. Times are in seconds."""

    model_config = pydantic_settings.SettingsConfigDict(env_prefix="DALANG_", env_file=".env", extra="ignore")

    broker: str = Field("localhost:9092", description="host:port of a Kafka broker, or several, comma-separated")
    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "dalang"
    """The consumer group, and the head of the transactional ids."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    journeys: pathlib.Path | None = None
    clock: Clock = "wall"
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    session_timeout: Annotated[float, Field(ge=1, le=300)] = 6.0
    """A worker that is not heard of for so long loses its partitions."""
    prefetch: Annotated[int, Field(ge=100)] = 20_000
    """Records that are held unwritten before reading pauses."""
    metrics_port: Annotated[int | None, Field(ge=0, le=65_535)] = None
    """Where `/metrics`, `/health` and `/ready` are served; None: nowhere."""
    metrics_host: str = "0.0.0.0"  # noqa: S104 - who scrapes and probes comes from outside; nothing personal is served
    tracing: bool | None = None
    """Whether each batch is traced by OpenTelemetry; None: if its own OTEL_* variables ask for it."""
    ready_lag: Annotated[float, Field(gt=0)] = 60.0
    """A worker whose oldest unhandled record is older than this is not ready."""
    log_format: Literal["console", "json"] = "console"

    @pydantic.field_validator("broker")
    @classmethod
    def _host_and_port(cls, broker: str) -> str:
        for each in broker.split(","):
            host, _, port = each.rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"a broker is host:port, such as localhost:9092, not {each!r}")
        return broker
