"""The real command sync-all against the sandbox club, and what the dashboard says of it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.pipelines.tracked import STEPS_OF_ALL

BIN = Path(sys.executable).parent
MEMBERS = 40


def run_command(folder, name, *flags):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environment["OTEL_SQLITE_EXIT_TIMEOUT"] = "60"
    command = [BIN / name, "--sandbox", "--members", str(MEMBERS), *flags]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def rows(folder, query):
    with closing(sqlite3.connect(folder / "data" / "dashboard.sqlite")) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which all and then nikki ran, and what all said."""
    folder = tmp_path_factory.mktemp("club")
    process = run_command(folder, "sync-all")
    run_command(folder, "sync-nikki")
    return folder, process


def test_all_has_fourteen_steps_each_a_row_with_its_counts(done):
    folder, _ = done
    query = (
        "SELECT step_name, created_count FROM run_steps JOIN runs ON runs.id = run_id"
        " WHERE pipeline = 'all' ORDER BY run_steps.id"
    )

    steps = rows(folder, query)

    assert [name for name, _ in steps] == STEPS_OF_ALL
    created = dict(steps)
    assert created["sportlink-download"] == MEMBERS
    assert min(created[name] for name in ("rondo-club-sync", "team-sync", "work-history-sync", "freescout-sync")) > 0


def test_discipline_has_a_run_of_its_own_that_names_the_one_it_is_part_of(done):
    folder, _ = done

    [(outer, _), (inner, parent)] = rows(
        folder, "SELECT run_uid, parent_run_id FROM runs WHERE pipeline IN ('all', 'discipline') ORDER BY pipeline"
    )

    assert inner != outer
    assert parent == outer
    steps = rows(folder, "SELECT step_name FROM run_steps JOIN runs ON runs.id = run_id WHERE pipeline = 'discipline' ORDER BY 1")
    assert steps == [("discipline-download",), ("discipline-sync",)]


def test_what_all_prints_and_what_the_dashboard_keeps_are_one_thing(done):
    folder, process = done
    [(summary, failed, outcome)] = rows(folder, "SELECT summary_json, total_failed, outcome FROM runs WHERE pipeline = 'all'")

    stats = json.loads(summary)
    assert f"Members downloaded: {stats['downloaded']}\n" in process.stdout
    assert ("ERRORS" in process.stdout) == (failed > 0)
    assert process.returncode == (outcome != "success")


def test_nikki_comes_after_it_and_finds_the_persons(done):
    folder, _ = done

    [(updated,)] = rows(folder, "SELECT total_updated FROM runs WHERE pipeline = 'nikki'")

    assert updated > 0


def test_a_second_run_finds_nothing_to_do_but_what_failed_before(done):
    folder, _ = done
    run_command(folder, "sync-all")  # tells Laposta who turned out to be a volunteer, and FreeScout what Nikki said

    run_command(folder, "sync-all")

    query = "SELECT total_created, total_updated FROM runs WHERE pipeline = 'all' ORDER BY id DESC LIMIT 1"
    [(created, updated)] = rows(folder, query)
    downloads = "('sportlink-download', 'laposta-prepare', 'team-download', 'functions-download')"
    [(downloaded,)] = rows(
        folder,
        "SELECT sum(created_count) FROM run_steps WHERE run_id = (SELECT max(id) FROM runs WHERE pipeline = 'all')"
        f" AND step_name IN {downloads}",
    )
    assert (created - downloaded, updated) == (0, 0)
