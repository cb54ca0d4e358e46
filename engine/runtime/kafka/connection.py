"""Connections to Kafka: this file makes the connection arguments of every aiokafka client and of the Faust app.

It also checks first that a broker accepts the connection. So a wrong address, certificate or password gives an error message at
once instead of a wait. Secrets are only in `Broker`, which never prints them.
"""

import asyncio
import contextlib
import logging
import pathlib
import ssl
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, Final, TypeVar

from aiokafka import abc
from aiokafka import conn as connections
from aiokafka import errors as kafka

from engine.core import errors

_WITHIN: Final = 5.0


class NoBroker(errors.RuntimeFailure):
    """No Kafka broker answers."""

    code = "DLG501"
    hint = "Start a broker, or give its address with --broker or DALANG_BROKER. `dalang dev` starts its own broker."


class NotLetIn(errors.RuntimeFailure):
    """The broker does not accept these credentials."""

    code = "DLG503"
    hint = "Check DALANG_SASL_* and DALANG_TLS_*; `dalang schema settings` explains them."


class BadFile(errors.RuntimeFailure):
    """A certificate, a key or a token cannot be read."""

    code = "DLG504"
    hint = "Check the paths in DALANG_TLS_* and DALANG_SASL_TOKEN_FILE, and that this process may read those files."


class NotAllowed(errors.RuntimeFailure):
    """This user lacks rights on the broker."""

    code = "DLG505"
    hint = "Grant them to the user; `dalang schema rights` (docs/rights.md) lists the rights that each process needs."


class Failed(errors.RuntimeFailure):
    """A request to the broker failed."""

    code = "DLG506"
    hint = "Run the command again; if it fails again, look for the cause in the broker's log."


class Broker:
    """The addresses of the brokers and the credentials for them; its representation shows neither user nor secret."""

    __slots__ = ("address", "client_id", "security")

    def __init__(self, address: str, *, client_id: str = "dalang", security: Mapping[str, Any] | None = None) -> None:
        self.address, self.client_id, self.security = address, client_id, dict(security or {})

    def __repr__(self) -> str:
        return f"<Broker {self.address}>"

    def __str__(self) -> str:
        return self.address


Address = str | Broker
"""A `Broker`; or for brokers without TLS and SASL a text such as `host:port` or `host1:port,host2:port`."""


def client(broker: Address) -> dict[str, Any]:
    """Return the arguments of every aiokafka client."""
    known = broker if isinstance(broker, Broker) else Broker(broker)
    return {"bootstrap_servers": hosts(known), "client_id": known.client_id, **known.security}


def faust(broker: Address) -> dict[str, Any]:
    """Return the arguments of the Faust app."""
    from faust import auth  # noqa: PLC0415 - Faust takes a second to import, and only the worker needs it

    given = client(broker)
    context, mechanism = given.get("ssl_context"), given.get("sasl_mechanism")
    credentials: Any = None
    if mechanism == "OAUTHBEARER":
        credentials = auth.OAuthCredentials(oauth_cb=given["sasl_oauth_token_provider"], ssl_context=context)
    elif mechanism is not None:
        user, password = given["sasl_plain_username"], given["sasl_plain_password"]
        credentials = auth.SASLCredentials(username=user, password=password, ssl_context=context, mechanism=mechanism)
    elif context is not None:
        credentials = auth.SSLCredentials(context)
    urls = [f"aiokafka://{host}" for host in given["bootstrap_servers"]]
    return {"broker": urls, "broker_client_id": given["client_id"], "broker_credentials": credentials}


def hosts(broker: Address) -> list[str]:
    """Return each `host:port`."""
    return [each.strip() for each in str(broker).split(",")]


class TokenFile(abc.AbstractTokenProvider):
    """An OAuth token in a file that another program keeps fresh; the file is read again for each connection."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Read the token from the file; raise `BadFile` if that is not possible."""
        try:
            return (await asyncio.to_thread(self._path.read_text, encoding="ascii")).strip()
        except (OSError, ValueError) as exc:
            raise BadFile(f"The token in {self._path} cannot be read ({_told(exc)}).") from None


def tls(
    authority: pathlib.Path | None, certificate: pathlib.Path | None, key: pathlib.Path | None, password: str | None
) -> ssl.SSLContext:
    """Return a TLS context that checks the broker's name; the system's authorities are used if `authority` is None.

    Raises `BadFile` if a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate is not None:
            context.load_cert_chain(certificate, key, password or "")
    except (OSError, ssl.SSLError, ValueError) as exc:
        files = ", ".join(str(each) for each in (authority, certificate, key) if each is not None)
        raise BadFile(f"The TLS files {files} cannot be used ({_told(exc)}).") from None
    return context


T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of a command. Errors of the broker are raised as errors of Dalang: see `sentences`."""
    with sentences():
        return asyncio.run(work)


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Raise the errors of the broker inside the block as `NotAllowed` or `Failed`."""
    try:
        yield
    except _FORBIDDEN as exc:
        raise NotAllowed(f"This user lacks rights on the broker ({_told(exc)}).") from None
    except (kafka.KafkaError, TimeoutError) as exc:
        raise Failed(f"A request to the broker failed ({_told(exc)}).") from None


_FORBIDDEN: Final = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)


class _Once(logging.Filter):
    """A log filter that drops repeats of a warning in a process, because each of many connections would log it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.getMessage()
        if record.levelno > logging.WARNING or told not in self._told:
            self._told.add(told)
            return True
        return False


logging.getLogger("aiokafka.conn").addFilter(_Once())


async def reachable(broker: Address) -> None:
    """Return as soon as one broker accepts us. Raises `NotLetIn` at once, and `NoBroker` after five seconds."""
    last = "nothing listens"
    try:
        async with asyncio.timeout(_WITHIN):
            while True:
                for host in hosts(broker):
                    try:
                        (await _entered(broker, host)).close()
                        return
                    except _REFUSED as exc:
                        raise NotLetIn(f"The broker {host} refused the login: {_told(exc)}.") from None
                    except (OSError, kafka.KafkaError, ValueError) as exc:
                        last = _told(exc)
                        if isinstance(exc, ssl.SSLError):
                            raise NotLetIn(f"The TLS connection to the broker {host} failed: {last}.") from None
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise NoBroker(f"No Kafka broker answers at {broker} ({last}).") from None


_REFUSED: Final = (
    kafka.SaslAuthenticationFailed,
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.UnsupportedSaslMechanismError,
)


async def enter(broker: Address) -> Any:
    """Open a connection to the first broker that accepts us, for requests that aiokafka's clients do not make.

    The caller closes it. Raises `NoBroker` if no broker accepts us.
    """
    for host in hosts(broker):
        with contextlib.suppress(OSError, kafka.KafkaError):
            return await _entered(broker, host)
    raise NoBroker(f"No Kafka broker answers at {broker}.")


async def _entered(broker: Address, host: str) -> Any:
    """Connect to one broker, with the same arguments as a client."""
    given = client(broker)
    name, _, port = given.pop("bootstrap_servers") and host.rpartition(":")
    return await connections.create_conn(name.strip("[]"), int(port), request_timeout_ms=int(_WITHIN * 1000), **given)


def _told(exc: BaseException) -> str:
    """Return the type and the message of an exception, without its other arguments, which may hold secrets."""
    text = getattr(exc, "strerror", None) or (str(exc.args[0]) if exc.args else "")
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
