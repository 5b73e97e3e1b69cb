"""The same pipelines give the same rows: recorded live, by the exporter in batches, and by OTLP through a receiver."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sqlite import ItemError, run, semconv
from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider


def success(provider):
    with run("people", tracer_provider=provider) as r:
        with r.step("sportlink-download") as step:
            step.count(created=3, updated=2, skipped=1)
            step.detail({"pages": 4, "été": None})
        r.summarize({"total": 6})


def partial(provider):
    with run("nikki", tracer_provider=provider) as r, r.step("laposta-submit") as step:
        step.item_error(ItemError("ABC", "Email: invalid address é\ud800", "Traceback\n  line 1"))
        step.item_error(ValueError("refused"), item_id="DEF")
        step.count(failed=2)


def failure(provider):
    with suppress(ConnectionError), run("teams", tracer_provider=provider) as r, r.step("download"):
        raise ConnectionError("refused")


def skipped(provider):
    with run("functions", tracer_provider=provider) as r, r.step("photos") as step:
        step.skip("none pending")


def nested(provider):
    with run("all", tracer_provider=provider) as r, r.step("discipline"):
        failure(provider)


def many_item_errors(provider):
    with run("freescout", tracer_provider=provider) as r, r.step("cases") as step:
        for number in range(300):  # more than the SDK's limit of events
            step.item_error(ItemError(f"case-{number}", "refused"))


def cancelled(provider):
    async def pipeline():
        with run("discipline", tracer_provider=provider) as r, r.step("wait"):
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

    with suppress(asyncio.CancelledError):
        asyncio.run(pipeline())


def exits(provider):
    for code in (0, 3):
        with suppress(SystemExit), run(f"exit-{code}", tracer_provider=provider) as r, r.step("work"):
            sys.exit(code)


def spans_alone(provider):
    """A pipeline that knows nothing but OpenTelemetry and the names."""
    tracer = provider.get_tracer("theirs")
    with (
        tracer.start_as_current_span("RUN plain", attributes={semconv.PIPELINE_NAME: "plain"}) as outer,
        suppress(ValueError),
        tracer.start_as_current_span("work", attributes={semconv.STEP_NAME: "work", semconv.FAILED: 1}),
    ):
        outer.set_attribute(semconv.SUMMARY, '{"a": 1}')
        with tracer.start_as_current_span("GET /people"):
            raise ValueError("refused")


PIPELINES = [success, partial, failure, skipped, nested, many_item_errors, cancelled, exits, spans_alone]


@pytest.fixture
def endpoint(tmp_path):
    """A receiver in a process of its own, which records in ``received.sqlite``."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("otel-sqlite"), "receive", "--port", "0", "--path", str(tmp_path / "received.sqlite")],
        env=os.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("receiving OTLP at http://127.0.0.1:")
    yield line.split()[3].rstrip(",")
    process.terminate()
    assert process.wait(20) == 0
    process.stdout.close()


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_live_by_the_exporter_and_over_the_wire_the_rows_are_the_same(tmp_path, endpoint, content, compression):
    live, exported, received = (tmp_path / f"{name}.sqlite" for name in ("live", "exported", "received"))
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(live))
    # Batches so small that steps arrive before their run, and a run apart from its steps.
    provider.add_span_processor(BatchSpanProcessor(SQLiteSpanExporter(exported), max_export_batch_size=2))
    wire = OTLPSpanExporter(endpoint, compression=compression)
    provider.add_span_processor(BatchSpanProcessor(wire, max_export_batch_size=3))

    for pipeline in PIPELINES:
        pipeline(provider)
    provider.shutdown()

    said = content(live)
    assert content(exported) == said
    assert content(received) == said
    assert sorted((row[4], row[9]) for row in said[0]) == [
        ("all", "success"),
        ("discipline", "failure"),
        ("exit-0", "success"),
        ("exit-3", "failure"),
        ("freescout", "partial"),
        ("functions", "success"),
        ("nikki", "partial"),
        ("people", "success"),
        ("plain", "partial"),
        ("teams", "failure"),
        ("teams", "failure"),
    ]
