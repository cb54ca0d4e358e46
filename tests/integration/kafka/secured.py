"""A Kafka that lets nobody in without a password and allows nothing that was not granted: SASL, TLS and its own authorizer."""

import asyncio
import pathlib
import subprocess
from collections.abc import Callable, Iterable
from typing import Any, Final

from aiokafka import conn
from aiokafka.protocol import api
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

from engine.runtime.kafka import acl
from tests import waiting
from tests.integration import kafka

PASSWORD: Final = "wayang-Kulit-7"
USERS: Final = ("worker", "operator", "reader", "rebuilder")

SETTINGS = """
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required {users};
listener.name.tls.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.sasl.enabled.mechanisms=PLAIN
listener.name.tls.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={directory}/broker.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
"""


class Secured(kafka.Kafka):
    """`address` is the tests' own way in, which may everything; `sasl` and `tls` are for users."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        ports = kafka.Ports()
        sasl, tls = kafka.free_port(), kafka.free_port()
        self.sasl, self.tls, self.authority = f"127.0.0.1:{sasl}", f"127.0.0.1:{tls}", directory / "ca.pem"
        _certificate(directory)
        more = SETTINGS.format(
            port=ports.clients,
            behind=ports.behind,
            proxy=ports.proxy,
            controller=ports.controller,
            sasl=sasl,
            tls=tls,
            directory=directory,
            users=" ".join(f'user_{user}="{PASSWORD}"' for user in USERS),
        )
        scram = [word for user in USERS for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={PASSWORD}]")]
        super().__init__(directory, all=(ports,), more=more, users=tuple(scram))

    async def grant(self, user: str, rights: Iterable[acl.Right]) -> None:
        """Allow a user these, and nothing else."""
        entries = [_entry(user, right) for right in rights]
        await self._done(_Grant(entries))
        await self._until(user, lambda known: known.issuperset(entries))

    async def take(self, user: str, right: acl.Right) -> None:
        """Take one away."""
        entry = _entry(user, right)
        await self._done(_Take([entry]))
        await self._until(user, lambda known: entry not in known)

    async def _done(self, request: Any) -> None:
        answer = await self._ask(request)
        assert all(each["error_code"] == 0 for each in answer["results"]), answer

    async def _until(self, user: str, so: Callable[[set[tuple[Any, ...]]], bool]) -> None:
        """Until the broker has it from its controller."""
        async with asyncio.timeout(waiting.LONG):
            known = await self._known(user)
            while not so(known):
                await asyncio.sleep(0.02)
                known = await self._known(user)

    async def _known(self, user: str) -> set[tuple[Any, ...]]:
        """What the broker says that a user may do."""
        answer = await self._ask(_Rights(f"User:{user}"))
        assert answer["error_code"] == 0, answer
        return {
            (each["resource_type"], each["resource_name"], each["pattern"], *(entry[name] for name in _WHO))
            for each in answer["resources"]
            for entry in each["entries"]
        }

    async def _ask(self, request: Any) -> dict[str, Any]:
        host, _, port = self.address.partition(":")
        entered = await conn.create_conn(host, int(port))
        try:
            told: dict[str, Any] = (await entered.send(request)).to_object()
            return told
        finally:
            entered.close()


def _certificate(directory: pathlib.Path) -> None:
    """A certificate for localhost, which is its own authority."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    key, certificate = directory / "key.pem", directory / "ca.pem"
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    (directory / "broker.pem").write_text(key.read_text() + certificate.read_text())


# CreateAcls, DeleteAcls and DescribeAcls, which aiokafka's admin client does not know.

_RESOURCES: Final = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_RESOURCE: Final = (("resource_type", Int8), ("resource_name", String("utf-8")), ("pattern", Int8))
_ALLOWED: Final = (("principal", String("utf-8")), ("host", String("utf-8")), ("operation", Int8), ("permission", Int8))
_ENTRY: Final = (*_RESOURCE, *_ALLOWED)
_WHO: Final = ("principal", "host", "operation", "permission")
_ANY: Final = 1


def _entry(user: str, right: acl.Right) -> tuple[Any, ...]:
    pattern = 4 if right.prefixed else 3
    return (_RESOURCES[right.resource], right.name, pattern, f"User:{user}", "*", _OPERATIONS[right.operation], 3)


class _Granted(api.Response):
    API_KEY = 30
    API_VERSION = 1
    SCHEMA = Schema(("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("error_message", String("utf-8")))))


class _GrantStruct(api.RequestStruct):
    API_KEY = 30
    API_VERSION = 1
    RESPONSE_TYPE = _Granted
    SCHEMA = Schema(("creations", Array(*_ENTRY)))


class _Grant(api.Request[_GrantStruct]):
    API_KEY = 30

    def __init__(self, entries: list[tuple[Any, ...]]) -> None:
        self._entries = entries

    def build(self, request_struct_class: type[_GrantStruct]) -> _GrantStruct:
        return request_struct_class(self._entries)


class _Taken(api.Response):
    API_KEY = 31
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("matching", Array(("error_code", Int16), ("error_message", String("utf-8")), *_ENTRY)),
            ),
        ),
    )


class _TakeStruct(api.RequestStruct):
    API_KEY = 31
    API_VERSION = 1
    RESPONSE_TYPE = _Taken
    SCHEMA = Schema(("filters", Array(*_ENTRY)))


class _Take(api.Request[_TakeStruct]):
    API_KEY = 31

    def __init__(self, entries: list[tuple[Any, ...]]) -> None:
        self._entries = entries

    def build(self, request_struct_class: type[_TakeStruct]) -> _TakeStruct:
        return request_struct_class(self._entries)


class _Told(api.Response):
    API_KEY = 29
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", String("utf-8")),
        ("resources", Array(*_RESOURCE, ("entries", Array(*_ALLOWED)))),
    )


class _RightsStruct(api.RequestStruct):
    API_KEY = 29
    API_VERSION = 1
    RESPONSE_TYPE = _Told
    SCHEMA = Schema(*_ENTRY)


class _Rights(api.Request[_RightsStruct]):
    API_KEY = 29

    def __init__(self, principal: str) -> None:
        self._principal = principal

    def build(self, request_struct_class: type[_RightsStruct]) -> _RightsStruct:
        return request_struct_class(_ANY, None, _ANY, self._principal, None, _ANY, _ANY)
