"""`deploy/kubernetes/`, against the schemas of Kubernetes and against what a worker is: no cluster runs it here."""

import json
import pathlib
import urllib.request
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from engine.runtime import settings, worker
from engine.runtime.monitoring import health, metrics, probes

HERE = pathlib.Path(__file__).parent
FILES = sorted((HERE.parents[1] / "deploy" / "kubernetes").glob("*.yaml"))
SCHEMAS = json.loads((HERE / "vendored" / "kubernetes-1.25.schema.json").read_text())
KINDS = {
    "Deployment": "io.k8s.api.apps.v1.Deployment",
    "Service": "io.k8s.api.core.v1.Service",
    "ConfigMap": "io.k8s.api.core.v1.ConfigMap",
    "PodDisruptionBudget": "io.k8s.api.policy.v1.PodDisruptionBudget",
}


def load(file: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(YAML(typ="safe").load(file)))
    return found


def errors(document: dict[str, Any]) -> list[str]:
    schema = {**SCHEMAS, "$ref": f"#/$defs/{KINDS[document['kind']]}"}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


@pytest.fixture
def objects() -> dict[str, dict[str, Any]]:
    """The objects by their kind, of which each is there once."""
    found = [load(file) for file in FILES]
    assert {each["kind"] for each in found} == set(KINDS)
    return {each["kind"]: each for each in found}


@pytest.fixture
def pod(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = objects["Deployment"]["spec"]["template"]
    return found


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod["spec"]["containers"]
    told: dict[str, Any] = found
    return told


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_file_is_an_object_that_kubernetes_takes(file: pathlib.Path) -> None:
    """It meets the schema of its kind, in which a field that does not exist is an error."""
    document = load(file)
    assert errors(document) == []
    assert errors({**document, "sepc": {}}) != []


def test_everything_means_the_same_workers(objects: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    """The deployment, the budget, the service and the spread choose the pods by labels that these have."""
    labels = pod["metadata"]["labels"]
    deployment = objects["Deployment"]["spec"]
    chosen = [
        deployment["selector"]["matchLabels"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert [each for each in chosen if each != labels] == []
    assert deployment["replicas"] > objects["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_the_settings_are_the_workers(objects: dict[str, dict[str, Any]], container: dict[str, Any]) -> None:
    """Each key of the map is the twin of a setting, and the worker takes its value; secrets come from a Secret, which may be absent."""
    given = objects["ConfigMap"]["data"]
    names = {name: name.removeprefix("DALANG_").lower() for name in given}
    assert set(names.values()) <= set(settings.Settings.model_fields)
    settings.Settings(**{names[name]: value for name, value in given.items()})
    named = objects["ConfigMap"]["metadata"]["name"]
    assert container["envFrom"] == [{"configMapRef": {"name": named}}, {"secretRef": {"name": named, "optional": True}}]
    assert container["args"] == ["worker"]


def test_probes_and_prometheus_ask_where_a_worker_answers(
    objects: dict[str, dict[str, Any]], pod: dict[str, Any], container: dict[str, Any]
) -> None:
    """Port and paths are those that the worker serves."""
    port = objects["ConfigMap"]["data"]["DALANG_METRICS_PORT"]
    assert container["ports"] == [{"name": "metrics", "containerPort": int(port)}]
    assert objects["Service"]["spec"]["ports"] == [{"name": "metrics", "port": int(port), "targetPort": "metrics"}]
    told = pod["metadata"]["annotations"]
    assert told["prometheus.io/port"] == port
    known = health.Health(60.0)
    known.seen(health.Seen(joined=True))
    server = probes.Server("127.0.0.1", 0, metrics.Metrics(), known)
    try:
        asked = [container[kind]["httpGet"] for kind in ("livenessProbe", "readinessProbe")]
        assert [each["port"] for each in asked] == ["metrics", "metrics"]
        for path in (told["prometheus.io/path"], *(each["path"] for each in asked)):
            assert urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60).status == 200
    finally:
        server.close()
    assert [each["path"] for each in asked] == ["/health", "/ready"]


def test_a_worker_has_time_to_leave_and_nothing_that_it_does_not_need(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """Longer than it takes to stop; memory is bounded, cpu is not; no root, no privileges, no token, no foreign variables."""
    assert pod["spec"]["terminationGracePeriodSeconds"] > worker.STOP_WITHIN + 1
    assert set(container["resources"]["limits"]) == {"memory"}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["automountServiceAccountToken"] is pod["spec"]["enableServiceLinks"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    # Faust and the state on disk need a place to write.
    assert {each["name"] for each in pod["spec"]["volumes"]} == {each["name"] for each in container["volumeMounts"]}
