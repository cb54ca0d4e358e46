"""The settings of the worker and its tools, from flags, `DALANG_*` variables and `.env`.

Only the command line (`engine/cli`) reads them. The docstring of an attribute is its line in docs/settings.md, which is made
from this file (`dalang schema settings`). A secret is a `SecretStr`: it has no flag, and no log, error or help shows it.
"""

import pathlib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import pydantic
import pydantic_settings
from pydantic import Field
from pydantic.fields import FieldInfo

from engine.authoring.docs import markdown
from engine.core import errors
from engine.runtime.kafka import connection

Clock = Literal["wall", "stream"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
Days = Annotated[int, Field(ge=1, le=36_500)]


class BadSettings(errors.RuntimeFailure):
    """These settings cannot be used."""

    code = "DLG502"
    hint = "Correct the flag, or its DALANG_ variable or line in .env; `dalang schema settings` lists them all."


class Access(pydantic_settings.BaseSettings):
    """The settings of every command that connects to Kafka: the broker, the prefix of the topics, TLS and SASL."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix="DALANG_", env_file=".env", extra="ignore", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    broker: str = "localhost:9092"
    """host:port of a Kafka broker; several with commas between them."""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    """The text before the name of every topic; nothing is put between them."""
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "dalang"
    """The name of this process in the broker's log and quotas."""
    tls: bool = False
    """Use TLS. It is on by itself if one of the files below is given."""
    tls_ca_file: pathlib.Path | None = None
    """PEM: the authorities that may have signed the broker's certificate. Default: the system's."""
    tls_cert_file: pathlib.Path | None = None
    """PEM: our own certificate, if the broker asks for one."""
    tls_key_file: pathlib.Path | None = None
    """PEM: the key of our certificate. Default: the key is in the certificate's file."""
    tls_key_password: pydantic.SecretStr | None = None
    """The password of that key, if it is encrypted."""
    sasl_mechanism: Mechanism | None = None
    """The way in which this process authenticates. Without TLS, PLAIN sends the password in the clear."""
    sasl_username: str | None = None
    """The user for PLAIN and SCRAM."""
    sasl_password: pydantic.SecretStr | None = None
    """The password for PLAIN and SCRAM."""
    sasl_token_file: pathlib.Path | None = None
    """For OAUTHBEARER: a file with the token, which another program keeps fresh; read for each new connection."""

    @pydantic.field_validator("broker")
    @classmethod
    def _hosts_and_ports(cls, broker: str) -> str:
        for each in broker.split(","):
            host, _, port = each.strip().rpartition(":")
            if not host or "@" in host or "/" in host or not port.isdigit():
                # The given value is not repeated: it may hold a password.
                raise ValueError("a broker is host:port, such as localhost:9092, several with commas between them")
        return broker

    @pydantic.model_validator(mode="after")
    def _whole(self) -> Self:
        if self.sasl_mechanism is None and (self.sasl_username or self.sasl_password or self.sasl_token_file):
            raise ValueError("sasl_username, sasl_password and sasl_token_file need sasl_mechanism")
        if self.sasl_mechanism == "OAUTHBEARER" and self.sasl_token_file is None:
            raise ValueError("OAUTHBEARER needs sasl_token_file")
        if self.sasl_mechanism not in (None, "OAUTHBEARER") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.sasl_mechanism} needs sasl_username and sasl_password")
        if self.tls_cert_file is None and (self.tls_key_file or self.tls_key_password):
            raise ValueError("tls_key_file and tls_key_password need tls_cert_file")
        return self

    def connected(self, broker: str | None = None) -> connection.Broker:
        """Return the broker's address with its TLS and SASL options; `broker` (host:port) replaces the address of the settings.

        Raises `connection.BadFile` if a TLS file cannot be used.
        """
        given: dict[str, Any] = {}
        secured = self.tls or self.tls_ca_file is not None or self.tls_cert_file is not None
        if secured:
            password = None if self.tls_key_password is None else self.tls_key_password.get_secret_value()
            given["ssl_context"] = connection.tls(self.tls_ca_file, self.tls_cert_file, self.tls_key_file, password)
            given["security_protocol"] = "SSL"
        if self.sasl_mechanism is not None:
            given["security_protocol"] = "SASL_SSL" if secured else "SASL_PLAINTEXT"
            given["sasl_mechanism"] = self.sasl_mechanism
            if self.sasl_token_file is not None:
                given["sasl_oauth_token_provider"] = connection.TokenFile(self.sasl_token_file)
            if self.sasl_password is not None:
                given["sasl_plain_username"] = self.sasl_username
                given["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return connection.Broker(broker or self.broker, client_id=self.client_id, security=given)


class Making(Access):
    """The settings of `dalang topics create`; they apply to new topics only, and existing topics are not changed."""

    partitions: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Number of partitions of every topic. Default: 12, or as many as `customer.events` has if it exists."""
    replication: Annotated[int, Field(ge=1, le=100)] = 1
    """Copies of each partition; a cluster for customers has 3."""
    retention_events: Days = 30
    """Days for which customer.events is kept. A journey that takes longer has what it needs in the states."""
    retention_decisions: Days = 90
    """Days for which journey.events is kept."""
    retention_actions: Days = 7
    """Days for which every actions.<channel> is kept."""
    retention_dead_letters: Days = 30
    """Days for which dead.letters is kept."""


class Settings(Access):
    """The settings of a worker; times are in seconds."""

    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "dalang"
    """The consumer group, and the head of the transactional ids. Workers with the same app id share the partitions."""
    journeys: pathlib.Path | None = None
    """A directory to deploy when the worker starts, if it differs from what is live then."""
    clock: Clock = "wall"
    """The clock of the timers: real time, or the stream's greatest recorded time. In force from the worker's own deploy on."""
    session_timeout: Annotated[float, Field(ge=1, le=300)] = 6.0
    """Seconds without a sign of life after which a worker loses its partitions."""
    prefetch: Annotated[int, Field(ge=100)] = 20_000
    """Records that are fetched and not yet written before reading pauses."""
    batch_size: Annotated[int, Field(ge=1)] = 20_000
    """Records that are handled in one transaction, and up to 500 more (one fetched chunk)."""
    metrics_port: Annotated[int | None, Field(ge=0, le=65_535)] = None
    """The port that serves `/metrics`, `/health` and `/ready`. Without it they are not served."""
    metrics_host: str = "0.0.0.0"  # noqa: S104 - scrapers and probes come from outside; nothing personal is served
    """The address at which the port is opened."""
    tracing: bool | None = None
    """Trace each batch with OpenTelemetry. Default: only if an OTEL_* variable of OpenTelemetry asks for it."""
    ready_lag: Annotated[float, Field(gt=0)] = 60.0
    """A worker whose oldest unhandled record is older than this is not ready."""
    store: Literal["memory", "rocksdb"] = "memory"
    """The place of a worker's copy of the states: use the disk if memory is too small. The truth is always customer.state."""
    state_dir: pathlib.Path = pathlib.Path("dalang-state")
    """The directory of `rocksdb`. If it is kept, a worker reads only the newer states at its next start."""
    log_format: Literal["console", "json"] = "console"
    """The format of the log on standard error."""


S = TypeVar("S", bound=Access)


def read(kind: type[S], **given: Any) -> S:
    """Return settings from the flags in `given`, environment variables and `.env`; raise `BadSettings` if one is invalid.

    A flag with the value None was not given. The error names every invalid setting.
    """
    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except pydantic.ValidationError as exc:
        found = [(".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")) for each in exc.errors()]
        raise BadSettings("; ".join(f"{place}: {told}" if place else told for place, told in found) + ".") from None


def in_the_clear(chosen: S) -> S:
    """Return a copy of the settings without TLS and SASL, because the embedded broker supports neither."""
    secured = [name for name in Access.model_fields if name.startswith(("tls_", "sasl_"))]
    return chosen.model_copy(update={**dict.fromkeys(secured), "tls": False})


def page() -> str:
    """Return the text of docs/settings.md."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Made from `engine/runtime/settings.py` by `make schemas`; do not edit it. A flag wins over the environment,"
    yield "that over a file `.env` in the directory where a command is started."
    yield "Secrets have no flag, and stand in no log, error or help."
    for kind, told in ((Access, "Every command on Kafka"), (Making, "`dalang topics create`"), (Settings, "`dalang worker`")):
        yield ""
        yield f"## {told}"
        yield ""
        own = {name: field for name, field in kind.model_fields.items() if kind is Access or name not in Access.model_fields}
        rows = ((f"`DALANG_{name.upper()}`", _described(field), _default(field)) for name, field in own.items())
        yield from markdown.table(("variable", "what", "default"), rows)


def _described(field: FieldInfo) -> str:
    choices = [choice for each in (field.annotation, *get_args(field.annotation)) for choice in get_args(each)]
    named = [f"`{choice}`" for choice in choices if isinstance(choice, str)]
    secret = " Secret." if pydantic.SecretStr in get_args(field.annotation) else ""
    return (field.description or "") + (f" One of {', '.join(named)}." if named else "") + secret


def _default(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return "" if field.default is None or field.default == "" else f"`{field.default}`"
