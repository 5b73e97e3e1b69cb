"""Whose database it is, and how it becomes ours."""

import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.errors import ForeignDatabaseError, NewerDatabaseError
from otel_sqlite.store.adopt import dashboard
from tests.original import SCHEMA

ORIGINAL = (
    SCHEMA
    + """
INSERT INTO runs (pipeline, started_at, outcome, total_failed) VALUES ('people', '2026-02-08T10:00:00.123Z', 'failure', 1);
INSERT INTO run_steps (run_id, step_name, started_at, outcome)
VALUES (1, 'laposta-submit', '2026-02-08T10:00:01.000Z', 'success');
INSERT INTO run_errors (run_id, run_step_id, step_name, member_identifier, error_message, created_at)
VALUES (1, 1, 'laposta-submit', 'ABC', 'bad', '2026-02-08T10:00:02.000Z');
"""
)


def schema(path):
    """Columns and indexes, as the database knows them."""
    with closing(sqlite3.connect(path)) as connection:
        columns = (
            "SELECT m.name, c.name, c.type, c.[notnull] FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        )
        indexes = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index'"
        version = connection.execute("PRAGMA user_version").fetchone()
        return {*connection.execute(columns)}, {*connection.execute(indexes)}, version


@pytest.fixture
def made(path):
    """Make a database with this SQL at the path of this test."""

    def make(sql):
        path.parent.mkdir()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)

    return make


def adopt(path):
    with closing(dashboard(path)) as database, database.transaction(10):
        pass


@pytest.mark.parametrize("partial", ["", ", 'partial'"], ids=["before partial", "with partial"])
def test_a_database_of_the_original_is_adopted_with_its_rows(path, made, read, tmp_path, partial):
    made(ORIGINAL.format(partial=partial))
    adopt(tmp_path / "new.sqlite")

    adopt(path)

    assert schema(path) == schema(tmp_path / "new.sqlite")
    assert read("SELECT pipeline, started_at, outcome, total_failed, run_uid FROM runs") == [
        ("people", "2026-02-08T10:00:00.123Z", "failure", 1, None)
    ]
    assert read("SELECT step_name, outcome FROM run_steps") == [("laposta-submit", "success")]
    assert read("SELECT member_identifier, error_message FROM run_errors") == [("ABC", "bad")]


@pytest.mark.parametrize("partial", ["", ", 'partial'"], ids=["before partial", "with partial"])
def test_partial_is_allowed_afterwards_also_to_a_connection_that_was_open_before(path, made, partial):
    made(ORIGINAL.format(partial=partial))
    with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
        assert theirs.execute("SELECT COUNT(*) FROM runs").fetchone() == (1,)
        adopt(path)
        theirs.execute("UPDATE runs SET outcome = 'partial'")
        theirs.execute("UPDATE run_steps SET outcome = 'partial'")
        with pytest.raises(sqlite3.IntegrityError):
            theirs.execute("UPDATE runs SET outcome = 'crashed'")
        assert theirs.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_database_of_the_version_before_is_adopted_with_its_rows(path, read, tmp_path):
    adopt(tmp_path / "new.sqlite")
    adopt(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN recovered")
        connection.execute("ALTER TABLE run_steps DROP COLUMN errors_offered")
        connection.execute("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('people', '2026', 'success')")
        connection.commit()

    adopt(path)

    assert schema(path) == schema(tmp_path / "new.sqlite")
    assert read("SELECT pipeline, recovered FROM runs") == [("people", None)]


def test_a_second_opening_changes_nothing(path):
    adopt(path)
    before = path.read_bytes()
    adopt(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE customers (id)",
        "CREATE TABLE runs (id, name)",
        "CREATE TABLE runs (id, name); CREATE TABLE run_steps (id); CREATE TABLE run_errors (id); PRAGMA user_version = 1",
        "PRAGMA user_version = 7",
    ],
)
def test_a_database_of_somebody_else_is_left_alone(path, made, sql):
    made(sql)
    before = path.read_bytes()
    with pytest.raises(ForeignDatabaseError, match="belongs to another application"):
        adopt(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_version_is_left_alone(path):
    adopt(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(NewerDatabaseError, match="upgrade"):
        adopt(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("sql", ["", ORIGINAL.format(partial="")], ids=["new", "original"])
def test_many_processes_may_try_at_once(path, made, read, sql):
    made(sql)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=adopt, args=(path,)) for _ in range(16)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 16
    assert read("PRAGMA user_version") == [(1,)]
    assert read("PRAGMA integrity_check") == [("ok",)]
