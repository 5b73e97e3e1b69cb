"""L2, L4: whether anything is lost in a hurry, and what the background thread leaves to a busy pipeline."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_sqlite import ItemError, run
from otel_sqlite.applier import recover
from otel_sqlite.processor import DashboardSpanProcessor
from tests.benchmarks import workload
from tests.benchmarks.live import recording
from tests.benchmarks.measure import Figure, progress, ratio

_RUNS_IN_A_LOOP = 1_500
_FAILED_ITEMS = 10_000
_RUNS_OF_A_WRITER = 20
_ROWS_TARGET_S = 15_000
_SLOWDOWN_TARGET = 1 / 0.8
_BACKLOG_RUNS = {True: 400, False: 2_000}
_SPIN_S = 1.0

_WRITER = """
import sys
from otel_sqlite import configure, run
configure(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with run("people") as tracker:
        for name in "abcdefg":
            with tracker.step(name) as step:
                step.count(created=1)
"""
# Records, and is gone without having applied anything: what its journal holds is the backlog.
_BACKLOG = """
import os, sys
from otel_sqlite import applier
applier.Applier._apply = lambda self: None
from otel_sqlite.processor import DashboardSpanProcessor
from tests.benchmarks import workload
from tests.benchmarks.live import recording
with recording(DashboardSpanProcessor(sys.argv[1])) as provider:
    for _ in range(int(sys.argv[2])):
        workload.run_pipeline(provider, workload.results(failed=workload.FAILED))
    os._exit(0)
"""


def losses(*, quick: bool) -> list[Figure]:
    """L2: rows that are missing after a loop that never waits, after many failed items, and after many writers."""
    writers = 16 if quick else 64
    progress(f"L2: {_RUNS_IN_A_LOOP:,} runs in a loop, {_FAILED_ITEMS:,} failed items, {writers} writers at once")
    with TemporaryDirectory() as folder:
        loop, items, many = (Path(folder, f"{name}.sqlite") for name in ("loop", "items", "many"))
        with recording(DashboardSpanProcessor(loop)) as provider:
            for _ in range(_RUNS_IN_A_LOOP):
                workload.run_pipeline(provider, workload.results(failed=0))
        with (
            recording(DashboardSpanProcessor(items)) as provider,
            run("people", tracer_provider=provider) as tracker,
            tracker.step("submit") as step,
        ):
            for number in range(_FAILED_ITEMS):
                step.item_error(ItemError(str(number), "refused"))
        _write_at_once(many, writers)
        steps = 1 + len(workload.STEPS)
        return [
            _lost(f"of a loop of {_RUNS_IN_A_LOOP:,} runs", loop, _RUNS_IN_A_LOOP * steps),
            _lost(f"of {_FAILED_ITEMS:,} failed items of a step", items, _FAILED_ITEMS + 2),
            _lost(f"of {writers} writers", many, writers * _RUNS_OF_A_WRITER * steps),
        ]


def beside_a_busy_caller(*, quick: bool) -> list[Figure]:
    """L4: the rows that come to the database while the pipeline computes, and what that costs the pipeline."""
    runs = _BACKLOG_RUNS[quick]
    progress(f"L4: a backlog of {runs:,} runs with {workload.FAILED} errors, beside a busy caller")
    alone, beside, speeds = [], [], []
    for _ in range(3 if quick else 7):
        with TemporaryDirectory() as folder:
            path = Path(folder, "dashboard.sqlite")
            subprocess.run([sys.executable, "-c", _BACKLOG, str(path), str(runs)], check=True)
            alone.append(1 / _spin(lambda began: time.perf_counter() - began < _SPIN_S))
            thread = threading.Thread(target=recover, args=(path, 600.0))
            began = time.perf_counter()
            thread.start()
            beside.append(1 / _spin(lambda _, thread=thread: thread.is_alive()))
            thread.join()
            speeds.append(_rows(path) / (time.perf_counter() - began))
    speed = sorted(speeds)[len(speeds) // 2]
    return [
        Figure(
            name="L4",
            what="time for 15,000 rows beside a busy caller",
            value=_ROWS_TARGET_S / speed,
            target=1.0,
            unit="s",
        ),
        ratio("L4", "time of the busy caller with the applier beside it / alone", beside, alone, _SLOWDOWN_TARGET),
    ]


def _spin(goes_on: Callable[[float], bool]) -> float:
    """Rounds a second of a computation that never lets go of the interpreter by itself."""
    began, rounds = time.perf_counter(), 0
    while goes_on(began):
        sum(number * number for number in range(2_000))
        rounds += 1
    return rounds / (time.perf_counter() - began)


def _write_at_once(path: Path, writers: int) -> None:
    command = [sys.executable, "-c", _WRITER, str(path), str(_RUNS_OF_A_WRITER)]
    processes = [subprocess.Popen(command) for _ in range(writers)]
    for process in processes:
        process.wait()
    recover(path, 60)


def _lost(what: str, path: Path, expected: int) -> Figure:
    return Figure(name="L2", what=f"rows missing {what}", value=expected - _rows(path), target=0, unit="rows")


def _rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        counts = [connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone() for name in ("runs", "run_steps", "run_errors")]
    return sum(count for (count,) in counts)
