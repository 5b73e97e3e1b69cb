"""A run is truthful whatever ends its process: real processes, really ended."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_sqlite import journal
from otel_sqlite.applier import recover
from tests.faults.processes import stop

PIPELINE = """
import os, signal, sys
from types import SimpleNamespace
from otel_sqlite import ItemError, configure, run

configure()
with run("people") as r:
    with r.step("sportlink-download") as s:
        s.count(created=7)
    with r.step("laposta-submit") as s:
        s.item_error(ItemError("ABC", "bad"))
        print("here", flush=True)
        {ending}
"""


@pytest.fixture
def database(tmp_path):
    return tmp_path / "dashboard.sqlite"


@pytest.fixture
def start(database):
    """Start a pipeline in a process of its own; gives the process once its second step is open."""
    processes = []

    def starting(ending):
        process = subprocess.Popen(
            [sys.executable, "-c", PIPELINE.format(ending=ending)],
            env={**os.environ, "OTEL_SQLITE_PATH": str(database)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "here\n"
        return process

    yield starting
    for process in processes:
        process.kill()
        process.communicate()


def rows(database, query):
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # being created
            return []


def until(is_so):
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        pause.wait(0.01)


def otel_sqlite(database, *arguments):
    return subprocess.run(
        [Path(sys.executable).with_name("otel-sqlite"), *arguments, "--path", str(database)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_kill_9_leaves_a_labelled_run_with_everything_that_was_recorded(database, start):
    process = start("signal.pause()")
    until(lambda: rows(database, "SELECT 1 FROM run_errors"))
    assert rows(database, "SELECT outcome FROM runs") == [("running",)]
    process.kill()
    process.wait()

    until(lambda: "process_died" in otel_sqlite(database, "runs").stdout)  # on a busy machine a second may not be enough

    assert rows(database, "SELECT outcome, end_reason, total_created, total_failed FROM runs") == [
        ("failure", "process_died", 7, 1)
    ]
    assert rows(database, "SELECT step_name, outcome, created_count, failed_count FROM run_steps ORDER BY id") == [
        ("sportlink-download", "success", 7, 0),
        ("laposta-submit", "failure", 0, 1),
    ]
    assert rows(database, "SELECT step_name, member_identifier, error_message FROM run_errors") == [
        ("laposta-submit", "ABC", "bad")
    ]


def test_kill_9_leaves_what_a_result_said_a_tick_before(database, start):
    growing = """
        result = s.record(SimpleNamespace(created=0, updated=0, skipped=0, failed=0, errors=[]))
        for number in range(5):
            result.created += 1
            result.errors.append(ItemError(f"M{number}", "bad"))
        signal.pause()
    """
    process = start(growing.strip())
    until(lambda: rows(database, "SELECT created_count FROM run_steps WHERE created_count = 5"))
    process.kill()
    process.wait()

    recover(database, 60)

    assert rows(database, "SELECT step_name, outcome, created_count, failed_count FROM run_steps ORDER BY id") == [
        ("sportlink-download", "success", 7, 0),
        ("laposta-submit", "failure", 5, 6),
    ]
    assert rows(database, "SELECT member_identifier FROM run_errors ORDER BY id") == [
        (name,) for name in ("ABC", "M0", "M1", "M2", "M3", "M4")
    ]


def test_nothing_labels_a_run_that_lives(database, start):
    process = start("signal.pause()")
    until(lambda: rows(database, "SELECT 1 FROM runs"))
    for _ in range(3):
        assert otel_sqlite(database, "runs").returncode in (0, 1)
    stop(process.pid, database)  # a process that cannot answer is not dead
    os.kill(process.pid, signal.SIGCONT)
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("running", None)]


@pytest.mark.parametrize(
    ("ending", "exit_code", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM, "process_died"),
        ("os.kill(os.getpid(), signal.SIGHUP); signal.pause()", -signal.SIGHUP, "process_died"),
        ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", -signal.SIGINT, "signal"),
        ("sys.exit(1)", 1, "exit_code"),
        ("sys.exit('no more')", 1, "exit_code"),
        ("raise RuntimeError('no more')", 1, "exception"),
        ("os._exit(0)", 0, "process_died"),
        ("os.abort()", -signal.SIGABRT, "process_died"),
        ("os.execv('/bin/true', ['true'])", 0, "process_died"),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGINT", "exit 1", "exit with a text", "exception", "_exit", "abort", "exec"],
)
def test_a_run_that_was_ended_from_within_or_without_is_never_a_success(database, start, ending, exit_code, reason):
    assert start(ending).wait(60) == exit_code

    recover(database, 60)

    assert rows(database, "SELECT outcome, end_reason, total_created FROM runs") == [("failure", reason, 7)]
    assert rows(database, "SELECT outcome FROM run_steps ORDER BY id") == [("success",), ("failure",)]
    assert not journal.exist(database)


def test_sys_exit_0_is_a_success(database, start):
    process = start("pass\n    sys.exit(0)")
    assert process.wait(60) == 0
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("partial", "ok")]  # for the failed item alone


def test_the_last_sign_of_life_is_when_it_died_not_when_it_was_found(database, start):
    process = start("signal.pause()")
    until(lambda: rows(database, "SELECT 1 FROM run_errors"))
    process.kill()
    process.wait()
    (file,) = journal.folder(database).iterdir()
    os.utime(file, ns=(1_800_000_000 * 10**9,) * 2)

    recover(database, 60)

    assert rows(database, "SELECT finished_at FROM runs") == [("2027-01-15T08:00:00.000Z",)]
