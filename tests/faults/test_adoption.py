"""A database of the original becomes ours once, however many processes try at once, and whenever one of them is killed."""

import os
import re
import signal
import sqlite3
import threading
from contextlib import closing
from functools import partial

import pytest

from otel_sqlite.store.adopt import SCHEMA_VERSION, bring_up_to_date, dashboard
from otel_sqlite.store.connection import Database
from tests.faults.invariants import check
from tests.faults.processes import rows
from tests.original import SCHEMA

PROCESSES, KILLED = 32, 4

ORIGINAL = (
    "PRAGMA journal_mode = WAL;"
    + SCHEMA
    + """
INSERT INTO runs (pipeline, started_at, outcome) VALUES ('people', '2026-02-08T10:00:00.123Z', 'failure');
INSERT INTO run_steps (run_id, step_name, started_at, outcome)
VALUES (1, 'laposta-submit', '2026-02-08T10:00:01.000Z', 'success');
INSERT INTO run_errors (run_id, run_step_id, step_name, error_message, created_at)
VALUES (1, 1, 'laposta-submit', 'bad', '2026-02-08T10:00:02.000Z');
"""
)


def kill_at(connection, number):
    """End this process by SIGKILL when the connection is about to run its ``number``-th statement that changes anything."""
    left = iter(range(number))

    def count(statement):
        if re.match(r"CREATE|ALTER|UPDATE|PRAGMA \w+_version =|COMMIT", statement) and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(count)


def adopt(path, kill_before=None):
    def prepare(connection, where):
        if kill_before is not None:
            kill_at(connection, kill_before)
        bring_up_to_date(connection, where)

    with closing(Database(path, prepare)) as database, database.transaction(60):
        pass


def in_process(work):
    """Start some work in a forked child; gives its pid."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(params=["", ", 'partial'"], ids=["before partial", "with partial"])
def original(database, request):
    """A database that the original has made."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(ORIGINAL.format(partial=request.param))
    database.chmod(0o600)
    return database


def assert_adopted(database):
    check(database)
    assert rows(database, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert rows(database, "SELECT pipeline, outcome FROM runs") == [("people", "failure")]
    assert rows(database, "SELECT step_name, error_message FROM run_errors") == [("laposta-submit", "bad")]
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE runs SET outcome = 'partial'")
        connection.execute("UPDATE run_steps SET outcome = 'partial'")


def test_an_adoption_that_is_killed_at_any_statement_leaves_the_original_or_a_dashboard(original):
    before = original.read_bytes()
    killed = 0
    while ended(in_process(partial(adopt, original, killed))) != 0:
        assert rows(original, "SELECT pipeline, outcome FROM runs") == [("people", "failure")]
        assert rows(original, "PRAGMA user_version") in ([(0,)], [(SCHEMA_VERSION,)])
        adopt(original)
        assert_adopted(original)
        original.write_bytes(before)
        killed += 1
    assert killed > 30
    assert_adopted(original)


def test_of_many_processes_that_race_to_adopt_one_does_and_none_fails(original, tmp_path):
    alone = tmp_path / "alone.sqlite"
    alone.write_bytes(original.read_bytes())
    adopt(alone)
    ready, start = os.pipe()

    def race(number):
        os.close(start)
        os.read(ready, 1)  # until all are there
        adopt(original, number * 9 if number < KILLED else None)

    pids = [in_process(partial(race, number)) for number in range(PROCESSES)]
    os.close(ready)
    os.close(start)

    ends = [ended(pid) for pid in pids]

    assert set(ends[:KILLED]) <= {0, -signal.SIGKILL}
    assert ends[KILLED:] == [0] * (PROCESSES - KILLED)
    assert rows(original, "PRAGMA schema_version") == rows(alone, "PRAGMA schema_version")
    assert_adopted(original)


def test_the_original_may_write_while_its_database_is_adopted(original):
    """Its connection was open before, and knows nothing of what happened."""
    stop = threading.Event()
    written = []

    def write():
        with closing(sqlite3.connect(original, isolation_level=None, timeout=60)) as theirs:
            theirs.execute("PRAGMA foreign_keys = ON")
            while not stop.is_set() or len(written) < 10:
                theirs.execute("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('theirs', '2026-02-08', 'running')")
                written.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with closing(dashboard(original)) as database, database.transaction(60):
            pass
    finally:
        stop.set()
        thread.join()
    check(original)
    assert rows(original, "SELECT COUNT(*) FROM runs WHERE pipeline = 'theirs'") == [(len(written),)]
    assert rows(original, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
