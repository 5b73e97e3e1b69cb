"""The tracker and dashboard that came before read and write our file unchanged, also while ours writes.

The statements are written after the documented behaviour of that tracker: insert running, insert step, update step, insert
error, sum, update run, clean up; foreign keys are on, as its driver has them.
"""

import sqlite3
from contextlib import closing

import pytest

from otel_sqlite import ItemError, run
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider

START, END = "2026-02-08T10:00:00.123Z", "2026-02-08T10:00:05.456Z"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dashboard.sqlite"


@pytest.fixture
def provider(path):
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(path))
    yield provider
    provider.shutdown()


@pytest.fixture
def theirs(path):
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def track(theirs, outcome="failure"):
    """One run as that tracker writes it; gives its row id."""
    insert_run = "INSERT INTO runs (club_slug, pipeline, started_at, outcome) VALUES (?, ?, ?, 'running')"
    run_id = theirs.execute(insert_run, ("rondo", "people", START)).lastrowid
    insert_step = "INSERT INTO run_steps (run_id, club_slug, step_name, started_at) VALUES (?, ?, ?, ?)"
    step_id = theirs.execute(insert_step, (run_id, "rondo", "laposta-submit", START)).lastrowid
    theirs.execute(
        "INSERT INTO run_errors (run_id, run_step_id, club_slug, step_name, member_identifier, error_message, error_stack, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (run_id, step_id, "rondo", "laposta-submit", "ABC", "bad", None, START),
    )
    theirs.execute(
        "UPDATE run_steps SET finished_at = ?, duration_ms = ?, outcome = ?, created_count = ?, updated_count = ?, "
        "skipped_count = ?, failed_count = ?, detail_json = ? WHERE id = ?",
        (END, 5333, "success", 1, 2, 3, 1, None, step_id),
    )
    totals = theirs.execute(
        "SELECT SUM(created_count), SUM(updated_count), SUM(skipped_count), SUM(failed_count) FROM run_steps WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    theirs.execute(
        "UPDATE runs SET finished_at = ?, duration_ms = ?, outcome = ?, total_created = ?, total_updated = ?, total_skipped = ?, "
        "total_failed = ?, summary_json = ? WHERE id = ?",
        (END, 5333, outcome, *totals, "{}", run_id),
    )
    return run_id


def clean_up(theirs, before):
    """Errors, steps and runs of what started before, in that order."""
    theirs.execute("DELETE FROM run_errors WHERE run_id IN (SELECT id FROM runs WHERE started_at < ?)", (before,))
    theirs.execute("DELETE FROM run_steps WHERE run_id IN (SELECT id FROM runs WHERE started_at < ?)", (before,))
    theirs.execute("DELETE FROM runs WHERE started_at < ?", (before,))


def test_it_tracks_a_run_while_a_run_of_ours_is_open(provider, theirs):
    with run("people", tracer_provider=provider) as r:
        with r.step("before") as step:
            step.item_error(ItemError("DEF", "ours"))
        assert provider.force_flush()
        run_id = track(theirs, "partial")
        with r.step("after"):
            pass
    provider.force_flush()

    assert theirs.execute("SELECT outcome, total_failed FROM runs WHERE id = ?", (run_id,)).fetchone() == ("partial", 1)
    assert theirs.execute("SELECT outcome, total_failed FROM runs WHERE id <> ?", (run_id,)).fetchone() == ("partial", 1)
    assert theirs.execute("SELECT COUNT(*) FROM run_steps").fetchone() == (3,)
    assert theirs.execute("PRAGMA foreign_key_check").fetchall() == []


def test_its_cleanup_deletes_old_rows_of_ours_with_all_that_hangs_on_them(provider, theirs):
    with run("people", tracer_provider=provider) as r, r.step("x") as step:
        for number in range(10_001):  # one more than are kept, so that there is a row of what was dropped
            step.item_error(ItemError(str(number), "ours"))
    provider.force_flush()
    assert theirs.execute("SELECT COUNT(*) FROM run_drops").fetchone() == (1,)
    track(theirs)

    clean_up(theirs, "9999")

    for table in ("runs", "run_steps", "run_errors", "run_drops"):
        assert theirs.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,)


def test_its_cleanup_while_a_run_of_ours_is_open_does_not_stop_the_run(provider, theirs):
    with run("people", tracer_provider=provider) as r:
        with r.step("before"):
            pass
        assert provider.force_flush()
        clean_up(theirs, "9999")
        with r.step("after"):
            pass
    provider.force_flush()
    assert theirs.execute("SELECT pipeline, outcome FROM runs").fetchall() == [("people", "success")]
    assert theirs.execute("PRAGMA foreign_key_check").fetchall() == []


def test_its_readers_see_our_runs(provider, theirs):
    with run("people", tracer_provider=provider) as r, r.step("laposta-submit") as step:
        step.count(created=4)
        step.item_error(ItemError("ABC", "bad"))
    provider.force_flush()

    newest = theirs.execute(
        "SELECT * FROM runs WHERE club_slug = 'rondo' AND pipeline = 'people' ORDER BY started_at DESC LIMIT 1"
    ).fetchone()
    assert newest[5] >= 0
    assert (newest[2], newest[6:11]) == ("people", ("partial", 4, 0, 0, 1))
    steps = theirs.execute(
        "SELECT step_name, outcome, created_count FROM run_steps WHERE run_id = ? ORDER BY started_at", newest[:1]
    )
    assert steps.fetchall() == [("laposta-submit", "partial", 4)]
    errors = theirs.execute(
        "SELECT r.pipeline, e.step_name, e.member_identifier, e.error_message FROM run_errors e JOIN runs r ON r.id = e.run_id "
        "WHERE e.club_slug = 'rondo' AND e.created_at >= ? ORDER BY e.created_at DESC LIMIT 20",
        ("2026-01-01T00:00:00.000Z",),
    )
    assert errors.fetchall() == [("people", "laposta-submit", "ABC", "bad")]


def test_it_may_hold_the_database_and_nothing_of_ours_is_lost(provider, theirs):
    with run("first", tracer_provider=provider):
        pass
    assert provider.force_flush()
    theirs.execute("BEGIN IMMEDIATE")
    with run("second", tracer_provider=provider):
        pass
    track(theirs)
    theirs.execute("COMMIT")
    assert provider.force_flush()
    assert theirs.execute("SELECT pipeline FROM runs ORDER BY pipeline").fetchall() == [("first",), ("people",), ("second",)]
