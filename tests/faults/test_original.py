"""The tracker that came before works in our file at any moment: its statements, its foreign keys and its cleanup.

It runs as a process of its own: insert running, insert step, update step, insert error, sum, update run; before each run it
deletes what is older than three days. Its driver has foreign keys on and waits for others: five seconds, and here for as long as
a machine may be busy with other things.
"""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from otel_sqlite import ItemError, run
from otel_sqlite.model import timestamp
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from tests.faults.invariants import check
from tests.faults.processes import rows

WRITERS = 4
TABLES = ("run_errors", "run_steps", "runs")

TRACKER = """
import sqlite3, sys
from datetime import UTC, datetime, timedelta

def now(days=0):
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="milliseconds")[:23] + "Z"

path, number, days = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for _ in range(number):
    database = sqlite3.connect(path, isolation_level=None, timeout=60)
    database.execute("PRAGMA foreign_keys = ON")
    before = now(-days)
    try:
        for table in ("run_errors", "run_steps"):
            database.execute(f"DELETE FROM {table} WHERE run_id IN (SELECT id FROM runs WHERE started_at < ?)", (before,))
        database.execute("DELETE FROM runs WHERE started_at < ?", (before,))
    except sqlite3.IntegrityError:  # somebody has just added to what it deletes: it goes without tracking, as it always did
        database.close()
        continue
    insert = "INSERT INTO runs (club_slug, pipeline, started_at, outcome) VALUES ('rondo', 'theirs', ?, 'running')"
    run_id = database.execute(insert, (now(),)).lastrowid
    for name in ("download", "submit"):
        insert = "INSERT INTO run_steps (run_id, club_slug, step_name, started_at) VALUES (?, 'rondo', ?, ?)"
        step_id = database.execute(insert, (run_id, name, now())).lastrowid
        database.execute(
            "INSERT INTO run_errors (run_id, run_step_id, club_slug, step_name, member_identifier, error_message, created_at) "
            "VALUES (?, ?, 'rondo', ?, 'ABC', 'bad', ?)", (run_id, step_id, name, now()))
        database.execute(
            "UPDATE run_steps SET finished_at = ?, duration_ms = 1, outcome = 'partial', created_count = 1, updated_count = 2, "
            "skipped_count = 3, failed_count = 1 WHERE id = ?", (now(), step_id))
    totals = database.execute(
        "SELECT SUM(created_count), SUM(updated_count), SUM(skipped_count), SUM(failed_count) FROM run_steps WHERE run_id = ?",
        (run_id,)).fetchone()
    database.execute(
        "UPDATE runs SET finished_at = ?, duration_ms = 2, outcome = 'partial', total_created = ?, total_updated = ?, "
        "total_skipped = ?, total_failed = ?, summary_json = '{}' WHERE id = ?", (now(), *totals, run_id))
    database.close()
    print(run_id, flush=True)
"""


@pytest.fixture
def track(database):
    """Start the tracker that came before on the database of this test: so many runs, its cleanup after so many days."""
    started = []

    def starting(number, days=3.0):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        command = [sys.executable, "-c", TRACKER, str(database), str(number), str(days)]
        process = subprocess.Popen(command, env=plain, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield starting
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    said, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (0, "")
    return said.split()


def age(database, days, tables=TABLES):
    """Make everything so many days older."""
    columns = {"runs": "started_at", "run_steps": "started_at", "run_errors": "created_at"}
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        for table in tables:
            connection.execute(
                f"UPDATE {table} SET {columns[table]} = strftime('%Y-%m-%dT%H:%M:%fZ', {columns[table]}, ?)", (f"-{days} days",)
            )


def test_it_writes_beside_our_writers_and_both_are_whole(work, track, database, recovered_check):
    work("--runs", 1).finish()
    workers = [work("--runs", 10, "--steps", 2, "--items", 3) for _ in range(WRITERS)]
    trackers = [track(20), track(20)]

    done = [finish(tracker) for tracker in trackers]
    assert [worker.finish() for worker in workers] == [(0, "")] * WRITERS

    assert [len(run_ids) for run_ids in done] == [20, 20]
    recovered_check(work.workers)
    complete = "SELECT pipeline, outcome, total_created, total_failed, COUNT(*) FROM runs GROUP BY 1, 2, 3, 4 ORDER BY 1, 4"
    assert rows(database, complete) == [
        ("people", "partial", 2, 2, 1),
        ("people", "partial", 2, 6, 10 * WRITERS),
        ("theirs", "partial", 2, 2, 40),
    ]


def test_its_cleanup_takes_what_is_old_while_ours_write_and_nothing_that_is_new(work, track, database, recovered_check):
    old = work("--runs", 5, "--items", 3)
    assert old.finish() == (0, "")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO run_drops (run_id, trace_id, span_id, reason, count) SELECT id, trace_id, span_id, 'test', 1 FROM runs"
        )
    age(database, 4)
    workers = [work("--runs", 10) for _ in range(2)]

    assert len(finish(track(10))) == 10
    assert [worker.finish() for worker in workers] == [(0, "")] * 2

    recovered_check(workers)
    kept = {uid for (uid,) in rows(database, "SELECT run_uid FROM runs WHERE run_uid NOT NULL")}
    assert kept == {fact.run_uid for worker in workers for fact in worker.facts}
    assert rows(database, "SELECT COUNT(*) FROM run_drops WHERE reason = 'test'") == [(0,)]


def test_its_cleanup_of_everything_again_and_again_stops_no_run_of_ours(work, track, database, recovered_check):
    """A cleanup that takes the rows of open runs: what they record afterwards is there all the same."""
    work("--runs", 1).finish()
    workers = [work("--runs", 15) for _ in range(2)]
    finish(track(30, days=-1))
    assert [worker.finish() for worker in workers] == [(0, "")] * 2

    last = work("--runs", 2)
    assert last.finish() == (0, "")
    recovered_check([last])
    assert rows(database, "SELECT 1 FROM runs WHERE outcome = 'running' AND run_uid NOT NULL") == []


def test_every_table_of_ours_lets_its_cleanup_delete_a_run(database):
    """A child table without a cascade would make its cleanup fail."""
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(database))
    with run("people", tracer_provider=provider) as r, r.step("x") as step:
        step.item_error(ItemError("ABC", "bad"))
    provider.shutdown()
    with closing(sqlite3.connect(database, isolation_level=None)) as theirs:
        theirs.execute("PRAGMA foreign_keys = ON")
        children = [
            (table, column)
            for (table,) in theirs.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for _, _, parent, column, _, _, on_delete, _ in theirs.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            if table not in TABLES and (parent not in TABLES or on_delete != "CASCADE")
        ]
        for table in TABLES:
            theirs.execute(f"DELETE FROM {table}")
        left = [theirs.execute(f"SELECT COUNT(*) FROM {table}").fetchone() for table in TABLES]
    assert children == []
    assert left == [(0,)] * 3
    check(database)


def test_it_reads_while_ours_write_and_never_sees_half_a_run(work, database, recovered_check):
    """Its dashboard asks for the newest run and its steps: their sums are the totals at any moment."""
    work("--runs", 1).finish()
    worker = work("--runs", 20, "--steps", 3, "--counts", 3)
    wrong, stop = [], threading.Event()

    def look():
        query = """
        SELECT r.id, r.total_created, SUM(s.created_count) FROM runs AS r JOIN run_steps AS s ON s.run_id = r.id
        WHERE r.club_slug = 'rondo' GROUP BY r.id HAVING r.total_created <> SUM(s.created_count)
        """
        with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as theirs:
            while not stop.is_set():
                wrong.extend(theirs.execute(query).fetchall())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert worker.finish() == (0, "")
    finally:
        stop.set()
        thread.join()
    assert wrong == []
    recovered_check(work.workers)


def test_a_run_of_its_that_was_left_running_is_lost_contact_after_a_day_and_not_before(work, track, database, recovered_check):
    work("--runs", 1).finish()
    with closing(sqlite3.connect(database)) as connection, connection:
        insert = "INSERT INTO runs (pipeline, started_at, outcome) VALUES (?, ?, 'running')"
        connection.execute(insert, ("old", timestamp(10**18)))
        connection.execute(insert, ("new", rows(database, "SELECT max(started_at) FROM runs")[0][0]))

    recovered_check(work.workers)

    assert rows(database, "SELECT pipeline, outcome, end_reason FROM runs WHERE run_uid IS NULL ORDER BY pipeline") == [
        ("new", "running", None),
        ("old", "failure", "lost_contact"),
    ]
