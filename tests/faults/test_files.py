"""Whatever becomes of the files, the pipeline runs on, what is not ours stays as it is, and nothing acknowledged is lost."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from otel_sqlite import journal
from otel_sqlite.applier import recover
from otel_sqlite.errors import StoreError
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.writer import Writer
from tests.faults.invariants import check
from tests.faults.processes import rows, until

FILES = ("", "-wal", "-shm")


def beside(database, suffix):
    return database.with_name(database.name + suffix)


def checkpoint(database):
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def move_aside(database):
    """What the remedy of a database that cannot be used asks for."""
    for suffix in FILES:
        if os.path.lexists(beside(database, suffix)):
            beside(database, suffix).rename(database.with_name(f"aside{suffix}"))


def older_copy(database):
    """A dashboard of an earlier day."""
    copy = database.with_name("older.sqlite")
    writer = Writer(copy)
    writer.write([], 1)
    writer.close()
    shutil.rmtree(sidecar(copy))
    return copy


# ---------------------------------------------------------------------------------------------- taken away while a run is open


def delete(database):
    database.unlink()


def delete_all(database):
    for suffix in FILES:
        beside(database, suffix).unlink()


def rename(database):
    database.rename(database.with_name("dashboard.sqlite.1"))


def replace_by_nothing(database):
    database.with_name("empty").touch(mode=0o600)
    database.with_name("empty").replace(database)


def replace_by_older(database):
    older_copy(database).replace(database)


def delete_log(database):
    beside(database, "-wal").unlink()


def delete_index(database):
    beside(database, "-shm").unlink()


def delete_log_and_index(database):
    delete_log(database)
    delete_index(database)


TAKINGS = [
    delete,
    delete_all,
    rename,
    replace_by_nothing,
    replace_by_older,
    delete_log,
    delete_index,
    delete_log_and_index,
]


@pytest.mark.parametrize("take", TAKINGS, ids=lambda take: take.__name__)
def test_a_file_that_is_taken_away_comes_back_with_the_whole_of_every_open_run(work, database, recovered_check, take):
    worker = work("--steps", 2, "--pause")
    worker.wait_for("step")
    until(lambda: rows(database, "SELECT 1 FROM run_steps"))
    take(database)
    worker.go_on()
    worker.wait_for("step")

    assert worker.finish() == (0, "")

    recovered_check([worker], offered=2)
    assert rows(database, "SELECT outcome, end_reason, total_created FROM runs") == [("partial", "ok", 2)]


IDLE = """
import os, signal, sys
from opentelemetry import trace
from otel_sqlite import configure, journal, run
from pathlib import Path

def record(pipeline):
    with run(pipeline):
        pass
    (file,) = journal.folder(Path(os.environ["OTEL_SQLITE_PATH"])).iterdir()
    while file.read_bytes().count(b"\\n") > 1:  # until it is emptied: all of it is in the database
        trace.get_tracer_provider().force_flush()

configure()
record("before")
print("idle", flush=True)
sys.stdin.readline()
record("after")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("take", TAKINGS, ids=lambda take: take.__name__)
def test_what_is_recorded_after_a_file_was_taken_away_is_in_the_one_that_others_see(database, take):
    """A process that does not look goes on in a file without a name, and all of it is gone when it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE],
        env={**os.environ, "OTEL_SQLITE_PATH": str(database)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "idle\n"
    take(database)

    process.communicate("\n", timeout=60)

    recover(database, 60)
    check(database)
    assert rows(database, "SELECT outcome FROM runs WHERE pipeline = 'after'") == [("success",)]


def test_a_sidecar_folder_that_is_removed_comes_back_with_the_journal(work, database, recovered_check):
    worker = work("--steps", 3, "--pause")
    worker.wait_for("step")
    shutil.rmtree(sidecar(database))
    assert recover(database, 60).labelled == 0
    until(lambda: journal.exist(database))
    worker.go_on()
    worker.wait_for("step")
    worker.kill()

    assert recovered_check([worker]).labelled == 1
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]


# ---------------------------------------------------------------------------------------------- damaged while a run is open


def overwrite(database, start, content):
    with database.open("r+b") as file:
        file.seek(start)
        file.write(content)


DAMAGES = {
    "garbage over the header": lambda database: overwrite(database, 0, os.urandom(200)),
    "garbage over all but the header": lambda database: overwrite(database, 100, os.urandom(database.stat().st_size - 100)),
    "zeros over all pages": lambda database: overwrite(database, 0, bytes(database.stat().st_size)),
    "truncated in the middle": lambda database: os.truncate(database, database.stat().st_size // 8192 * 4096),
    "truncated to nothing": lambda database: os.truncate(database, 0),
    "a text copied over it": lambda database: shutil.copyfile(__file__, database),
    "garbage over its log": lambda database: overwrite(beside(database, "-wal"), 0, os.urandom(4096)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_costs_one_line_and_the_journal_keeps_every_open_run(work, database, recovered_check, damage):
    worker = work("--steps", 3, "--pause", OTEL_SQLITE_EXIT_TIMEOUT="0.5")
    worker.wait_for("step")
    until(lambda: rows(database, "SELECT 1 FROM run_steps"))
    checkpoint(database)
    DAMAGES[damage](database)
    for _ in range(2):
        worker.go_on()
        worker.wait_for("step")

    code, said = worker.finish()

    assert (code, said.count("\n") <= 1) == (0, True), said
    with closing(sqlite3.connect(database)) as connection:
        try:
            is_sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            is_sound = False
    if not is_sound:
        move_aside(database)
    recovered_check([worker], offered=3)


# ---------------------------------------------------------------------------------------------- what is not ours


def a_dashboard_of_version(number):
    def make(database):
        writer = Writer(database)
        writer.write([], 1)
        writer.close()
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(f"PRAGMA user_version = {number}")

    return make


def somebody_elses(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("CREATE TABLE customers (id); INSERT INTO customers VALUES (1);")


def another_runs_table(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("CREATE TABLE runs (id, name); CREATE TABLE run_steps (id); CREATE TABLE run_errors (id)")


STRANGERS = {
    "a directory": lambda database: database.mkdir(),
    "a directory with files": lambda database: (database / "mine").mkdir(parents=True),
    "a text": lambda database: database.write_text("mine\n" * 1000),
    "another application's": somebody_elses,
    "another table of runs": another_runs_table,
    "a newer version's": a_dashboard_of_version(99),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_not_ours_stays_as_it_is_and_the_journal_keeps_everything(work, database, recovered_check, stranger):
    STRANGERS[stranger](database)
    before = database.read_bytes() if database.is_file() else sorted(database.iterdir())
    worker = work("--runs", 2)

    code, said = worker.finish()

    assert (code, said.count("\n")) == (0, 1), said
    assert str(database) in said
    assert (database.read_bytes() if database.is_file() else sorted(database.iterdir())) == before
    with pytest.raises(StoreError):
        recover(database, 60)
    move_aside(database)
    assert recovered_check([worker], offered=4).journals == 1
    assert rows(database, "SELECT outcome FROM runs") == [("partial",)] * 2


@pytest.mark.parametrize("device", ["FIFO", "/dev/full", "/dev/null"])
def test_nothing_is_made_beside_what_can_never_be_a_database(work, database, tmp_path, device):
    path = tmp_path / "pipe" if device == "FIFO" else None
    if path:
        os.mkfifo(path)
    else:
        database.symlink_to(device)
    worker = work(path=path or database)

    code, said = worker.finish()

    assert (code, said.count("\n")) == (0, 1), said
    assert "cannot be opened" in said
    assert not sidecar((path or database).resolve()).exists()


# ---------------------------------------------------------------------------------------------- open files


STARVED = """
import os, resource, sys
from otel_sqlite import configure, run

def starve():
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(used - 1, 3 if sys.argv[1] == "before" else used - 1), LIMIT[1]))

LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)
configure()
if sys.argv[1] == "before":
    starve()
with run("people") as r:
    with r.step("first") as step:
        step.count(created=1)
    if sys.argv[1] == "after":
        starve()
    with r.step("second") as step:
        step.count(created=1)
    resource.setrlimit(resource.RLIMIT_NOFILE, LIMIT)
    with r.step("third") as step:
        step.count(created=1)
print(r.outcome)
"""


def test_running_out_of_open_files_in_the_middle_loses_nothing(program, database):
    done = program(STARVED, "after", OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout) == (0, "success\n")
    assert done.stderr.count("\n") <= 1
    recover(database, 60)
    check(database)
    assert rows(database, "SELECT outcome, total_created FROM runs") == [("success", 3)]


def test_running_out_of_open_files_before_the_first_run_costs_one_line(program, database):
    done = program(STARVED, "before", OTEL_SQLITE_PATH=str(database))
    assert (done.returncode, done.stdout) == (0, "success\n")
    assert done.stderr.count("\n") == 1
    assert "cannot be opened" in done.stderr
    assert "Too many open files): raise the limit of open files" in done.stderr
