"""`--prometheus-port`: a run's counts and the figures of its last second, for who watches it in Prometheus."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from broker.bench.load import Second
from broker.bench.results import Observer
from broker.bench.wire import BenchError

# Name, type, what it says.
_METRICS = (
    ("records_total", "counter", "Records of the measured part."),
    ("bytes_total", "counter", "Bytes of their values."),
    ("failed_requests_total", "counter", "Requests that failed."),
    ("records_per_second", "gauge", "In the last second."),
    ("latency_p50_seconds", "gauge", "Of the last second."),
    ("latency_p99_seconds", "gauge", "Of the last second."),
    ("records_read_back", "gauge", "Found again so far, of those that were acknowledged."),
)
_PREFIX = "millstream_bench_"


class PrometheusGauges:
    """An observer that tells another one everything, too. Served from `with` to its end, at /metrics."""

    def __init__(self, port: int, observer: Observer) -> None:
        self._port = port
        self._observer = observer
        self._values = {name: 0.0 for name, _, _ in _METRICS}

    def __enter__(self) -> PrometheusGauges:
        try:
            self._server = _Server(("", self._port), _Page)
        except OSError as error:
            raise BenchError(f"--prometheus-port {self._port} cannot be listened on: {error.strerror}") from None
        self._server.gauges = self
        self._thread = threading.Thread(target=self._server.serve_forever, name="bench-prometheus", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it is served; of interest where 0 was asked for."""
        return int(self._server.server_address[1])

    def page(self) -> str:
        """Prometheus' text format."""
        lines = []
        for name, kind, help_text in _METRICS:
            full = _PREFIX + name
            lines += [f"# HELP {full} {help_text}", f"# TYPE {full} {kind}", f"{full} {self._values[name]}"]
        return "\n".join(lines) + "\n"

    def on_plan(self, lines: list[str]) -> None:
        self._observer.on_plan(lines)

    def on_start(self) -> None:
        self._observer.on_start()

    def on_second(self, second: Second) -> None:
        values = self._values
        values["records_total"] += second.records
        values["bytes_total"] += second.bytes
        values["failed_requests_total"] += second.failed
        values["records_per_second"] = second.records / second.elapsed_s if second.elapsed_s else 0.0
        values["latency_p50_seconds"] = second.p50_us / 1e6
        values["latency_p99_seconds"] = second.p99_us / 1e6
        self._observer.on_second(second)

    def on_verify(self, records: int) -> None:
        self._values["records_read_back"] = records
        self._observer.on_verify(records)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gauges: PrometheusGauges


class _Page(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404, "metrics are at /metrics")
            return
        body = self.server.gauges.page().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody wants a line a scrape."""
