"""`docker-compose.kafka.yml` and `Dockerfile`, linted: no container engine starts them here."""

import inspect
import json
import pathlib
import tomllib
from typing import Any

import jsonschema
import packaging.specifiers
import pytest
import typer.main
from ruamel.yaml import YAML

from engine.cli import app
from engine.runtime import settings

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def services() -> dict[str, Any]:
    document = YAML(typ="safe").load(ROOT / "docker-compose.kafka.yml")
    assert set(document) == {"services", "volumes"}
    found: dict[str, Any] = document["services"]
    return found


def test_the_file_is_what_compose_reads() -> None:
    """It meets the schema of the Compose Specification, which refuses what it does not know."""
    schema = json.loads((pathlib.Path(__file__).parent / "vendored" / "compose-spec.schema.json").read_text())
    document = json.loads(json.dumps(YAML(typ="safe").load(ROOT / "docker-compose.kafka.yml")))
    validator = jsonschema.Draft201909Validator(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    document["services"]["worker"]["replicas"] = 2
    assert len([*validator.iter_errors(document)]) == 1


def test_every_service_waits_for_services_that_are_there(services: dict[str, Any]) -> None:
    """The worker starts after the topics are made, and they after Kafka is healthy."""
    waits = {
        name: {other: how["condition"] for other, how in each.get("depends_on", {}).items()} for name, each in services.items()
    }
    assert waits == {
        "kafka": {},
        "topics": {"kafka": "service_healthy"},
        "worker": {"topics": "service_completed_successfully"},
        "prometheus": {},
        "grafana": {"prometheus": "service_started"},
    }
    assert "healthcheck" in services["kafka"]


def test_every_command_is_one_of_dalangs(services: dict[str, Any]) -> None:
    """The commands in the file are commands of `dalang`, with options that they have."""
    for name in ("topics", "worker"):
        command = typer.main.get_command(app.app)
        words = list(services[name]["command"])
        while words and not words[0].startswith("-"):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
        assert inspect.getdoc(command.callback)


def test_every_setting_is_one_of_the_workers(services: dict[str, Any]) -> None:
    """Each `DALANG_*` variable is the twin of a setting, and the worker takes the values."""
    environment = services["worker"]["environment"]
    names = {name.removeprefix("DALANG_").lower() for name in environment}
    assert names <= set(settings.Settings.model_fields)
    chosen = settings.Settings(**{name.removeprefix("DALANG_").lower(): value for name, value in environment.items()})
    assert chosen.broker == services["topics"]["command"][services["topics"]["command"].index("--broker") + 1]


def test_kafka_is_advertised_where_it_is_looked_for(services: dict[str, Any]) -> None:
    """Containers use the listener that is advertised to them; the host's port is published; nothing asks for three copies."""
    kafka = services["kafka"]["environment"]
    listeners = dict(each.split("://") for each in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert services["worker"]["environment"]["DALANG_BROKER"] == listeners["INSIDE"]
    assert services["kafka"]["ports"] == [f"127.0.0.1:9092:{listeners['HOST'].rpartition(':')[2]}"]
    protocols = dict(each.split(":") for each in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(protocols) == {each.split("://")[0] for each in kafka["KAFKA_LISTENERS"].split(",")}
    copies = [value for name, value in kafka.items() if name.endswith(("REPLICATION_FACTOR", "MIN_ISR"))]
    assert copies == ["1", "1", "1"]
    assert all(isinstance(value, str) for value in kafka.values())


def test_a_worker_is_started_again_and_given_time_to_leave(services: dict[str, Any]) -> None:
    """Exit 70 asks for a restart, and a stop takes up to ten seconds."""
    assert services["worker"]["restart"] == "unless-stopped"
    assert services["worker"]["stop_grace_period"] == "15s"
    assert services["worker"]["environment"]["DALANG_JOURNEYS"] == services["worker"]["volumes"][0].split(":")[1]


def test_two_workers_are_watched(services: dict[str, Any]) -> None:
    """Prometheus looks for every container of the workers at the port where they serve, Docker asks them whether they are ready."""
    worker, port = services["worker"], services["worker"]["environment"]["DALANG_METRICS_PORT"]
    assert worker["deploy"] == {"replicas": 2}
    assert "ports" not in worker  # two cannot have one port of the host
    assert f"http://localhost:{port}/ready" in worker["healthcheck"]["test"][-1]
    (job,) = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "prometheus.yml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (job["job_name"], found["names"], found["port"]) == ("dalang", ["worker"], int(port))


def test_prometheus_and_grafana_find_their_files(services: dict[str, Any]) -> None:
    """What is mounted exists; the dashboard lies where its provider looks, the data source is Prometheus' own port; all is local."""
    for service in services.values():
        sources = [each.split(":")[0] for each in service.get("volumes", ())]
        assert [each for each in sources if each.startswith(".") and not (ROOT / each).exists()] == []
        assert all(each.startswith("127.0.0.1:") for each in service.get("ports", ()))
    grafana = services["grafana"]
    mounted = dict(reversed(each.removesuffix(":ro").split(":")) for each in grafana["volumes"])
    provisioning = ROOT / mounted["/etc/grafana/provisioning"]
    (provider,) = YAML(typ="safe").load(provisioning / "dashboards" / "dalang.yaml")["providers"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/dashboard.json"
    assert mounted[home] == "./deploy/grafana/dashboard.json"
    (source,) = YAML(typ="safe").load(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    assert source["url"] == f"http://prometheus:{services['prometheus']['ports'][0].rpartition(':')[2]}"


def test_the_image_has_a_python_that_is_supported_and_copies_what_there_is() -> None:
    """The base image's Python is one of the project's, every copied file exists and is not ignored, and root does not run it."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    version = next(each[1] for each in words if each[0] == "FROM").removeprefix("python:").removesuffix("-slim")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert packaging.specifiers.SpecifierSet(project["requires-python"]).contains(version)
    copied = [source for each in words if each[0] == "COPY" for source in each[1:-1]]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert set(copied).isdisjoint((ROOT / ".dockerignore").read_text().split())
    assert {"requirements.lock", "engine", "pyproject.toml", project["readme"]} <= set(copied)
    assert words.index(["USER", "dalang"]) < words.index(["ENTRYPOINT", '["dalang"]'])
