"""A damaged database is moved aside, and what can be read of it goes into a new one."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from otel_sqlite import run
from otel_sqlite.applier import recover
from otel_sqlite.errors import ForeignDatabaseError, HealthyDatabaseError, StoreError, StoreFullError
from otel_sqlite.store import adopt, connection
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.locks import try_lock
from otel_sqlite.store.repair import TABLES, Table, faults, repair

PAGE = 4096
RUNS, STEPS, ERRORS = 40, 400, 2_000


@pytest.fixture
def filled(path):
    """A database with many pages; all of it in the file, nothing in a log."""
    with closing(adopt.dashboard(path)) as database, database.transaction(5) as writing:
        writing.executemany(
            "INSERT INTO runs (id, pipeline, run_uid, trace_id, span_id, started_at, outcome) "
            "VALUES (?, 'people', ?, 't', ?, ?, 'success')",
            [(n, f"run-{n}", f"{n}", f"2026-02-08T10:00:00.{n:03d}Z") for n in range(1, RUNS + 1)],
        )
        writing.executemany(
            "INSERT INTO run_steps (id, run_id, step_name, started_at, trace_id, span_id) "
            "VALUES (?, ?, 'submit', '2026', 't', ?)",
            [(n, 1 + n % RUNS, f"{n}") for n in range(1, STEPS + 1)],
        )
        writing.executemany(
            "INSERT INTO run_errors (id, run_id, run_step_id, step_name, error_message, created_at, trace_id, span_id, "
            "event_ns, nth) "
            "VALUES (?, ?, ?, 'submit', ?, '2026', 't', ?, 1, 0)",
            [(n, 1 + (1 + n % STEPS) % RUNS, 1 + n % STEPS, f"bad {n} " + "x" * 100, f"{n}") for n in range(1, ERRORS + 1)],
        )
    return path


def rows(path, table):
    with closing(sqlite3.connect(path)) as reading:
        return reading.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()


def pages_of(path, name):
    """The leaf pages of a table or an index, by number."""
    with closing(sqlite3.connect(path)) as reading:
        (root,) = reading.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    data, found, waiting = path.read_bytes(), [], [root]
    while waiting:
        number = waiting.pop()
        start = (number - 1) * PAGE
        kind, cells = data[start], int.from_bytes(data[start + 3 : start + 5], "big")
        if kind in {13, 10}:
            found.append(number)
            continue
        for cell in range(cells):
            at = int.from_bytes(data[start + 12 + 2 * cell : start + 14 + 2 * cell], "big")
            waiting.append(int.from_bytes(data[start + at : start + at + 4], "big"))
        waiting.append(int.from_bytes(data[start + 8 : start + 12], "big"))
    return sorted(found)


def overwrite(path, page, content=b"\xa5" * PAGE):
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(content)


def check_new(path):
    with closing(sqlite3.connect(path)) as reading:
        assert reading.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert reading.execute("PRAGMA foreign_key_check").fetchall() == []
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(sidecar(path).glob("repair-*"))


@pytest.mark.parametrize("which", [0, 3, -1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("content", [b"\xa5" * PAGE, bytes(PAGE)], ids=["garbage", "zeros"])
def test_one_page_that_cannot_be_read_costs_its_rows_alone(filled, which, content):
    before = {table: rows(filled, table) for table in TABLES}
    overwrite(filled, pages_of(filled, "run_errors")[which], content)
    damaged = filled.read_bytes()

    repaired = repair(filled, 5)

    check_new(filled)
    assert repaired.aside.read_bytes() == damaged
    after = rows(filled, "run_errors")
    assert repaired.tables["run_errors"] == Table(len(after), ERRORS - len(after))
    assert 0 < ERRORS - len(after) < 60
    assert set(after) < set(before["run_errors"])
    assert {table: rows(filled, table) for table in TABLES[:2]} == {table: before[table] for table in TABLES[:2]}


def test_an_error_whose_step_is_lost_stays_with_its_run(filled):
    overwrite(filled, pages_of(filled, "run_steps")[0])
    repaired = repair(filled, 5)
    assert repaired.tables["run_steps"].lost > 0
    assert repaired.tables["run_errors"] == Table(ERRORS, 0)
    with closing(sqlite3.connect(filled)) as reading:
        (without_step,) = reading.execute("SELECT COUNT(*) FROM run_errors WHERE run_step_id IS NULL").fetchone()
    assert without_step == repaired.tables["run_steps"].lost * ERRORS // STEPS


def test_what_belongs_to_a_run_that_is_lost_is_counted_as_lost(filled):
    overwrite(filled, pages_of(filled, "runs")[0])
    tables = repair(filled, 5).tables
    check_new(filled)
    assert all(tables[table].lost > 0 for table in TABLES[:3])
    assert [sum(tables[table]) for table in TABLES] == [RUNS, STEPS, ERRORS, 0]


@pytest.mark.parametrize("size", [16, 100, PAGE], ids=["magic", "header", "first page"])
def test_without_its_beginning_everything_else_is_found(filled, size):
    before = {table: rows(filled, table) for table in TABLES}
    overwrite(filled, 1, bytes(size))

    assert repair(filled, 5).tables == {table: Table(len(before[table]), 0) for table in TABLES}

    check_new(filled)
    assert {table: rows(filled, table) for table in TABLES} == before


def test_a_damaged_index_costs_nothing(filled):
    before = {table: rows(filled, table) for table in TABLES}
    overwrite(filled, pages_of(filled, "run_errors_by_event")[1])
    assert repair(filled, 5).tables["run_errors"] == Table(ERRORS, 0)
    check_new(filled)
    assert {table: rows(filled, table) for table in TABLES} == before


def test_of_a_file_that_was_cut_off_the_beginning_is_kept(filled):
    with filled.open("r+b") as file:
        file.truncate(filled.stat().st_size * 2 // 3 // PAGE * PAGE + 1234)
    tables = repair(filled, 5).tables
    check_new(filled)
    assert tables["runs"].kept == RUNS
    assert tables["run_errors"].kept == len(rows(filled, "run_errors")) > 0


def test_of_garbage_nothing_is_kept_but_recording_goes_on(filled, tracked, read):
    filled.write_bytes(b"\xa5" * 50_000)
    assert set(repair(filled, 5).tables.values()) == {Table(0, 0)}
    with tracked() as provider, run("people", tracer_provider=provider):
        pass
    assert read("SELECT pipeline, outcome FROM runs") == [("people", "success")]


def test_what_only_the_log_holds_is_kept(filled, read):
    page = pages_of(filled, "run_errors")[2]
    with closing(sqlite3.connect(filled)) as writing:
        writing.execute("PRAGMA wal_autocheckpoint = 0")
        writing.execute("INSERT INTO runs (id, pipeline, started_at) VALUES (99, 'in the log', '2026')")
        writing.commit()
        aside = [shutil.copyfile(filled.with_name(filled.name + end), filled.with_name("kept" + end)) for end in ("", "-wal")]
    for file in aside:
        file.rename(filled.with_name(file.name.replace("kept", filled.name)))
    overwrite(filled, page)
    damaged = filled.read_bytes()

    repaired = repair(filled, 5)

    assert repaired.aside.read_bytes() == damaged
    assert read("SELECT pipeline FROM runs WHERE id = 99") == [("in the log",)]
    assert repaired.aside.with_name(f"{repaired.aside.name}-wal").exists()
    assert not filled.with_name(f"{filled.name}-wal").exists()


def test_a_database_that_is_whole_is_never_touched(filled):
    before = filled.read_bytes()
    with pytest.raises(HealthyDatabaseError, match="there is nothing to repair"):
        repair(filled, 5)
    assert filled.read_bytes() == before
    assert not list(filled.parent.glob("*damaged*"))


@pytest.mark.parametrize("content", [b"a letter to my mother", b"\xa5" * PAGE])
def test_a_file_of_somebody_else_is_never_touched(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ForeignDatabaseError, match="nothing of otel_sqlite lies beside it"):
        repair(path, 5)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == content


def test_a_database_of_somebody_else_is_never_touched_even_when_it_is_damaged(path):
    path.parent.mkdir()
    sidecar(path).mkdir()
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name)")
        theirs.executemany("INSERT INTO customers VALUES (?, ?)", [(n, "x" * 500) for n in range(100)])
        theirs.commit()
    overwrite(path, 4)
    before = path.read_bytes()
    with pytest.raises(ForeignDatabaseError, match="customers"):
        repair(path, 5)
    assert path.read_bytes() == before


def test_it_waits_for_writers_and_gives_up_without_having_changed_anything(filled):
    overwrite(filled, pages_of(filled, "run_errors")[1])
    before = filled.read_bytes()
    with (sidecar(filled) / "mutex").open("r+b") as mutex:
        assert try_lock(mutex.fileno())
        with pytest.raises(StoreError, match="locked by another process"):
            repair(filled, 0.05)
    assert filled.read_bytes() == before


def test_without_room_nothing_is_begun(filled, monkeypatch):
    overwrite(filled, pages_of(filled, "run_errors")[1])
    monkeypatch.setattr(connection, "MIN_FREE_BYTES", 2**63)
    with pytest.raises(StoreError, match="disk is full"):
        repair(filled, 5)
    assert not list(filled.parent.glob("*damaged*"))


def test_without_room_for_its_copies_nothing_has_changed(filled, monkeypatch):
    overwrite(filled, pages_of(filled, "run_errors")[1])
    before = filled.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreFullError):
        repair(filled, 5)
    assert filled.read_bytes() == before
    assert not list(sidecar(filled).glob("repair-*"))


def test_one_that_was_killed_before_its_last_step_costs_nothing(filled, program):
    overwrite(filled, pages_of(filled, "run_errors")[1])
    with closing(sqlite3.connect(filled, isolation_level=None)) as stranger:
        stranger.execute("PRAGMA wal_autocheckpoint = 0")
        stranger.execute("INSERT INTO runs (pipeline, run_uid, started_at, outcome) VALUES ('people', 'late', '2026', 'success')")
        source = """
        import os, sys
        from pathlib import Path
        from otel_sqlite.store.repair import repair
        Path.replace = lambda *_: os._exit(9)
        repair(Path(sys.argv[1]), 5)
        """
        assert program(source, str(filled)).returncode == 9

        repaired = repair(filled, 5)

    check_new(filled)
    assert repaired.tables["runs"] == Table(RUNS + 1, 0)
    assert list(filled.parent.glob("*damaged*Z")) == [repaired.aside]


def test_where_there_is_nothing_there_is_nothing_to_repair(path):
    assert faults(path) == ""
    with pytest.raises(StoreError, match="is not there"):
        repair(path, 5)


def test_a_live_process_writes_its_open_run_into_the_new_database(path, tracked, read, until):
    with tracked() as provider, run("people", tracer_provider=provider) as r:
        with r.step("before") as step:
            step.item_error(ValueError("bad"), item_id="ABC")
        assert provider.force_flush()
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(b"\xa5" * 50_000)
        path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
        repair(path, 5)
        with r.step("after"):
            pass
        assert provider.force_flush()
        assert read("SELECT outcome FROM runs") == [("running",)]
    assert read("SELECT outcome FROM runs") == [("partial",)]
    assert read("SELECT step_name, outcome FROM run_steps ORDER BY id") == [("before", "partial"), ("after", "success")]
    assert read("SELECT member_identifier FROM run_errors") == [("ABC",)]
    assert recover(path, 1).waiting == 0
