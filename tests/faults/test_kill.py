"""Killed processes lose nothing that they acknowledged, and the living are never taken for dead. More of it: ``make chaos``."""

import signal
from itertools import count

import pytest

from otel_sqlite.applier import recover
from tests.faults.invariants import check
from tests.faults.processes import rows
from tests.faults.storm import storm
from tests.faults.sweep import killing, points, some, tracing

KILLS, PROCESSES, SEED = 40, 8, 20_261_123
POINTS = 4  # of each syscall


def test_a_pipeline_that_is_left_alone_loses_nothing(work, database, recovered_check):
    worker = work("--runs", 3, "--steps", 2, "--items", 5)
    assert worker.finish() == (0, "")
    recovered_check([worker], offered=30)
    assert rows(database, "SELECT outcome, COUNT(*) FROM runs") == [("partial", 3)]
    assert len(worker.facts) == 3 * (2 + 2 * 6)


def test_a_killed_pipeline_loses_nothing_that_it_acknowledged(work, database, recovered_check):
    worker = work("--runs", 0, "--pause")
    worker.wait_for("step")
    worker.go_on()
    worker.wait_for("step")
    worker.kill()

    assert recovered_check([worker]).labelled == 1
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]


@pytest.mark.slow
def test_random_kills_lose_nothing_and_label_none_but_the_dead(tmp_path):
    tally = storm(tmp_path, kills=KILLS, processes=PROCESSES, seed=SEED)
    assert tally.kills == KILLS
    assert min(tally.labelled, tally.looks, tally.locks, *tally.facts.values()) > 0


@pytest.mark.slow
@pytest.mark.usefixtures("needs_strace")
def test_a_kill_at_any_syscall_loses_nothing(work, tmp_path):
    log, plain = tmp_path / "log", tmp_path / "plain"
    workload = ("--runs", 2, "--steps", 1, "--items", 2, "--rest-ms", 60)
    assert work(*workload, path=plain / "dashboard.sqlite", before=tracing(log)).finish() == (0, "")

    killed = 0
    for number, point in zip(count(), some(points(log, plain), POINTS), strict=False):
        path = tmp_path / str(number) / "dashboard.sqlite"
        worker = work(*workload, path=path, before=killing(log, point))
        code, _ = worker.finish()
        killed += code == -signal.SIGKILL
        recover(path, 60)
        check(path, acknowledged=worker.facts)
        assert not rows(path, "SELECT 1 FROM runs WHERE outcome = 'running'"), point
    assert killed > 5 * POINTS
