"""A database that is damaged while pipelines record is repaired beneath them, and none of them loses anything."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.processes import rows, until

OTEL_SQLITE = Path(sys.executable).with_name("otel-sqlite")


def lose_the_header(file):
    with file.open("r+b") as damaged:
        damaged.write(bytes(100))


def lose_every_page(file):
    file.write_bytes(b"\xa5" * file.stat().st_size)


def lose_the_end(file):
    with file.open("r+b") as damaged:
        damaged.truncate(3 * 4096 + 77)


def doctor(database, *arguments):
    command = [OTEL_SQLITE, "doctor", "--json", "--path", database, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


@pytest.mark.parametrize("damage", [lose_the_header, lose_every_page, lose_the_end])
def test_a_repair_beneath_live_and_dead_pipelines_loses_nothing_of_their_runs(work, database, recovered_check, damage):
    workers = [work("--steps", 3, "--items", 20, "--pause") for _ in range(3)]
    for worker in workers:
        worker.wait_for("step")
        worker.go_on()
        worker.wait_for("step")
    until(lambda: rows(database, "SELECT COUNT(*) FROM run_errors") >= [(60,)])
    workers[0].kill()
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    damage(database)
    database.with_name(f"{database.name}-wal").unlink(missing_ok=True)
    assert doctor(database)[0] == 1

    code, said, complaint = doctor(database, "--repair")

    assert (code, complaint) == (0, ""), said
    assert said["repaired"]["journals"] <= 1  # the living may have been faster
    assert Path(said["repaired"]["aside"]).exists()
    for worker in workers[1:]:
        worker.go_on()
        worker.wait_for("step")
        worker.go_on()
        assert worker.finish()[0] == 0
    recovered_check(workers)
    assert rows(database, "SELECT outcome, COUNT(*) FROM runs GROUP BY 1 ORDER BY 1") == [("failure", 1), ("partial", 2)]
    assert doctor(database, "--full")[0] == 0
