"""The contract of a SpanExporter, and what ours promises beyond it."""

import logging
import os
import random
import sqlite3
import threading
from contextlib import closing, suppress

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sqlite import ItemError, run, semconv
from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider


def work(provider, pipeline="people"):
    """A run with a good step, one with item errors, one that raises."""
    with suppress(ConnectionError), run(pipeline, tracer_provider=provider) as r:
        with r.step("sportlink-download") as step:
            step.count(created=3)
        with r.step("laposta-submit") as step:
            step.count(updated=2)
            step.item_error(ItemError("ABC", "bad"))
            step.detail({"list": 1})
        with r.step("rondo-club-sync"):
            raise ConnectionError("refused")


@pytest.fixture
def spans():
    """What the SDK gives an exporter for that run."""
    memory = InMemorySpanExporter()
    provider = unlimited_provider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    work(provider)
    provider.shutdown()
    return memory.get_finished_spans()


@pytest.fixture
def exporter(path):
    exporter = SQLiteSpanExporter(path)
    yield exporter
    exporter.shutdown()


def test_the_live_path_and_the_batch_path_give_equal_databases(tmp_path, content):
    live, batch, both = (tmp_path / f"{name}.sqlite" for name in ("live", "batch", "both"))
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(live))
    provider.add_span_processor(SimpleSpanProcessor(SQLiteSpanExporter(batch)))
    provider.add_span_processor(DashboardSpanProcessor(both))
    provider.add_span_processor(BatchSpanProcessor(SQLiteSpanExporter(both)))
    for pipeline in ("people", "nikki"):
        work(provider, pipeline)
    provider.shutdown()

    assert content(live) == content(batch) == content(both)
    assert [row[3:5] + row[9:10] for row in content(live)[0]].count(("rondo", "people", "failure")) == 1


@pytest.mark.parametrize("seed", range(5))
def test_any_order_repetition_and_split_of_the_spans_gives_the_same_rows(tmp_path, content, spans, seed):
    chance = random.Random(seed)
    for name in ("plain", "shuffled"):
        exporter = SQLiteSpanExporter(tmp_path / name)
        if name == "plain":
            exporter.export(spans)
        else:
            sent = [*spans, *chance.choices(spans, k=3)]
            chance.shuffle(sent)
            while sent:
                size = chance.randint(1, 3)
                assert exporter.export(sent[:size]) is SpanExportResult.SUCCESS
                del sent[:size]
        exporter.shutdown()
    assert content(tmp_path / "shuffled") == content(tmp_path / "plain")


def test_nothing_to_write_creates_nothing(path, exporter):
    assert exporter.export([]) is SpanExportResult.SUCCESS
    assert exporter.export([ReadableSpan("GET /people")]) is SpanExportResult.SUCCESS
    assert not path.exists()


def test_export_after_shutdown_fails_and_says_so(exporter, spans, caplog):
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export(spans) is SpanExportResult.FAILURE
    assert [record.getMessage() for record in caplog.records] == ["spans exported after shutdown are not recorded"]


def test_force_flush_says_that_exported_spans_are_stored(exporter):
    assert exporter.force_flush() is True


def test_the_constructor_needs_no_argument(path, spans, monkeypatch, read):
    monkeypatch.setenv("OTEL_SQLITE_PATH", str(path))
    exporter = SQLiteSpanExporter()
    exporter.export(spans)
    exporter.shutdown()
    assert read("SELECT pipeline FROM runs") == [("people",)]


def test_eight_threads_may_export_at_once(exporter, read):
    provider = unlimited_provider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    threads = [threading.Thread(target=work, args=(provider, f"p{number}")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read("SELECT COUNT(*), COUNT(DISTINCT pipeline) FROM runs WHERE outcome = 'failure'") == [(8, 8)]
    assert read("SELECT COUNT(*) FROM run_steps") == [(24,)]
    assert read("SELECT COUNT(*) FROM run_errors") == [(16,)]


def test_a_locked_database_is_a_failure_in_time_that_is_counted_later(path, spans, read, caplog):
    exporter = SQLiteSpanExporter(path, timeout_s=0.02)
    exporter.export(spans[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        assert exporter.export(spans) is SpanExportResult.FAILURE
        assert exporter.export(spans) is SpanExportResult.FAILURE
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "is locked by another process" in line
    assert read("SELECT reason, count FROM run_drops") == [("failed_export", 8)]


@pytest.mark.parametrize("content", ["directory", b"garbage" * 500])
def test_a_place_that_cannot_hold_a_database_is_a_failure_and_one_line(path, spans, caplog, content):
    path.parent.mkdir()
    path.mkdir() if content == "directory" else path.write_bytes(content)
    exporter = SQLiteSpanExporter(path)
    assert exporter.export(spans) is SpanExportResult.FAILURE
    assert exporter.export(spans) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING


def test_a_database_that_was_replaced_is_written_anew(path, exporter, spans, read):
    exporter.export(spans)
    path.unlink()
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert read("SELECT pipeline, outcome FROM runs") == [("people", "failure")]


def test_spans_that_are_no_spans_never_raise(exporter, caplog, monkeypatch):
    assert exporter.export([object()]) is SpanExportResult.FAILURE
    assert "failed" in caplog.text
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "1")
    with pytest.raises(AttributeError):
        exporter.export([object()])


def test_a_forked_child_exports_by_itself_even_if_a_thread_held_the_lock(path, exporter, spans, read, in_child):
    exporter.export(spans[:1])
    with exporter._lock:
        assert in_child(lambda: exporter.export(spans).name) == "'SUCCESS'"
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert read("SELECT COUNT(*) FROM runs") == [(1,)]


def test_exporting_makes_no_spans_of_its_own(path, spans):
    memory = InMemorySpanExporter()
    provider = unlimited_provider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.add_span_processor(SimpleSpanProcessor(SQLiteSpanExporter(path)))
    with provider.get_tracer("t").start_as_current_span("RUN x", attributes={semconv.PIPELINE_NAME: "x"}):
        pass
    provider.shutdown()
    assert len(memory.get_finished_spans()) == 1


def test_files_are_private_whatever_the_umask(path, exporter, spans):
    previous = os.umask(0)
    try:
        exporter.export(spans)
    finally:
        os.umask(previous)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
