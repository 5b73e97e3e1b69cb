"""The real command sync-people against the sandbox club, and what the dashboard says of it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
STEPS = [
    "sportlink-download",
    "laposta-prepare",
    "laposta-submit",
    "rondo-club-sync",
    "photo-download",
    "photo-upload",
    "reverse-sync",
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


MEMBERS = 120


def command(folder, members=MEMBERS):
    return {
        "args": [BIN / "sync-people", "--sandbox", "--members", str(members)],
        "cwd": folder,
        "env": {
            **{key: value for key, value in os.environ.items() if not key.startswith("OTEL_")},
            "OTEL_SQLITE_EXIT_TIMEOUT": "60",
        },
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


def rows(folder, query):
    database = folder / "data" / "dashboard.sqlite"
    if not database.is_file():
        return []
    with closing(sqlite3.connect(database)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # being created
            return []


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which the command ran once, and what it said."""
    folder = tmp_path_factory.mktemp("club")
    return folder, subprocess.run(**command(folder), check=False)


def test_the_run_has_start_end_duration_and_outcome(done):
    folder, process = done
    assert process.returncode == 1
    ((pipeline, started_at, finished_at, duration_ms, outcome),) = rows(
        folder, "SELECT pipeline, started_at, finished_at, duration_ms, outcome FROM runs"
    )
    assert (pipeline, outcome) == ("people", "partial")
    assert TIME.fullmatch(started_at)
    assert TIME.fullmatch(finished_at)
    assert started_at < finished_at
    assert duration_ms > 0


def test_the_seven_steps_have_their_counts(done):
    folder, process = done
    steps = rows(folder, "SELECT step_name, outcome, created_count, failed_count FROM run_steps ORDER BY id")
    assert [name for name, *_ in steps] == STEPS
    assert all(outcome in ("success", "partial") for _, outcome, *_ in steps)
    assert steps[0][2] == MEMBERS
    assert f"Members downloaded: {steps[0][2]}" in process.stdout
    ((totals),) = rows(folder, "SELECT total_created, total_updated, total_skipped, total_failed FROM runs")
    assert [totals] == rows(
        folder, "SELECT SUM(created_count), SUM(updated_count), SUM(skipped_count), SUM(failed_count) FROM run_steps"
    )


def test_each_failed_member_has_an_error_row_and_a_line_in_the_summary(done):
    folder, process = done
    errors = rows(folder, "SELECT step_name, member_identifier, error_message, created_at FROM run_errors ORDER BY id")
    ((failed, summary),) = rows(folder, "SELECT total_failed, summary_json FROM runs")
    assert len(errors) == failed > 0
    assert f"ERRORS ({failed})" in process.stdout
    for step_name, identifier, message, created_at in errors:
        assert step_name in STEPS
        assert identifier in process.stdout
        assert message in process.stdout
        assert TIME.fullmatch(created_at)
    stats = json.loads(summary)
    assert stats["downloaded"] == MEMBERS
    assert stats["completedAt"]
    assert stats["duration"]


def test_a_second_run_finds_nothing_to_do_but_what_failed_before(done, tmp_path):
    folder, _ = done
    process = subprocess.run(**command(folder), check=False)
    assert process.returncode == 1
    first, second = rows(folder, "SELECT total_created, total_updated, total_failed FROM runs ORDER BY id")
    assert first[2] == second[2]
    by_step = rows(folder, "SELECT step_name, created_count, updated_count FROM run_steps WHERE run_id = 2 ORDER BY id")
    assert [row[1:] for row in by_step[2:]] == [(0, 0)] * 5


@pytest.mark.parametrize("trouble", ["a directory", "another database", "a locked database", "no folder"])
def test_a_tracker_that_cannot_write_leaves_the_pipelines_result_unchanged(done, tmp_path, trouble):
    database = tmp_path / "data" / "dashboard.sqlite"
    stranger = None
    match trouble:
        case "a directory":
            database.mkdir(parents=True)
        case "another database":
            database.parent.mkdir()
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("CREATE TABLE customers (id)")
        case "a locked database":
            database.parent.mkdir()
            stranger = sqlite3.connect(database, isolation_level=None)
            stranger.execute("CREATE TABLE t (x)")
            stranger.execute("BEGIN EXCLUSIVE")
        case "no folder":
            (tmp_path / "blocked").write_text("not a folder")
    how = command(tmp_path)
    how["env"]["OTEL_SQLITE_EXIT_TIMEOUT"] = "0.2"
    if trouble == "no folder":
        how["env"]["OTEL_SQLITE_PATH"] = str(tmp_path / "blocked" / "dashboard.sqlite")

    process = subprocess.run(**how, check=False)

    if stranger is not None:
        stranger.close()
    assert process.returncode == done[1].returncode
    assert without_times(process.stdout) == without_times(done[1].stdout)


def without_times(summary):
    return re.sub(r"(Completed|Duration|Log file):.*|.*(127\.0\.0\.1|sandbox).*", "", summary)


def test_kill_9_in_the_middle_is_a_failed_run_with_all_that_was_done_until_a_tick_before(tmp_path):
    process = subprocess.Popen(**command(tmp_path, members=1000))
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not rows(tmp_path, "SELECT 1 FROM run_steps WHERE step_name = 'laposta-submit' AND created_count > 0"):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        pause.wait(0.01)
    assert rows(tmp_path, "SELECT outcome FROM runs") == [("running",)]
    process.send_signal(signal.SIGKILL)
    process.communicate()

    subprocess.run([BIN / "otel-sqlite", "recover"], cwd=tmp_path, check=True)
    answer = subprocess.run([BIN / "otel-sqlite", "runs", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)

    (run,) = json.loads(answer.stdout)["runs"]
    assert (run["outcome"], run["end_reason"]) == ("failure", "process_died")
    steps = rows(tmp_path, "SELECT step_name, outcome, created_count FROM run_steps ORDER BY id")
    assert steps[0] == ("sportlink-download", "success", 1000)
    assert steps[2][0] == "laposta-submit"
    assert steps[2][2] > 0
    assert steps[-1][1] == "failure"


def test_tracking_takes_at_most_fifteen_lines_of_the_pipeline():
    source = Path(__file__).parents[2] / "pipelines" / "sync_people.py"
    tracking = [
        line
        for line in source.read_text().splitlines()
        if re.search(r"otel_sqlite|\brun\(|r\.step\(|r\.summarize|s\.record", line)
    ]
    assert len(tracking) <= 16  # the import, the run, and two lines a step
