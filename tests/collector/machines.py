"""A collector, a dashboard's receiver and a backend on loopback, each of which can be stopped, killed and started again."""

import contextlib
import gzip
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "collector-config" / "collector.yaml"
KEY: Final = "01234567890123456789012345678901"  # of digits alone: read as the number it looks like, it would be another key
WAIT_S: Final = 60

_Answer = TypeVar("_Answer")


def until(ask: Callable[[], _Answer]) -> _Answer:
    """Ask again and again until the answer is true; gives it."""
    deadline, pause = time.monotonic() + WAIT_S, threading.Event()
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"it did not come true in {WAIT_S} seconds"
        pause.wait(0.02)
    return answer


class Port:
    """A port that is kept for whoever is started on it by number: the kernel gives it to nobody who asks for any."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who listens there sets it, too
        self._socket.bind(("127.0.0.1", 0))

    def __str__(self) -> str:
        return str(self._socket.getsockname()[1])

    def give_up(self) -> None:
        """Anybody may have it."""
        self._socket.close()


class Collector:
    """The collector with the configuration of this project; its queue outlives it."""

    def __init__(self, binary: Path, folder: Path, **environment: str) -> None:
        self._binary, self._folder = binary, folder
        self._ports = {name: Port() for name in ("OTLP_HTTP_PORT", "OTLP_GRPC_PORT", "HEALTH_PORT", "METRICS_PORT")}
        ports = {name: str(port) for name, port in self._ports.items()}
        self.environment = {**os.environ, **ports, "COLLECTOR_QUEUE": str(folder / "queue"), **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where pipelines send to, over HTTP."""
        return f"http://127.0.0.1:{self._ports['OTLP_HTTP_PORT']}"

    @property
    def grpc_url(self) -> str:
        """Where pipelines send to, over gRPC."""
        return f"http://127.0.0.1:{self._ports['OTLP_GRPC_PORT']}"

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self._folder / "collector.log").read_text()

    def start(self) -> None:
        """Start it; it takes spans afterwards."""
        with (self._folder / "collector.log").open("ab") as log:
            command = [self._binary, "--config", CONFIG]
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        return get(f"http://127.0.0.1:{self._ports['HEALTH_PORT']}") is not None

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal and see it end; does nothing to one that has ended."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(WAIT_S)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.end(signal.SIGKILL)

    def close(self) -> None:
        """End it for good."""
        self.end()
        for port in self._ports.values():
            port.give_up()

    def metric(self, name: str, exporter: str) -> float:
        """What it counted for one of its exporters."""
        said = get(f"http://127.0.0.1:{self._ports['METRICS_PORT']}/metrics") or ""
        lines = [line for line in said.splitlines() if line.startswith(name) and f'exporter="{exporter}"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


class Dashboard:
    """``otel-sqlite receive`` with a database and a port of its own."""

    def __init__(self, path: Path, token: str) -> None:
        self.path, self._token = path, token
        self._port = Port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it is, or will be."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it; it takes spans afterwards."""
        program = Path(sys.executable).with_name("otel-sqlite")
        self._process = subprocess.Popen(
            [program, "receive", "--port", str(self._port), "--path", self.path],
            env={**os.environ, "OTEL_SQLITE_RECEIVER_TOKEN": self._token},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("receiving OTLP at ")

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of its database; none as long as there is no such table."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection, contextlib.suppress(sqlite3.OperationalError):
            return connection.execute(query).fetchall()
        return []

    def end(self) -> None:
        """End it; does nothing to one that has ended."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=WAIT_S)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.end()
        self._port.give_up()


class Program:
    """A program in a process of its own that stops once, says so, and waits to be told to go on."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"

    def go_on(self) -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finish(self) -> int:
        """Let it run to its end; its exit code."""
        return self._process.wait(WAIT_S)


class Backend(ThreadingHTTPServer):
    """Somebody else's OTLP/HTTP server: keeps what it is sent while ``answer`` is 200, else refuses it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.answer = 200
        self.refused = 0
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What it was sent, decoded."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        """The spans that it was sent, those sent twice once."""
        spans = [s for request in self.requests for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
        return list({(s.trace_id, s.span_id): s for s in spans}.values())


class _Take(BaseHTTPRequestHandler):
    server: Backend

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.answer == 200:
            self.server.headers.append(dict(self.headers.items()))
            self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        else:
            self.server.refused += 1
        self.send_response(self.server.answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is not a log."""


def get(url: str) -> str | None:
    """What a server answers; None: it cannot be reached, or refuses."""
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as response:
            body: bytes = response.read()
            return body.decode()
    except (urllib.error.URLError, ConnectionError):
        return None


def post(url: str, body: bytes) -> int:
    """Send an export request; the status of the answer."""
    request = urllib.request.Request(f"{url}/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as response:
        status: int = response.status
    return status
