"""A dashboard database of its own for each test, ways to look into it, and live tracking into it."""

import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest

from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider

# What the same spans may leave different: who recorded them, when, and which row ids they got.
_CONTENT = (
    """
SELECT run_uid, trace_id, span_id, club_slug, pipeline, parent_run_id, started_at, finished_at, duration_ms, outcome,
       total_created, total_updated, total_skipped, total_failed, summary_json, end_reason, is_inferred FROM runs ORDER BY run_uid
""",
    """
SELECT run_uid, s.trace_id, s.span_id, s.club_slug, step_name, s.started_at, s.finished_at, s.duration_ms, s.outcome,
       created_count, updated_count, skipped_count, failed_count, detail_json, s.end_reason, skip_reason
FROM run_steps AS s JOIN runs AS r ON r.id = run_id ORDER BY s.trace_id, s.span_id
""",
    """
SELECT run_uid, s.span_id, e.step_name, member_identifier, error_message, error_stack, created_at, e.trace_id, e.span_id,
       event_ns, nth, error_type
FROM run_errors AS e JOIN runs AS r ON r.id = e.run_id LEFT JOIN run_steps AS s ON s.id = e.run_step_id
ORDER BY e.trace_id, e.span_id, event_ns, nth
""",
    """
SELECT run_uid, d.trace_id, d.span_id, reason, count FROM run_drops AS d LEFT JOIN runs AS r ON r.id = run_id
ORDER BY d.trace_id, d.span_id, reason
""",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "dashboard.sqlite"


@pytest.fixture
def read(path):
    """Rows of a query on the database of this test."""

    def rows(query, *values):
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(query, values).fetchall()

    return rows


@pytest.fixture(scope="session")
def content():
    """Everything a database says, in an order of its own: equal for equal spans."""

    def everything(path):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            return [connection.execute(query).fetchall() for query in _CONTENT]

    return everything


@pytest.fixture
def tracked(path):
    """Live tracking into the database of this test: a context manager that gives the tracer provider."""

    @contextmanager
    def tracking(to=path):
        provider = unlimited_provider()
        processor = DashboardSpanProcessor(to)
        provider.add_span_processor(processor)
        provider.dashboard = processor
        try:
            yield provider
        finally:
            provider.shutdown()

    return tracking


@pytest.fixture
def until():
    """Wait for something another thread or process does: asks again and again, for ten seconds at most."""

    def wait(is_so):
        deadline, pause = time.monotonic() + 10, threading.Event()
        while not (answer := is_so()):
            assert time.monotonic() < deadline, "it did not come true in ten seconds"
            pause.wait(0.005)
        return answer

    return wait


@pytest.fixture
def in_child():
    """Run a function in a forked child, without the rights of root where ``user`` is given; gives what it returned."""

    def run_in_child(function, *, user=None):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if user is not None and os.getuid() == 0:
                    os.setgid(user)
                    os.setuid(user)
                os.write(writer, repr(function()).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        assert os.waitpid(pid, 0)[1] == 0
        return said

    return run_in_child
