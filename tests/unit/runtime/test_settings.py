"""Settings, and what they give to the clients of Kafka."""

import pathlib
import subprocess
import sys

import pytest

from engine.runtime import settings
from engine.runtime.kafka import connection

ROOT = pathlib.Path(__file__).parents[3]
SECRET = "s3cret-Pa55"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Neither this machine's environment nor its `.env`."""
    for name in (*settings.Settings.model_fields, *settings.Making.model_fields):
        monkeypatch.delenv(f"DALANG_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_by_default_there_is_one_broker_in_the_clear() -> None:
    """Nothing set: localhost, neither TLS nor SASL."""
    assert connection.client(settings.read(settings.Access).connected()) == {
        "bootstrap_servers": ["localhost:9092"],
        "client_id": "dalang",
    }


def test_flags_win_over_the_environment_and_that_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """A flag, then DALANG_*, then .env; a flag that was not given hides nothing."""
    (tmp_path / ".env").write_text("DALANG_BROKER=file:1\nDALANG_CLIENT_ID=file\nDALANG_TOPIC_PREFIX=file.\n")
    monkeypatch.setenv("DALANG_CLIENT_ID", "environment")
    monkeypatch.setenv("DALANG_TOPIC_PREFIX", "environment.")
    chosen = settings.read(settings.Access, topic_prefix="flag.", broker=None)
    assert (chosen.broker, chosen.client_id, chosen.topic_prefix) == ("file:1", "environment", "flag.")


def test_several_brokers_are_a_list() -> None:
    """Commas between them, spaces do no harm; IPv6 in brackets."""
    chosen = settings.read(settings.Access, broker="a:9092, b:9093,[::1]:9094")
    assert connection.client(chosen.connected())["bootstrap_servers"] == ["a:9092", "b:9093", "[::1]:9094"]
    assert connection.faust(chosen.connected())["broker"] == ["aiokafka://a:9092", "aiokafka://b:9093", "aiokafka://[::1]:9094"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_and_a_password_reach_every_client(mechanism: settings.Mechanism) -> None:
    """PLAIN and SCRAM: the same for aiokafka and for Faust."""
    chosen = settings.read(settings.Access, sasl_mechanism=mechanism, sasl_username="ayu", sasl_password=SECRET)
    given = connection.client(chosen.connected())
    assert given["security_protocol"] == "SASL_PLAINTEXT"
    assert (given["sasl_mechanism"], given["sasl_plain_username"], given["sasl_plain_password"]) == (mechanism, "ayu", SECRET)
    credentials = connection.faust(chosen.connected())["broker_credentials"]
    assert (credentials.mechanism.value, credentials.username, credentials.password) == (mechanism, "ayu", SECRET)
    over_tls = connection.client(settings.read(settings.Access, tls=True, **chosen.model_dump(exclude={"tls"})).connected())
    assert (over_tls["security_protocol"], over_tls["ssl_context"].check_hostname) == ("SASL_SSL", True)


async def test_a_token_is_read_afresh_from_its_file(tmp_path: pathlib.Path) -> None:
    """OAUTHBEARER: each connection takes the token that stands in the file then; a missing file is said."""
    file = tmp_path / "token"
    chosen = settings.read(settings.Access, sasl_mechanism="OAUTHBEARER", sasl_token_file=file)
    provider = connection.client(chosen.connected())["sasl_oauth_token_provider"]
    for token in ("one", "two"):
        file.write_text(token + "\n")
        assert await provider.token() == token
    file.unlink()
    with pytest.raises(connection.BadFile, match=r"DLG504 The token in .*token cannot be read"):
        await provider.token()


def test_tls_files_that_cannot_be_used_are_said(tmp_path: pathlib.Path) -> None:
    """A missing or broken file names itself, not its password."""
    broken = tmp_path / "ca.pem"
    broken.write_text("nonsense")
    for given in ({"tls_ca_file": tmp_path / "nowhere"}, {"tls_ca_file": broken}, {"tls_cert_file": broken}):
        with pytest.raises(connection.BadFile, match="DLG504 The TLS files") as caught:
            settings.read(settings.Access, tls_key_password=SECRET if "tls_cert_file" in given else None, **given).connected()
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"broker": f"ayu:{SECRET}@host:9092"}, "a broker is host:port"),
        ({"broker": "host"}, "a broker is host:port"),
        ({"broker": "a:1,,b:2"}, "a broker is host:port"),
        ({"sasl_password": SECRET}, "need sasl_mechanism"),
        ({"sasl_mechanism": "PLAIN", "sasl_password": SECRET}, "PLAIN needs sasl_username and sasl_password"),
        ({"sasl_mechanism": "OAUTHBEARER", "sasl_password": SECRET}, "needs sasl_token_file"),
        ({"sasl_mechanism": "GSSAPI", "sasl_password": SECRET}, "sasl_mechanism: Input should be"),
        ({"tls_key_password": SECRET}, "need tls_cert_file"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence_without_secrets(given: dict[str, str], told: str) -> None:
    """What is wrong is said with DLG502; a secret never."""
    with pytest.raises(settings.BadSettings) as caught:
        settings.read(settings.Access, **given)
    assert str(caught.value).startswith("DLG502 ")
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in str(caught.value.__cause__)


def test_secrets_show_nowhere() -> None:
    """Neither the settings, nor the broker made of them, nor what Faust is given show a password."""
    secrets = {"sasl_mechanism": "PLAIN", "sasl_username": "ayu", "sasl_password": SECRET}
    chosen = settings.read(settings.Settings, **secrets)
    broker = chosen.connected()
    shown = f"{chosen!r} {chosen} {broker!r} {broker} {connection.faust(broker)!r} {chosen.model_dump_json()}"
    assert SECRET not in shown


def test_secrets_are_not_in_any_help() -> None:
    """Typer shows defaults from the environment in `--help`, so a secret must have no flag."""
    told = subprocess.run(
        [sys.executable, "-m", "engine.cli.app", "worker", "--help"],
        env={"DALANG_SASL_PASSWORD": SECRET, "DALANG_TLS_KEY_PASSWORD": SECRET, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "DALANG_BROKER" in told.stdout
    assert SECRET not in told.stdout


def test_the_embedded_broker_gets_no_credentials() -> None:
    """`dalang dev` leaves TLS and SASL of the environment out."""
    chosen = settings.read(settings.Settings, tls=True, sasl_mechanism="PLAIN", sasl_username="a", sasl_password=SECRET)
    assert connection.client(settings.in_the_clear(chosen).connected()).keys() == {"bootstrap_servers", "client_id"}
