"""Old runs go while new ones are recorded: nothing new is lost, the WAL stays small, the last run of each pipeline stays."""

import os
import time
from contextlib import closing

import pytest

from otel_sqlite import applier, run
from otel_sqlite.applier import recover
from otel_sqlite.model import timestamp
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.retention import Keep, prune
from tests.faults.invariants import check
from tests.faults.processes import rows

_DAY_NS = 24 * 3600 * 1_000_000_000
_MANY = 4_000

_FILL = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :runs)
INSERT INTO runs (run_uid, trace_id, span_id, pipeline, started_at, finished_at, duration_ms, outcome, end_reason)
SELECT 'old-' || i, printf('%032x', i), printf('%016x', i), 'rare-' || (i % 3), :at, :at, 0, 'success', 'ok' FROM n
"""
_FILL_STEPS = """
INSERT INTO run_steps (run_id, trace_id, span_id, step_name, started_at, finished_at, duration_ms, outcome)
SELECT id, trace_id, printf('%016x', id + 100000), 's', started_at, started_at, 0, 'success' FROM runs
"""
_FILL_ERRORS = """
INSERT INTO run_errors (run_id, step_name, error_message, error_stack, created_at, trace_id, span_id, event_ns, nth)
SELECT id, 's', 'm', hex(zeroblob(500)), started_at, trace_id, span_id, 1, 0 FROM runs
"""


@pytest.fixture
def old_runs(database):
    """Runs of two years ago: each a millisecond after the one before."""
    with closing(dashboard(database)) as opened, opened.transaction(10) as connection:
        connection.execute(_FILL, {"runs": _MANY, "at": timestamp(time.time_ns() - 730 * _DAY_NS)})
        connection.execute("UPDATE runs SET started_at = substr(started_at, 1, 17) || printf('%02d.%03dZ', id / 1000, id % 1000)")
        connection.execute(_FILL_STEPS)
        connection.execute(_FILL_ERRORS)
        between = timestamp(time.time_ns() - 395 * _DAY_NS)  # time has passed, it did not leap
        connection.execute("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('between', ?, 'success')", (between,))


@pytest.mark.usefixtures("old_runs")
def test_pruning_takes_nothing_from_those_who_record_meanwhile(work, database):
    workers = [work("--runs", 15, "--steps", 2, "--items", 3, "--pipeline", f"new-{n}") for n in range(3)]
    size = database.stat().st_size
    largest_wal = 0
    for _ in prune(database, Keep.of_days(400, time.time_ns()), 30):
        largest_wal = max(largest_wal, database.with_name(database.name + "-wal").stat().st_size)

    assert [worker.finish() for worker in workers] == [(0, "")] * 3
    recover(database, 60)
    check(database, acknowledged=[fact for worker in workers for fact in worker.facts])
    assert rows(database, "SELECT COUNT(*) FROM runs WHERE pipeline LIKE 'new-%'") == [(45,)]
    assert rows(database, "SELECT run_uid FROM runs WHERE pipeline LIKE 'rare-%' ORDER BY pipeline") == [
        ("old-3999",),
        ("old-4000",),
        ("old-3998",),
    ]
    assert largest_wal < 16 * 2**20
    assert database.stat().st_size < size / 2


@pytest.mark.usefixtures("old_runs")
def test_a_process_prunes_after_its_run_and_another_within_a_day_does_not(database, monkeypatch):
    marker = sidecar(database) / "pruned"

    def record():
        provider = unlimited_provider()
        provider.add_span_processor(DashboardSpanProcessor(database))
        with run("people", tracer_provider=provider):
            pass
        provider.shutdown()

    def old():
        a_year_ago = timestamp(time.time_ns() - 365 * _DAY_NS)
        ((number,),) = rows(database, "SELECT COUNT(*) FROM runs WHERE started_at < ? AND pipeline <> 'between'", a_year_ago)
        return number

    while not marker.exists():  # each takes what its exit has time for
        record()
    assert old() == 3

    monkeypatch.setattr(applier, "_PRUNE_AT_EXIT_S", 60)
    with closing(dashboard(database)) as opened, opened.transaction(10) as connection:
        connection.execute("UPDATE runs SET started_at = '2020-01-01T00:00:00.000Z' WHERE pipeline = 'people'")
    for age_s, is_pruned in ((3_600, False), (25 * 3_600, True)):
        os.utime(marker, (time.time() - age_s,) * 2)
        record()
        assert (old() < 4) == is_pruned
    os.utime(marker, (time.time() + 10 * 24 * 3_600,) * 2)  # the clock was wrong
    record()
    assert marker.stat().st_mtime < time.time() + 60
