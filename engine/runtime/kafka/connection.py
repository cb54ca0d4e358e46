"""The connections to Kafka: only this file makes the arguments with which aiokafka clients and the Faust app connect.

The worker, and each command that needs Kafka, first call `reachable`, which checks that a broker accepts a connection. So a wrong
address, certificate or password leads to an error message at once, and not to a long wait. The credentials are in `Broker`, whose
`str` and `repr` do not show them.
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
    """The addresses of the brokers and the credentials for them; `str` and `repr` show only the addresses.

    `address` is `host:port`, or several with commas between them. `security` has aiokafka's arguments for TLS and SASL.
    """

    __slots__ = ("address", "client_id", "security")

    def __init__(self, address: str, *, client_id: str = "dalang", security: Mapping[str, Any] | None = None) -> None:
        self.address, self.client_id, self.security = address, client_id, dict(security or {})

    def __repr__(self) -> str:
        return f"<Broker {self.address}>"

    def __str__(self) -> str:
        return self.address


Address = str | Broker
"""A `Broker`, or for brokers without TLS and SASL a text: `host:port`, or several with commas between them."""


def client(broker: Address) -> dict[str, Any]:
    """Return the arguments that every aiokafka client needs to connect: addresses, client id, TLS and SASL."""
    known = broker if isinstance(broker, Broker) else Broker(broker)
    return {"bootstrap_servers": hosts(known), "client_id": known.client_id, **known.security}


def faust(broker: Address) -> dict[str, Any]:
    """Return the arguments that the Faust app needs to connect: addresses, client id, TLS and SASL."""
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
    """Return the addresses of the brokers as a list, each one as `host:port`."""
    return [each.strip() for each in str(broker).split(",")]


class TokenFile(abc.AbstractTokenProvider):
    """An OAuth token in a file that another program renews; the file is read again for each connection to a broker."""

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Return the token from the file; raise `BadFile` if the file cannot be read."""
        try:
            return (await asyncio.to_thread(self._path.read_text, encoding="ascii")).strip()
        except (OSError, ValueError) as exc:
            raise BadFile(f"The token in {self._path} cannot be read ({_told(exc)}).") from None


def tls(
    authority: pathlib.Path | None, certificate: pathlib.Path | None, key: pathlib.Path | None, password: str | None
) -> ssl.SSLContext:
    """Return a TLS context that checks the certificate and the host name of a broker.

    `authority` is the file with the certificate authorities; None means those of the operating system. `certificate` and `key`
    are the files that identify this client, and `password` decrypts the key. Raises `BadFile` if a file cannot be used.
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
    """Run the coroutine of a command and return its result; an error of the broker is raised as `NotAllowed` or `Failed`."""
    with sentences():
        return asyncio.run(work)


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Replace an error of the broker inside the `with` block by `NotAllowed` or `Failed`, which have messages for users."""
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
    """A log filter that passes each warning only once per process; without it, each of many connections logs the same warning."""

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
    """Return as soon as one broker accepts a connection with the given credentials.

    Raises `NotLetIn` as soon as a broker refuses the credentials or the TLS connection fails. Raises `NoBroker` if no broker has
    accepted a connection within five seconds.
    """
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
    """Open a connection to the first broker that accepts one, for a request that aiokafka's clients cannot send.

    The caller must close the connection. Raises `NoBroker` if no broker accepts a connection.
    """
    for host in hosts(broker):
        with contextlib.suppress(OSError, kafka.KafkaError):
            return await _entered(broker, host)
    raise NoBroker(f"No Kafka broker answers at {broker}.")


async def _entered(broker: Address, host: str) -> Any:
    """Open a connection to the broker at `host` (`host:port`), with the arguments that every client has."""
    given = client(broker)
    name, _, port = given.pop("bootstrap_servers") and host.rpartition(":")
    return await connections.create_conn(name.strip("[]"), int(port), request_timeout_ms=int(_WITHIN * 1000), **given)


def _told(exc: BaseException) -> str:
    """Return the type and the text of an exception for a message, such as `OSError: Connection refused`.

    Further arguments of the exception are left out.
    """
    text = getattr(exc, "strerror", None) or (str(exc.args[0]) if exc.args else "")
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
