"""Collectors of every temper on loopback; `python -m tests.collectors FILE` is one that speaks gRPC."""

import gzip
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP collector: keeps what it is sent, then answers as it is told to.

    Args:
        answer: The status and body of its answers.
        until: Answers only when this is set.
        before: Called with each request before it is answered.
    """

    def __init__(self, answer=(200, b""), until=None, before=lambda: None):
        super().__init__(("127.0.0.1", 0), _Take)
        self.bodies, self.headers = [], []
        self.answer, self.until, self.before = answer, until, before

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self):
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self):
        return [s for request in self.requests for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]

    @property
    def names(self):
        return sorted(span.name for span in self.spans)


class _Take(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.headers.append(dict(self.headers))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.server.before()
        if self.server.until is not None:
            self.server.until.wait()
        status, answer = self.server.answer
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        except OSError:
            """Who asked did not wait for the answer."""

    def log_message(self, *_):
        """Nothing: the tests' output is not a log."""


@contextmanager
def collecting(**options):
    """A collector that runs as long as the block."""
    with Collector(**options) as collector:
        thread = threading.Thread(target=collector.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield collector
        finally:
            if collector.until is not None:
                collector.until.set()
            collector.shutdown()
            thread.join()


def speak_grpc(path):
    """Take requests until stdin ends; each is added to the file with its length before it."""
    import grpc  # noqa: PLC0415 - never in the tests' own process: it does not go with forks
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc  # noqa: PLC0415 - as above

    class Service(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):  # noqa: N802 - gRPC's name
            del context
            body = request.SerializeToString()
            with path.open("ab") as file:
                file.write(len(body).to_bytes(4, "big") + body)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)  # noqa: T201 - how the tests learn it
    server.start()
    sys.stdin.read()
    server.stop(0)


def read_requests(path):
    """The requests in the file of one that speaks gRPC."""
    kept, requests = path.read_bytes() if path.exists() else b"", []
    while kept:
        end = 4 + int.from_bytes(kept[:4], "big")
        requests.append(ExportTraceServiceRequest.FromString(kept[4:end]))
        kept = kept[end:]
    return requests


if __name__ == "__main__":
    speak_grpc(Path(sys.argv[1]))
