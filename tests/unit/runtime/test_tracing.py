import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export
from opentelemetry.sdk.trace.export import in_memory_span_exporter as memory

from engine.runtime import monitor, settings
from engine.runtime.monitoring import metrics, tracing
from tests.unit.runtime.rig import START, Rig

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def kept() -> memory.InMemorySpanExporter:
    return memory.InMemorySpanExporter()


@pytest.fixture
def tracer(kept: memory.InMemorySpanExporter) -> tracing.Tracer:
    provider = sdk.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(kept))
    return tracing.Tracer(provider)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No OTEL_* variable is set."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    return monkeypatch


async def test_a_batch_is_a_span_with_what_it_was_spent_on(
    tmp_path: pathlib.Path, tracer: tracing.Tracer, kept: memory.InMemorySpanExporter
) -> None:
    """One span a batch, with partition, records and decisions; decode, decide and write stand within it, one after the other."""
    watching = monitor.Watch(settings.Settings())
    watching._tracer = tracer
    wrote, decode = watching.over()
    rig = Rig(tmp_path, wrote=wrote, decode=decode)
    await rig.handle(rig.activation(), *(rig.event(each, "go", n=2, k="x") for each in "ab"))
    spans = {each.name: each for each in kept.get_finished_spans()}
    assert set(spans) == {"batch", "decode", "decide", "write"}
    whole, parts = spans["batch"], [spans[name] for name in ("decode", "decide", "write")]
    decided = sum(each.topic == "shop.journey.events" for each in rig.kept.outputs)
    assert dict(whole.attributes or {}) == {"dalang.partition": 7, "dalang.records": 3, "dalang.decisions": decided}
    assert decided == 6
    for part in parts:
        assert part.parent is not None
        assert part.parent.span_id == whole.context.span_id
    edges = [whole.start_time, *(each.end_time for each in parts)]
    assert [each.start_time for each in parts] == edges[:-1]
    assert edges[-1] == whole.end_time
    assert edges == sorted(each or 0 for each in edges)
    assert edges[1] != edges[0]  # decoding took some time
    # The numbers are counted all the same.
    assert watching.metrics.registry.get_sample_value("dalang_events_total", {"partition": "7"}) == 3


async def test_each_batch_has_its_own_time_of_decoding(
    tmp_path: pathlib.Path, tracer: tracing.Tracer, kept: memory.InMemorySpanExporter
) -> None:
    """What the first batch spent is not in the second's span."""
    stopwatch = tracing.Stopwatch()
    rig = Rig(tmp_path, decode=stopwatch.decode)
    await rig.handle(*(rig.event("a", "unknown") for _ in range(50)))
    assert 0 < stopwatch.take() < 60
    assert stopwatch.take() == 0


def test_the_setting_decides_and_the_variables_of_opentelemetry_where_it_is_silent() -> None:
    """Off by default; an endpoint or exporter asks for traces; `none`, a disabled SDK and the setting say no."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert not tracing.wanted(None, {})
    assert tracing.wanted(None, endpoint)
    assert tracing.wanted(None, {"OTEL_TRACES_EXPORTER": "console"})
    assert not tracing.wanted(None, {**endpoint, "OTEL_TRACES_EXPORTER": "none"})
    assert not tracing.wanted(None, {**endpoint, "OTEL_SDK_DISABLED": "true"})
    assert not tracing.wanted(False, endpoint)
    assert tracing.wanted(True, {})


def test_nothing_of_opentelemetry_is_imported_when_it_is_off() -> None:
    """A worker without traces does not pay for them, not even with memory."""
    told = (
        "import sys; from engine.runtime import monitor, settings, worker; watching = monitor.Watch(settings.Settings()); "
        "watching.open(); watching.over(); watching.close(); "
        "sys.exit(any(name.partition('.')[0] == 'opentelemetry' for name in sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DALANG_"))}
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0


def test_an_exporter_that_is_not_there_is_a_sentence(quiet: pytest.MonkeyPatch) -> None:
    """Asked for by the setting, it stops the worker with what to do; by a variable of the host alone, it is a warning."""
    quiet.setenv("OTEL_TRACES_EXPORTER", "jaeger")
    with pytest.raises(tracing.UnknownExporter, match="jaeger"):
        tracing.tracer(True)
    assert tracing.tracer(None) is None
    quiet.setenv("OTEL_TRACES_EXPORTER", "otlp")
    quiet.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(tracing.UnknownExporter, match="grpc"):
        tracing.tracer(True)


def test_traces_without_opentelemetry_are_a_sentence(quiet: pytest.MonkeyPatch) -> None:
    """The extra is missing: the error says how to install it."""
    quiet.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(tracing.NoTracing, match=r"dalang\[tracing\]"):
        tracing.tracer(True)


def test_a_collector_that_does_not_answer_does_not_hold_a_worker_up() -> None:
    """The last spans get half a second, and are left behind then; a worker has to be gone within ten."""
    let, gone = threading.Event(), threading.Event()

    class Stuck(sdk.TracerProvider):
        def shutdown(self) -> None:
            let.wait(120)
            gone.set()

    tracer, started = tracing.Tracer(Stuck(shutdown_on_exit=False)), time.monotonic()
    tracer.close()
    assert time.monotonic() - started >= tracing.CLOSE_WITHIN
    assert not gone.is_set()  # it was not waited for, however slow this machine is
    let.set()
    assert gone.wait(120)


class _Collector(http.server.BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts."""

    taken: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector(quiet: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bytes]]]:
    """An OTLP collector on loopback, which OTEL_* names."""
    taken: list[tuple[str, bytes]] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Collector", (_Collector,), {"taken": taken}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    quiet.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    yield taken
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("named", "service"), [("", "dalang-worker"), ("jakarta", "jakarta")])
def test_spans_reach_the_collector_before_the_worker_ends(
    collector: list[tuple[str, bytes]], quiet: pytest.MonkeyPatch, named: str, service: str
) -> None:
    """By OTLP over HTTP to the standard endpoint, under the standard service name or Dalang's; closing sends what is left."""
    quiet.setattr(tracing, "CLOSE_WITHIN", 60.0)  # this machine may be slow; a collector that answers is not waited for longer
    if named:
        quiet.setenv("OTEL_SERVICE_NAME", named)
    tracer = tracing.tracer(None)
    assert tracer is not None
    tracer.wrote(metrics.Written(partition=3, records=9, oldest=START, took=0.2, write_took=0.1), 0.05)
    tracer.close()
    ((path, body),) = collector
    assert path == "/v1/traces"
    (resource,) = trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans
    assert {each.value.string_value for each in resource.resource.attributes if each.key == "service.name"} == {service}
    spans = {each.name: each for each in resource.scope_spans[0].spans}
    took = {name: (each.end_time_unix_nano - each.start_time_unix_nano) / 1e9 for name, each in spans.items()}
    assert took == pytest.approx({"batch": 0.2, "decode": 0.05, "decide": 0.05, "write": 0.1}, abs=1e-6)
