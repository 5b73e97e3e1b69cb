"""Many pipelines at once on one database: nothing lost, nothing failed."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

PROCESSES, RUNS, ERRORS = 16, 5, 20

PIPELINE = f"""
import sys
from otel_sqlite import ItemError, configure, run

configure()
for number in range({RUNS}):
    with run(sys.argv[1]) as r:
        with r.step("first") as s:
            s.count(created=1)
        with r.step("second") as s:
            for item in range({ERRORS}):
                s.item_error(ItemError(str(item), "bad"))
"""


def test_sixteen_processes_lose_nothing_and_none_fails(tmp_path):
    database = tmp_path / "dashboard.sqlite"
    environment = {**os.environ, "OTEL_SQLITE_PATH": str(database), "OTEL_SQLITE_EXIT_TIMEOUT": "60"}
    processes = [
        subprocess.Popen([sys.executable, "-c", PIPELINE, f"p{number}"], env=environment, stderr=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    said = [process.communicate()[1] for process in processes]

    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert said == [""] * PROCESSES
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT outcome, COUNT(*), SUM(total_created), SUM(total_failed) FROM runs").fetchall() == [
            ("partial", PROCESSES * RUNS, PROCESSES * RUNS, PROCESSES * RUNS * ERRORS)
        ]
        assert connection.execute("SELECT COUNT(*) FROM run_steps WHERE outcome IS NOT NULL").fetchone() == (
            PROCESSES * RUNS * 2,
        )
        assert connection.execute("SELECT COUNT(*) FROM run_errors").fetchone() == (PROCESSES * RUNS * ERRORS,)
    assert list((tmp_path / "dashboard.sqlite.d" / "journal").iterdir()) == []
