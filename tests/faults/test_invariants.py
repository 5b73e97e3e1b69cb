"""The checker itself: each of its rules sees what it is there for."""

import sqlite3
from contextlib import closing

import pytest

from otel_sqlite.store.adopt import dashboard
from tests.faults.invariants import ItemFailed, RunEnded, RunStarted, StepEnded, check
from tests.faults.processes import locked

SAID_TWICE = """
INSERT INTO run_errors (run_id, run_step_id, step_name, member_identifier, error_message, created_at)
SELECT run_id, run_step_id, step_name, member_identifier, error_message, created_at FROM run_errors WHERE id = 1
"""


@pytest.fixture
def recorded(work, database):
    """A finished pipeline; gives its facts."""
    worker = work("--steps", 1, "--items", 2)
    assert worker.finish() == (0, "")
    check(database, acknowledged=worker.facts, offered=2)
    return worker.facts


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("DELETE FROM run_errors WHERE id = 1", "nothing_acknowledged_is_missing: ItemFailed"),
        ("DELETE FROM run_errors WHERE id = 1", "what_was_offered_is_stored_or_counted: 1 stored and 0 dropped"),
        ("DELETE FROM run_errors; DELETE FROM run_steps", "nothing_acknowledged_is_missing: StepEnded"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM run_steps", "the_file_is_sound: foreign_key_check"),
        (SAID_TWICE, "nothing_is_there_twice: (2, ItemFailed"),
        ("UPDATE runs SET outcome = 'success'", "no_ended_state_is_overwritten"),
        ("UPDATE runs SET outcome = 'failure', end_reason = 'process_died'", "nothing_acknowledged_is_missing: RunEnded"),
        ("UPDATE runs SET end_reason = NULL", "an_ended_run_says_why"),
        ("UPDATE runs SET total_failed = 5", "totals_are_the_sums_of_the_steps"),
        ("UPDATE runs SET outcome = 'running'", "every_watched_running_row_has_a_held_lease"),
    ],
)
def test_damage_is_seen(recorded, database, damage, rule):
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript(damage)
    with pytest.raises(AssertionError) as failure:
        check(database, acknowledged=recorded, offered=2)
    assert rule in str(failure.value)


def test_a_file_that_others_may_read_is_seen(recorded, database):
    database.chmod(0o644)
    with pytest.raises(AssertionError, match=r"only_the_owner_may_read: .* has mode 644"):
        check(database, acknowledged=recorded)


def test_facts_that_are_only_in_a_journal_are_there(work, database):
    with dashboard(database).transaction(10):
        pass
    with locked(database):
        worker = work("--pause", "--items", 2)
        worker.wait_for("step")
        worker.go_on()
        worker.wait_for("step")
        assert {type(fact) for fact in worker.facts} == {RunStarted, StepEnded, ItemFailed}
        check(database, acknowledged=worker.facts)
        with pytest.raises(AssertionError, match="RunEnded"):
            check(database, acknowledged=[RunEnded("nobody", "success")])
