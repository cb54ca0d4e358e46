"""The worker's HTTP server for `/metrics`, `/health` and `/ready`, and nothing else.

Started by monitor.py. The server has a thread of its own. So it still answers while the worker's event loop is blocked, and can
report that the loop is blocked.
"""

import http.server
import socket
import threading
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST

from engine.core import errors
from engine.runtime.monitoring import health, metrics

_JSON: Final = "application/json"
_PATIENCE: Final = 10.0
"""Seconds within which a client must send its request."""
_POLL: Final = 0.1
"""Seconds within which the server's thread notices that `close` was called."""


class PortTaken(errors.RuntimeFailure):
    """The port for metrics cannot be opened."""

    code = "DLG550"
    hint = "Give another port with --metrics-port or DALANG_METRICS_PORT, or leave both out to serve no metrics."


class Server:
    """The HTTP server of one worker, which serves from its creation until `close`.

    With `port` 0 the system chooses a free port; the attribute `port` is the port in use. Raises `PortTaken` if the port cannot
    be opened.
    """

    def __init__(self, host: str, port: int, counted: metrics.Metrics, known: health.Health) -> None:
        def respond(path: str) -> tuple[int, str, bytes]:
            if path == "/metrics":
                counted.ready = known.ready().good
                return 200, CONTENT_TYPE_LATEST, counted.text()
            if path in ("/health", "/ready"):
                answer = known.health() if path == "/health" else known.ready()
                return (200 if answer.good else 503), _JSON, answer.text()
            return 404, _JSON, b'{"paths":["/metrics","/health","/ready"]}\n'

        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            served = type("Served", (http.server.ThreadingHTTPServer,), {"address_family": family})
            self._server = served((host, port), _handler(respond))
        except (OSError, OverflowError) as exc:
            raise PortTaken(f"{host}:{port} cannot be opened: {exc}.") from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), name="dalang-probes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the server and its thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(respond: Any) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = _PATIENCE
        server_version, sys_version = "dalang", ""

        def do_GET(self) -> None:
            status, type_, body = respond(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", type_)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - as the standard library looks it up

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing, because a probe comes every few seconds."""

    return Handler
