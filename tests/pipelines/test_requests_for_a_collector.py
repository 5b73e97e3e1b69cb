"""Requests become spans only where a collector gets them, and are the same requests all the same."""

import textwrap

import pytest

from tests.collectors import collecting

# Asks one system from inside a step, as a pipeline does.
ASKS = textwrap.dedent("""
    import sys
    import httpx
    import otel_sqlite
    from pipelines.cli import _trace_requests

    otel_sqlite.configure()
    for _ in range(2):
        _trace_requests()
    with otel_sqlite.run("people") as r, r.step("submit"):
        httpx.post(sys.argv[1] + "/members/ABCD12X", content=b"fenna")
    print(sorted({name.partition(".")[2] for name in sys.modules if name.startswith("opentelemetry.instrumentation.")}))
""")
MISSING = "import sys\nsys.modules['opentelemetry.instrumentation.httpx'] = None\n"


@pytest.fixture
def system():
    """Any system that is asked: it keeps the requests."""
    with collecting() as asked:
        yield asked


def test_a_request_is_a_span_below_its_step(program, collector, system):
    done = program(ASKS, system.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert (done.returncode, done.stderr) == (0, "")
    spans = {span.name: span for span in collector.spans}
    assert sorted(spans) == ["POST", "RUN people", "submit"]
    assert spans["POST"].parent_span_id == spans["submit"].span_id


def test_a_request_is_the_same_as_without_a_trace(program, collector, system):
    program(ASKS, system.url)
    program(ASKS, system.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert system.headers[0] == system.headers[1]
    assert system.bodies == [b"fenna"] * 2


def test_a_system_that_cannot_be_reached_raises_what_it_raises_without_a_trace(program, collector):
    errors = [
        program(ASKS, "http://127.0.0.1:9", **settings).stderr.splitlines()[-1]
        for settings in ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    ]
    assert errors[0].startswith("httpx.ConnectError")
    assert errors[0] == errors[1]


def test_without_a_collector_no_request_is_traced(program, system):
    assert program(ASKS, system.url).stdout == "[]\n"


def test_without_the_package_only_the_spans_of_requests_are_missing(program, collector, system):
    done = program(MISSING + ASKS, system.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert collector.names == ["RUN people", "submit"]
