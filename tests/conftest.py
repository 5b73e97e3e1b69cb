"""What tests of all areas need: an environment without the machine's own settings, and programs run in processes of their own."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import hypothesis
import pytest

from tests.collectors import collecting

# How long an example takes says nothing on a machine that is shared.
hypothesis.settings.register_profile("shared machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared machine")

_ROOT = Path(__file__).parent.parent
_STRANGE = ("OTEL_", "TRACEPARENT", "TRACESTATE", "BAGGAGE")


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
       event_ns, nth, error_type, e.pipeline
FROM run_errors AS e JOIN runs AS r ON r.id = e.run_id LEFT JOIN run_steps AS s ON s.id = e.run_step_id
ORDER BY e.trace_id, e.span_id, event_ns, nth
""",
    """
SELECT run_uid, d.trace_id, d.span_id, reason, count FROM run_drops AS d LEFT JOIN runs AS r ON r.id = run_id
ORDER BY d.trace_id, d.span_id, reason
""",
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """No test depends on what the machine has set, nor on its being fast: what is left to do at exit may take long."""
    for name in [name for name in os.environ if name.startswith(_STRANGE)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_SQLITE_EXIT_TIMEOUT", "60")


@pytest.fixture
def unmeasured(monkeypatch):
    """Processes of their own are as a user's: coverage would load, trace and write things of its own in them."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def program(tmp_path):
    """Run a program in a process of its own; it records in ``path`` of the test (data/dashboard.sqlite)."""

    def run_program(source, *arguments, timeout=60, user=None, **environment):
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
            capture_output=True,
            check=False,
            text=True,
            timeout=timeout,
            user=user,
        )

    return run_program


@pytest.fixture
def collector():
    """An OTLP/HTTP collector that keeps what it is sent."""
    with collecting() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def content():
    """Everything a database says, in an order of its own: equal for equal spans."""

    def everything(path):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            return [connection.execute(query).fetchall() for query in _CONTENT]

    return everything


def pytest_configure():
    """Who starts the tests in the background may ignore these signals, and hands that on to every process of the tests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """What a test logs or fails with may hold half a character, which pytest's processes cannot tell each other."""
    report = yield
    report.sections = [(name, whole(text)) for name, text in report.sections]
    if report.longrepr is not None and whole(str(report.longrepr)) != str(report.longrepr):
        report.longrepr = whole(str(report.longrepr))
    return report


def whole(text):
    return text.encode("utf-8", "backslashreplace").decode()
