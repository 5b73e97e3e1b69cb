import sqlite3

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_sqlite import semconv
from tests.collector.machines import post, until

PIPELINES = """
import sys
from opentelemetry import trace
from otel_sqlite import configure
from tests.acceptance.every_outcome import PIPELINES

configure("local.sqlite")
for number in range(int(sys.argv[1])):
    if number == int(sys.argv[2]):
        print("now", flush=True)
        sys.stdin.readline()
    for pipeline in PIPELINES:
        pipeline(trace.get_tracer_provider())
"""
NEVER = "-1"
RUNS = 11  # of each round


@pytest.fixture
def settings(collector):
    """Of pipelines that send to the collector as they are, at once, and for as long as it takes."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
        "OTEL_SQLITE_PRIVACY": "off",
        "OTEL_SQLITE_EXIT_TIMEOUT": "60",
        "OTEL_BSP_SCHEDULE_DELAY": "20",
    }


@pytest.fixture
def send(program, settings):
    """Let pipelines record locally and send to the collector, so many rounds of them."""

    def sent(rounds, **different):
        assert program(PIPELINES, str(rounds), NEVER, **{**settings, **different}).stderr == ""

    return sent


@pytest.fixture
def sending(started, settings):
    """The same, in the middle of their rounds."""
    return lambda rounds: started(PIPELINES, str(rounds), str(rounds // 2), **settings)


@pytest.fixture
def arrived(content, tmp_path, dashboard):
    """Wait until the dashboard says what the local one says; gives how many runs and steps that are."""

    def wait():
        local = content(tmp_path / "local.sqlite")
        try:
            until(lambda: _tried(content, dashboard.path) == local)
        except AssertionError:  # then say which rows are not the same
            assert content(dashboard.path) == local
        return len(local[0]), len(local[1])

    return wait


def _tried(content, path):
    try:
        return content(path)
    except sqlite3.OperationalError:  # not made yet
        return None


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_dashboard_says_what_the_local_one_says(collector, dashboard, send, arrived, protocol):
    dashboard.start()
    collector.start()
    endpoint = collector.url if protocol == "http/protobuf" else collector.grpc_url
    send(1, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert arrived()[0] == RUNS


def test_nothing_is_lost_while_the_receiver_is_down_and_the_collector_is_killed(  # noqa: PLR0913, PLR0917 - a fixture each
    collector, dashboard, backend, send, sending, arrived
):
    backend.answer = 503
    collector.start()
    send(2)
    collector.kill()  # with what nobody else has
    collector.start()
    with sending(20) as pipelines:
        collector.kill()  # while it is sent more
        pipelines.go_on()
        collector.start()
        assert pipelines.finish() == 0
    collector.end()
    dashboard.start()
    backend.answer = 200
    collector.start()

    runs, steps = arrived()
    assert runs == 22 * RUNS
    until(lambda: len(backend.spans) == runs + steps + 22)  # one span a round is neither


@pytest.mark.parametrize("answer", [400, 401, 503])
def test_a_backend_that_refuses_takes_nothing_from_the_dashboard(  # noqa: PLR0913, PLR0917 - a fixture each
    collector, dashboard, backend, send, arrived, answer
):
    backend.answer = answer
    dashboard.start()
    collector.start()
    send(1)
    spans = sum(arrived()) + 1  # one is neither run nor step
    until(lambda: backend.refused)
    if answer == 503:  # it may be asked again
        backend.answer = 200
        until(lambda: len(backend.spans) == spans)
    else:  # it may not: what is thrown away is counted
        until(lambda: collector.metric("otelcol_exporter_send_failed_spans", "otlp_http/backend") == spans)
    assert collector.metric("otelcol_exporter_send_failed_spans", "otlp_http/dashboard") == 0


def test_a_request_of_more_spans_than_the_receiver_takes_at_once_arrives_whole(collector, dashboard):
    dashboard.start()
    collector.start()
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(1, 20_002):
        span = spans.add(trace_id=bytes(15) + b"\1", span_id=number.to_bytes(8), start_time_unix_nano=number, name="GET")
    span.attributes.add(key=semconv.PIPELINE_NAME).value.string_value = "last"
    span.end_time_unix_nano = span.start_time_unix_nano
    assert post(collector.url, request.SerializeToString()) == 200
    until(lambda: dashboard.rows("SELECT pipeline FROM runs") == [("last",)])
