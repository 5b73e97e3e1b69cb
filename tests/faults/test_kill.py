"""Killed processes lose nothing that they acknowledged, and the living are never taken for dead."""

from tests.faults.processes import rows


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

    assert recovered_check([worker])[2] == 1
    assert rows(database, "SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]
