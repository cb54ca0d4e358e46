"""Traces for OpenTelemetry: one span for each batch, with child spans for decoding, deciding and writing.

Called by monitor.py. Tracing is on if `DALANG_TRACING=true`, or if a standard OTEL_* variable names an exporter or its
endpoint. If tracing is off, OpenTelemetry is not imported. Everything else (endpoint, headers, sampler, service name) is set by
OTEL_* variables alone. The attributes of a span are numbers and never name a customer.
"""

import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from engine.core import errors
from engine.core.model import inputs
from engine.runtime import logs
from engine.runtime.monitoring import metrics

_SERVICE: Final = "dalang-worker"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

CLOSE_WITHIN: Final = 0.5
"""The greatest number of seconds that a worker waits at its end until the last spans are sent."""

_log = logs.log()


class NoTracing(errors.RuntimeFailure):
    """Traces are asked for, but OpenTelemetry is not installed."""

    code = "DLG551"
    hint = "Install it with `pip install 'dalang[tracing]'`, or leave DALANG_TRACING out."


class UnknownExporter(errors.RuntimeFailure):
    """Dalang does not have the exporter or the protocol that the settings of OpenTelemetry name for traces."""

    code = "DLG552"
    hint = "Set OTEL_TRACES_EXPORTER to otlp, console or none, and OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf."


class Stopwatch:
    """A replacement for `inputs.decode` that also adds up the seconds that decoding takes.

    Only a partition with tracing uses this class, because reading the time for each record is slow.
    """

    def __init__(self) -> None:
        self._took = 0.0

    def decode(self, value: bytes | None, **given: Any) -> inputs.Record:
        """Decode a record as `inputs.decode` does, and add the seconds that decoding took to the sum."""
        started = time.perf_counter()
        try:
            return inputs.decode(value, **given)
        finally:
            self._took += time.perf_counter() - started

    def take(self) -> float:
        """Return the seconds that decoding has taken since the last call of `take`."""
        took, self._took = self._took, 0.0
        return took


class Tracer:
    """The tracer of one worker, which makes the spans of the worker's batches.

    `provider` is an OpenTelemetry provider for this worker alone; OpenTelemetry's global provider is not set.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("dalang")

    def wrote(self, batch: metrics.Written, decode_took: float) -> None:
        """Make the span of one batch that the broker has confirmed, with the child spans `decode`, `decide` and `write`.

        `decode_took` is in seconds. In reality each record is decoded and decided before the next one. The children `decode`
        and `decide` show the sum of all decoding and then the sum of all deciding.
        """
        from opentelemetry import trace  # noqa: PLC0415 - an extra, imported where it was asked for

        end = time.time_ns()
        start = end - _nanoseconds(batch.took)
        decided, written = start + _nanoseconds(decode_took), end - _nanoseconds(batch.write_took)
        told = {"partition": batch.partition, "records": batch.records, "decisions": len(batch.decided)}
        attributes = {f"dalang.{name}": count for name, count in told.items()}
        span = self._tracer.start_span("batch", kind=trace.SpanKind.CONSUMER, attributes=attributes, start_time=start)
        inside = trace.set_span_in_context(span)
        for name, began, ended in (("decode", start, decided), ("decide", decided, written), ("write", written, end)):
            self._tracer.start_span(name, inside, start_time=began).end(ended)
        span.end(end)

    def close(self) -> None:
        """Send the remaining spans, but wait at most `CLOSE_WITHIN` seconds, because the receiver may not answer."""
        closing = threading.Thread(target=self._provider.shutdown, name="dalang-tracing", daemon=True)
        closing.start()
        closing.join(CLOSE_WITHIN)


def wanted(asked: bool | None, environment: Mapping[str, str]) -> bool:
    """Return True if tracing is on: by the setting `asked` or, if `asked` is None, by the OTEL_* variables in `environment`."""
    if asked is not None:
        return asked
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    return exporter != "none" if exporter else any(environment.get(name) for name in _ENDPOINTS)


def tracer(asked: bool | None) -> Tracer | None:
    """Return the tracer, or None if tracing is off; `asked` is the setting `DALANG_TRACING`, None if it is not set.

    If `DALANG_TRACING` is true and tracing is not possible, `NoTracing` or `UnknownExporter` is raised. If only OTEL_*
    variables ask for tracing, a warning is logged instead and the result is None: these variables may be meant for all programs
    of a host, and must not stop the worker.
    """
    if not wanted(asked, os.environ):
        return None
    try:
        return Tracer(_provider(os.environ))
    except (NoTracing, UnknownExporter) as exc:
        if asked:
            raise
        _log.warning("tracing is off", error=str(exc))
        return None


def _provider(environment: Mapping[str, str]) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk import resources  # noqa: PLC0415
        from opentelemetry.sdk import trace as sdk  # noqa: PLC0415
        from opentelemetry.sdk.trace import export  # noqa: PLC0415
    except ImportError:
        raise NoTracing from None
    name = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    protocol = next((environment[each] for each in _PROTOCOLS if environment.get(each)), "http/protobuf")
    if name not in ("otlp", "console") or (name == "otlp" and protocol != "http/protobuf"):
        raise UnknownExporter(f"Traces cannot be sent to the exporter {name} over {protocol}.")
    said = "OTEL_SERVICE_NAME" in environment or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    named = {} if said else {"service.name": _SERVICE}
    provider = sdk.TracerProvider(resource=resources.Resource.create(named), shutdown_on_exit=False)
    exporter = export.ConsoleSpanExporter() if name == "console" else trace_exporter.OTLPSpanExporter()
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    return provider


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
