"""A receiver over real HTTP, and bodies to send to it."""

import base64
import gzip
import json
from contextlib import contextmanager
from threading import Thread

import httpx
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_sqlite.receiver.application import Conduct, application
from otel_sqlite.receiver.intake import Intake
from otel_sqlite.receiver.server import Place, listen, server, url
from otel_sqlite.receiver.wire import Encoding, Limits

NOON_NS = 1_770_000_000_000_000_000
TRACE = "5b8efff798038103d269b633813fc60c"


def attributes(**values):
    """A list of attributes as OTLP/JSON has it; double underscores stand for dots."""
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key.replace("__", "."), "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in values.items()
    ]


def span(number=1, *, parent=None, seconds=(0, 1), **values):
    """A span as OTLP/JSON has it."""
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
        "name": f"span {number}",
        "kind": 1,
        "startTimeUnixNano": str(NOON_NS + seconds[0] * 1_000_000_000),
        "endTimeUnixNano": str(NOON_NS + seconds[1] * 1_000_000_000),
        "attributes": attributes(**values),
        "status": {},
    }


def run_span(number=1, **values):
    return span(number, cicd__pipeline__name="people", cicd__pipeline__run__id="run-1", **values)


def document(*spans, **resource):
    """An export request as OTLP/JSON has it."""
    return {
        "resourceSpans": [
            {"resource": {"attributes": attributes(**resource)}, "scopeSpans": [{"scope": {"name": "t"}, "spans": list(spans)}]}
        ]
    }


def encoded(said, encoding):
    """The bytes of an export request."""
    if encoding is Encoding.JSON:
        return json.dumps(said).encode()
    return ParseDict(_with_base64(said), ExportTraceServiceRequest()).SerializeToString()


def _with_base64(node):
    if isinstance(node, list):
        return [_with_base64(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key.lower().endswith(("traceid", "spanid"))
        else _with_base64(value)
        for key, value in node.items()
    }


@pytest.fixture(params=list(Encoding), ids=["protobuf", "json"])
def encoding(request):
    return request.param


@pytest.fixture
def send():
    """Post an export request to a client of a receiver."""

    def post(client, said, encoding=Encoding.PROTOBUF, *, compressed=False, **headers):
        body = encoded(said, encoding) if isinstance(said, dict) else said
        if compressed:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        return client.post("/v1/traces", content=body, headers={"Content-Type": encoding.value, **headers})

    return post


@contextmanager
def receiving(path, *, conduct=None, limits=None, **tending):
    """A receiver in a thread of its own; gives a client of it."""
    with listen(Place(port=0)) as listener:
        serving = server(application(Intake(path, limits or Limits()), conduct or Conduct(), **tending))
        thread = Thread(target=serving.run, args=([listener],))
        thread.start()
        try:
            with httpx.Client(base_url=url(listener), trust_env=False, timeout=60) as client:
                yield client
        finally:
            serving.should_exit = True
            thread.join()


@pytest.fixture(name="receiving")
def _receiving(path):
    return lambda **options: receiving(path, **options)


@pytest.fixture
def client(path):
    with receiving(path) as client:
        yield client
