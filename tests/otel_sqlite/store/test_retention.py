"""What is too old goes, in small chunks and while others write; what is needed stays."""

import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.errors import StoreError
from otel_sqlite.store import retention
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.reader import Reader
from otel_sqlite.store.retention import Keep, Pruned
from tests.original import SCHEMA

OLD, NEW = "2025-01-{:02}T10:00:00.000Z", "2026-02-{:02}T10:00:00.000Z"
KEEP = Keep("2026-01-01T00:00:00.000Z", "2026-01-15T00:00:00.000Z")


@pytest.fixture
def add(path):
    """Add rows to a table: dicts."""

    def insert(table, *rows):
        with closing(dashboard(path)) as database, database.transaction(5) as connection:
            for row in rows:
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))

    return insert


@pytest.fixture
def add_runs(add):
    """Add ended runs, each with a step, an error of it and a dropped record: (row id, pipeline, time)."""

    def insert(*runs, errors=1):
        add("runs", *({"id": run, "pipeline": name, "started_at": at, "outcome": "success"} for run, name, at in runs))
        add("run_steps", *({"id": run, "run_id": run, "step_name": "s", "started_at": at} for run, _, at in runs))
        error = {"step_name": "s", "error_message": "m"}
        add("run_errors", *({"run_id": run, "run_step_id": run, "created_at": at, **error} for run, _, at in runs * errors))
        drop = {"trace_id": "t", "reason": "r", "count": 1}
        add("run_drops", *({"run_id": run, "span_id": str(run), **drop} for run, *_ in runs))

    return insert


def prune(path, keep=KEEP):
    return ([Pruned(), *retention.prune(path, keep, 5)])[-1]


def test_old_runs_go_with_all_that_belongs_to_them(path, add_runs, read):
    add_runs((1, "people", OLD.format(1)), (2, "people", OLD.format(2)), (3, "people", NEW.format(1)))

    done = prune(path)

    assert done._replace(bytes=0) == Pruned(runs=2, steps=2, errors=2, drops=2)
    assert read("SELECT id FROM runs") == [(3,)]
    assert read("SELECT run_id FROM run_steps") == read("SELECT run_id FROM run_errors") == read("SELECT run_id FROM run_drops")
    assert prune(path) == Pruned()


def test_the_last_completed_run_of_each_pipeline_stays_however_old(path, add_runs, add, read):
    add_runs((1, "people", OLD.format(1)), (2, "people", OLD.format(2)), (3, "nikki", OLD.format(1)))
    add("runs", {"id": 4, "pipeline": "people", "started_at": NEW.format(1), "outcome": "running"})
    add(
        "runs",
        *(
            {"id": n, "club_slug": "other", "pipeline": "people", "started_at": OLD.format(n), "outcome": "failure"}
            for n in (5, 6)
        ),
    )

    prune(path)

    assert read("SELECT id FROM runs ORDER BY id") == [(2,), (3,), (4,), (6,)]


def test_what_is_running_stays(path, add, read):
    add("runs", *({"pipeline": "people", "started_at": OLD.format(n), "outcome": "running"} for n in (1, 2)))
    add("runs", {"pipeline": "people", "started_at": NEW.format(1), "outcome": "success"})

    prune(path)

    assert read("SELECT outcome FROM runs") == [("running",), ("running",), ("success",)]


def test_error_rows_go_before_their_runs_and_leave_the_counts(path, add_runs, read):
    add_runs((1, "people", "2026-01-10T10:00:00.000Z"), (2, "people", "2026-01-20T10:00:00.000Z"))

    prune(path)

    assert read("SELECT id FROM runs") == [(1,), (2,)]
    assert read("SELECT run_id FROM run_errors") == [(2,)]


def test_errors_never_outlive_their_runs():
    day_ns = 24 * 3600 * 1_000_000_000
    assert Keep.of_days(30, 1_000 * day_ns, error_days=90) == Keep("1972-08-28T00:00:00.000Z", "1972-08-28T00:00:00.000Z")
    assert Keep.of_days(400, 1_000 * day_ns) == Keep("1971-08-24T00:00:00.000Z", "1972-06-29T00:00:00.000Z")


def test_a_run_that_outlasted_the_limit_takes_its_late_errors_with_it(path, add_runs, add, read):
    add_runs((1, "people", OLD.format(1)), (2, "people", NEW.format(2)))
    add("run_errors", {"run_id": 1, "step_name": "s", "error_message": "late", "created_at": NEW.format(1)})

    assert prune(path)._replace(bytes=0) == Pruned(runs=1, steps=1, errors=2, drops=1)
    assert read("SELECT run_id FROM run_errors") == [(2,)]


@pytest.fixture
def forty_a_chunk(monkeypatch):
    for name in ("_FEWEST_ROWS", "_FIRST_ROWS", "_MOST_ROWS"):
        monkeypatch.setattr(retention, name, 40)


@pytest.mark.usefixtures("forty_a_chunk")
@pytest.mark.parametrize("table", ["run_errors", "run_steps", "run_drops"])
def test_a_run_with_any_number_of_rows_goes_in_chunks(path, add_runs, add, read, table):
    add_runs((1, "people", OLD.format(1)), (2, "people", NEW.format(1)))
    rows = {
        "run_errors": {"step_name": "s", "error_message": "late", "created_at": NEW.format(1)},
        "run_steps": {"step_name": "s", "started_at": OLD.format(1)},
        "run_drops": {"trace_id": "t", "reason": "r", "count": 1},
    }
    more = [{"run_id": 1, **rows[table]} for _ in range(130)]
    if table == "run_drops":
        more = [{**row, "span_id": f"s{number}"} for number, row in enumerate(more)]
    add(table, *more)

    chunks = list(retention.prune(path, KEEP, 5))

    assert len(chunks) >= 4
    assert read("SELECT id FROM runs") == [(2,)]
    assert read(f"SELECT run_id FROM {table}") == [(2,)]


def test_a_chunk_that_kept_the_lock_too_long_makes_the_next_one_smaller():
    sizes = [retention._next_size(400, took_s) for took_s in (1.0, 0.02, 0.015, 0.010, 0.0)]
    assert sizes == [200, 300, 400, 600, 600]
    assert retention._next_size(50, 1.0) == 50
    assert retention._next_size(4_000, 0.0) == 4_000


@pytest.mark.usefixtures("forty_a_chunk")
def test_others_write_between_the_chunks(path, add_runs, read):
    add_runs(*((n, "people", OLD.format(n)) for n in range(1, 21)), (21, "people", NEW.format(1)))

    for n, _ in enumerate(retention.prune(path, KEEP, 0)):
        add_runs((100 + n, "people", NEW.format(2)))

    assert read("SELECT MIN(id), COUNT(*) > 5 FROM runs") == [(21, 1)]


def test_a_file_of_ours_shrinks(path, add_runs):
    big = "x" * 4_000
    add_runs((1, "people", OLD.format(1)), (2, "people", NEW.format(1)))
    with closing(dashboard(path)) as database, database.transaction(5) as connection:
        error = "INSERT INTO run_errors (run_id, step_name, error_message, error_stack, created_at) VALUES (1, 's', 'm', ?, ?)"
        connection.executemany(error, [(big, OLD.format(1))] * 500)
    before = path.stat().st_size

    done = prune(path)

    assert done.bytes > 1_900_000
    assert path.stat().st_size == before - done.bytes
    with Reader(path) as reader:
        assert reader.free_bytes == 0


@pytest.fixture
def by_the_original(path):
    """A database of the tracker that came before, with a run of each time, and much that is free in it afterwards."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.executescript(SCHEMA.format(partial=", 'partial'"))
        for run, at in ((1, OLD.format(1)), (2, OLD.format(2)), (3, NEW.format(1))):
            connection.execute(
                "INSERT INTO runs (id, pipeline, started_at, outcome) VALUES (?, 'people', ?, 'success')", (run, at)
            )
            connection.execute("INSERT INTO run_steps (run_id, step_name, started_at) VALUES (?, 's', ?)", (run, at))
            error = "INSERT INTO run_errors (run_id, step_name, error_message, created_at) VALUES (?, 's', ?, ?)"
            connection.executemany(error, [(run, "x" * 4_000, at)] * 50)
        connection.commit()


@pytest.mark.usefixtures("by_the_original")
def test_rows_and_file_of_the_original_are_pruned_alike_and_the_file_shrinks_when_it_was_written_anew(path, read):
    before = path.stat().st_size

    done = prune(path)

    assert done == Pruned(runs=2, steps=2, errors=100)
    assert read("SELECT id FROM runs") == [(3,)]
    assert path.stat().st_size >= before
    assert retention.rewrite(path, 5)
    assert path.stat().st_size < before - 200_000
    assert read("PRAGMA auto_vacuum") == [(2,)]


@pytest.mark.usefixtures("by_the_original")
def test_a_reader_who_looks_at_what_was_before_keeps_the_wal_and_it_is_said(path):
    prune(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as looking:
        looking.execute("BEGIN")
        looking.execute("SELECT * FROM runs").fetchall()
        assert not retention.rewrite(path, 0.05)
        looking.execute("COMMIT")
        assert retention.rewrite(path, 5)
        assert path.with_name(path.name + "-wal").stat().st_size == 0


def test_what_somebody_else_forbids_is_an_error_of_the_store(path, add_runs, read):
    add_runs((1, "people", OLD.format(1)), (2, "people", NEW.format(1)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER no BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'never'); END")

    with pytest.raises(StoreError, match="never"):
        prune(path)

    assert read("SELECT COUNT(*) FROM runs") == [(2,)]


def test_what_would_be_deleted_is_what_is_deleted(path, add_runs):
    add_runs(*((n, "people", OLD.format(n)) for n in range(1, 9)), (11, "people", NEW.format(1)), errors=3)
    with Reader(path) as reader:
        expected = reader.expired(KEEP)

    assert prune(path)._replace(bytes=0) == expected == Pruned(runs=8, steps=8, errors=24, drops=8)
