"""The same pipelines give the same rows: recorded live, by the exporter in batches, and by OTLP through a receiver."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from tests.acceptance.every_outcome import PIPELINES


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
