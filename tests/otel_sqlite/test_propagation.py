"""A trace goes on in the processes that a run starts, and comes from the process that started it."""

import os
import subprocess
import textwrap

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from otel_sqlite import run
from otel_sqlite.propagation import trace_environment

CHILD = textwrap.dedent("""
    from otel_sqlite import configure, run

    configure()
    with run("child") as r, r.step("work"):
        pass
""")
PARENT = textwrap.dedent("""
    import os, subprocess, sys
    from otel_sqlite import configure, run
    from otel_sqlite.propagation import trace_environment

    configure()
    with run("parent") as r, r.step("start"):
        subprocess.run([sys.executable, "-c", sys.argv[1]], check=True, env={**os.environ, **trace_environment()})
""")
CALLED = {"TRACEPARENT": f"00-{'1' * 32}-{'2' * 16}-01", "TRACESTATE": "vendor=x", "OTEL_SQLITE_PARENT_RUN_ID": "caller"}
RUNS = "SELECT pipeline, trace_id, run_uid, parent_run_id, outcome FROM runs ORDER BY pipeline"


def test_a_run_in_a_child_process_belongs_to_the_step_that_started_it(program, read):
    done = program(PARENT, CHILD)
    assert (done.returncode, done.stderr) == (0, "")
    child, parent = read(RUNS)
    assert child == ("child", parent[1], child[2], parent[2], "success")
    assert parent == ("parent", parent[1], parent[2], None, "success")


def test_a_run_belongs_to_the_process_that_called_it(program, read):
    program(CHILD, **CALLED)
    ((pipeline, trace_id, _, parent_run_id, _),) = read(RUNS)
    assert (pipeline, trace_id, parent_run_id) == ("child", "1" * 32, "caller")


def test_a_child_of_a_child_belongs_to_the_run_that_started_it(program, read):
    program(PARENT, CHILD, **CALLED)
    child, parent = read(RUNS)
    assert (child[1], child[3]) == ("1" * 32, parent[2])
    assert (parent[1], parent[3]) == ("1" * 32, "caller")


@pytest.mark.parametrize("value", ["", "garbage", f"00-{'0' * 32}-{'2' * 16}-01"])
def test_a_calling_run_without_a_trace_is_nobody(program, read, value):
    program(CHILD, **{**CALLED, "TRACEPARENT": value})
    assert [row[3] for row in read(RUNS)] == [None]


def test_in_one_trace_the_collector_sees_both_processes(program, collector):
    program(PARENT, CHILD, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    spans = {span.name: span for span in collector.spans}
    assert sorted(spans) == ["RUN child", "RUN parent", "start", "work"]
    assert spans["RUN child"].parent_span_id == spans["start"].span_id
    assert {span.trace_id for span in collector.spans} == {spans["start"].trace_id}


def test_outside_of_any_run_there_is_nothing_to_hand_on():
    assert trace_environment() == {}


def test_what_is_handed_on_covers_what_was_received(tracked, monkeypatch):
    for name, value in CALLED.items():
        monkeypatch.setenv(name, value)
    token = context.attach(
        trace.set_span_in_context(NonRecordingSpan(SpanContext(3, 4, is_remote=False, trace_flags=TraceFlags(1))))
    )
    try:
        assert trace_environment() == {
            "TRACEPARENT": f"00-{3:032x}-{4:016x}-01",
            "TRACESTATE": "",
            "OTEL_SQLITE_PARENT_RUN_ID": "",
        }
    finally:
        context.detach(token)


def test_the_state_of_a_trace_goes_along(tracked):
    around = SpanContext(3, 4, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "x")]))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(around)))
    try:
        with tracked() as provider, run("people", tracer_provider=provider):
            handed = trace_environment()
    finally:
        context.detach(token)
    assert (handed["TRACESTATE"], handed["TRACEPARENT"].split("-")[1]) == ("vendor=x", f"{3:032x}")


def test_a_program_in_any_language_is_handed_the_trace(tracked):
    with tracked() as provider, run("people", tracer_provider=provider) as r, r.step("call"):
        span = trace.get_current_span().get_span_context()
        printed = subprocess.run(
            ["/bin/sh", "-c", "echo $TRACEPARENT"],
            env={**os.environ, **trace_environment()},
            capture_output=True,
            text=True,
            check=True,
        )
    assert printed.stdout.split("-")[1:3] == [f"{span.trace_id:032x}", f"{span.span_id:016x}"]
