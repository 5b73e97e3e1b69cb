"""Locked, stopped or crowded: the caller's thread never waits, nothing is lost, and everybody gets a turn."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from otel_sqlite import journal
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.connection import sidecar
from tests.faults.invariants import RunEnded, check
from tests.faults.processes import locked, rows, stop, until
from tests.faults.sweep import tracing

RUNS, ITEMS = 50, 2
OFFERED = RUNS * 2 * ITEMS
WRITERS = (1, 16, 64)
TURNS = 20
FAIR = 0.2
WAL_LIMIT = 16 * 1024 * 1024

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


WRITE = """
import os, sys
from pathlib import Path
from otel_sqlite.store.adopt import dashboard

database, over, turns = dashboard(Path(sys.argv[1])), Path(sys.argv[2]), 0
while not over.exists():
    with database.transaction(60) as connection:
        row = (os.getpid(),)
        connection.execute("INSERT INTO runs (pipeline, started_at, outcome, pid) VALUES ('p', 'at', 'running', ?)", row)
    turns += 1
database.close(60)
print(turns)
"""


@contextmanager
def holding(file):
    """Another process holds a lock file of ours, and is stopped."""
    holder = subprocess.Popen([sys.executable, "-S", "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        yield
    finally:
        holder.send_signal(signal.SIGCONT)
        holder.communicate()


def prepared(path):
    database = dashboard(path)
    with database.transaction(10):
        pass
    database.close()


def all_runs_ended(worker):
    return sum(isinstance(fact, RunEnded) for fact in worker.facts) == RUNS


@pytest.mark.parametrize("exit_timeout_s", ["0", "60"], ids=["exits at once", "waits at exit"])
def test_the_callers_thread_never_waits_for_a_stranger_who_holds_the_database(work, database, recovered_check, exit_timeout_s):
    """All calls return while the lock is held: the lock is only given back after that."""
    prepared(database)
    with locked(database):
        worker = work("--runs", RUNS, "--items", ITEMS, OTEL_SQLITE_EXIT_TIMEOUT=exit_timeout_s)
        until(lambda: all_runs_ended(worker))
        if exit_timeout_s == "0":
            assert worker.finish()[0] == 0
    assert worker.finish()[0] == 0
    recovered_check([worker], offered=OFFERED)


@pytest.mark.slow
def test_a_lock_that_outlasts_the_patience_of_the_background_thread_loses_nothing(work, database, recovered_check):
    prepared(database)
    with locked(database):
        worker = work("--runs", RUNS, "--items", ITEMS, "--rest-ms", 1, "--pause-at-end")
        worker.wait_for("end")
        until(worker.has_complained)
        assert rows(database, "SELECT 1 FROM runs") == []
    until(lambda: rows(database, "SELECT COUNT(*) FROM runs WHERE outcome = 'partial'") == [(RUNS,)])
    worker.go_on()
    assert worker.finish()[0] == 0
    recovered_check([worker], offered=OFFERED)


@pytest.mark.parametrize("name", ["mutex", "queue"])
def test_the_callers_thread_never_waits_for_a_writer_that_was_stopped(work, database, recovered_check, name):
    prepared(database)
    with holding(sidecar(database) / name):
        worker = work("--runs", RUNS, "--items", ITEMS, OTEL_SQLITE_EXIT_TIMEOUT="0")
        until(lambda: all_runs_ended(worker))
        assert worker.finish()[0] == 0
        assert rows(database, "SELECT 1 FROM runs") == []
    recovered_check([worker], offered=OFFERED)


@pytest.mark.usefixtures("needs_strace")
def test_the_callers_thread_never_waits_for_a_slow_disk(work, database, recovered_check, tmp_path):
    """All calls return while the first write of the background thread is still on its way, which takes a minute."""
    slow = tracing(tmp_path / "log", "-e", "inject=fdatasync:delay_enter=60000000:when=1", syscalls=["fdatasync"])
    worker = work("--runs", RUNS, "--items", ITEMS, "--pause-at-end", before=slow)
    worker.wait_for("end")
    (file,) = journal.folder(database).iterdir()
    assert file.read_bytes().count(b"\n") > RUNS  # what is in the database would be gone from it
    os.kill(int(file.name.split("-")[1]), signal.SIGKILL)
    worker.kill()  # strace itself, which would wait for the minute to pass
    recovered_check([worker], offered=OFFERED)


@pytest.mark.usefixtures("needs_strace")
@pytest.mark.parametrize(
    "fault",
    [
        "pwrite64:error=ENOSPC",
        "pwrite64:error=EINTR:when=20",
        "fdatasync:error=EIO",
        "fdatasync:error=EIO:when=6+",
        "ftruncate:error=EIO",
        "unlink:error=EROFS",
        "flock:error=EINTR:when=3",
        "write:error=EINTR:when=4",
        "fcntl:error=EIO:when=40+",
    ],
)
def test_a_syscall_that_fails_loses_nothing(work, recovered_check, tmp_path, fault):
    failing = tracing(tmp_path / "log", "-e", f"inject={fault}", syscalls=[fault.partition(":")[0]])
    worker = work("--runs", 3, "--items", ITEMS, "--rest-ms", 40, before=failing, OTEL_SQLITE_EXIT_TIMEOUT="1")
    code, said = worker.finish()
    assert (code, "Traceback" in said) == (0, False), said
    recovered_check([worker], offered=3 * 2 * ITEMS)


@pytest.mark.parametrize("number", WRITERS)
def test_however_many_write_nothing_is_lost_everybody_gets_a_turn_and_the_log_stays_small(database, tmp_path, number):
    prepared(database)
    over, log, largest = tmp_path / "over", database.with_name(f"{database.name}-wal"), 0
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(database), str(over)], stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]

    def have_had_fair_turns():
        """Once they have, so many each: a writer that the machine itself kept waiting may catch up."""
        ended = dict(rows(database, "SELECT pid, COUNT(*) FROM runs GROUP BY pid"))
        turns = [ended[pid] - begun[pid] for pid in begun]
        return sum(turns) >= TURNS * number and min(turns) / max(turns) > FAIR

    try:
        until(lambda: len(rows(database, "SELECT DISTINCT pid FROM runs")) == number)
        begun = dict(rows(database, "SELECT pid, COUNT(*) FROM runs GROUP BY pid"))
        until(have_had_fair_turns)
        largest = log.stat().st_size
    finally:
        over.touch()
        counts = {writer.pid: int(writer.communicate()[0]) for writer in writers}

    assert largest < WAL_LIMIT
    assert dict(rows(database, "SELECT pid, COUNT(*) FROM runs GROUP BY pid")) == counts
    check(database)


def test_a_database_that_is_not_in_wal_mode_is_written_while_its_owner_writes(work, database, recovered_check):
    prepared(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as owner:
        assert owner.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
        owner.execute("BEGIN IMMEDIATE")
        owner.execute("INSERT INTO runs (pipeline, started_at, outcome) VALUES ('old', '2026-01-01T00:00:00.000Z', 'success')")
        worker = work("--runs", RUNS, "--items", ITEMS, OTEL_SQLITE_EXIT_TIMEOUT="60")
        until(lambda: all_runs_ended(worker))
        owner.execute("COMMIT")
    assert worker.finish() == (0, "")
    recovered_check([worker], offered=OFFERED)
    assert rows(database, "SELECT COUNT(*) FROM runs") == [(RUNS + 1,)]


def test_a_stopped_pipeline_is_not_taken_for_dead(work, database, recovered_check):
    worker = work("--pause")
    worker.wait_for("step")
    until(lambda: rows(database, "SELECT 1 FROM runs"))
    assert stop(worker.process.pid, database).labelled == 0
    check(database, acknowledged=worker.facts)
    os.kill(worker.process.pid, signal.SIGCONT)
    worker.go_on()
    worker.wait_for("step")
    worker.go_on()
    assert worker.finish() == (0, "")
    recovered_check([worker], offered=2)
