"""M1, M2, R1: what a database of a million runs costs those who write into it, prune it, and ask it."""

import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.model import timestamp
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.reader import Reader
from otel_sqlite.store.retention import Keep, prune
from tests.benchmarks import workload
from tests.benchmarks.measure import Figure, Stopwatch, in_turns, milliseconds, progress, ratio, settled

_WRITE_TARGET = 1.5
_READ_TARGET = 1.5
_READ_TARGET_MS = 1.0
_LOCK_TARGET_MS = 30
_PRUNE_TARGET_RUNS_S = 10_000
_SMALL = 1_000
_ROUNDS = 30
_QUESTIONS_A_ROUND = 20
_STARTED_S = 1_700_000_000
_EVERY_S = 60

_RUNS = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
INSERT INTO runs
  (run_uid, trace_id, span_id, pipeline, started_at, finished_at, duration_ms, outcome, end_reason, host, pid, journal)
SELECT printf('%032x', i * 7919), printf('%032x', i * 104729), printf('%016x', i), 'pipeline-' || (i % 7),
  strftime('%Y-%m-%dT%H:%M:%S.000Z', 1700000000 + i * 60, 'unixepoch'),
  strftime('%Y-%m-%dT%H:%M:%S.000Z', 1700000030 + i * 60, 'unixepoch'),
  30000, CASE WHEN i % 10 THEN 'success' ELSE 'partial' END, 'ok', 'club', i % 30000, printf('%020d.jsonl', i) FROM n
"""
_STEPS = """
INSERT INTO run_steps (run_id, trace_id, span_id, step_name, started_at, finished_at, duration_ms, outcome, created_count)
SELECT id, trace_id, printf('%016x', id * 8 + ?1), 'step-' || ?1, started_at, finished_at, 1000, 'success', 1 FROM runs
"""
# Every tenth run has an error, but one pipeline never has any.
_ERRORS = """
INSERT INTO run_errors
  (run_id, run_step_id, step_name, member_identifier, error_message, error_stack, created_at, trace_id, span_id,
   event_ns, nth, pipeline)
SELECT r.id, s.id, s.step_name, 'ABC' || (r.id / 10 % 20), 'Email: invalid address', hex(zeroblob(200)), r.started_at, r.trace_id,
  s.span_id, 1, 0, r.pipeline
FROM runs AS r JOIN run_steps AS s ON s.run_id = r.id
WHERE r.id % 10 = 1 AND s.step_name = 'step-1' AND r.pipeline <> 'pipeline-6'
"""
_QUESTIONS: dict[str, Callable[[Reader], object]] = {
    "runs": lambda reader: reader.runs(),
    "runs of a pipeline": lambda reader: reader.runs(pipeline="pipeline-3"),
    "runs of a pipeline that failed": lambda reader: reader.runs(pipeline="pipeline-3", outcome="partial"),
    "runs of a pipeline that are a failure (there is none)": lambda reader: reader.runs(pipeline="pipeline-3", outcome="failure"),
    "runs that are running": lambda reader: reader.runs(outcome="running"),
    "runs that are partial": lambda reader: reader.runs(outcome="partial"),
    "runs that are a failure (there is none)": lambda reader: reader.runs(outcome="failure"),
    "the latest run": lambda reader: reader.find("latest"),
    "a run by its row id": lambda reader: reader.find("500"),
    "a run by the beginning of its run id": lambda reader: reader.find(f"{500 * 7919:032x}"[:31]),
    "steps of a run": lambda reader: reader.steps(500),
    "errors": lambda reader: reader.errors(limit=10),
    "errors of a run": lambda reader: reader.errors(run_id=501),
    "errors of a pipeline": lambda reader: reader.errors(pipeline="pipeline-3", limit=10),
    "errors of a pipeline that has none": lambda reader: reader.errors(pipeline="pipeline-6", limit=10),
    "errors of an item": lambda reader: reader.errors(item="ABC7", limit=3),
    "drops of a run": lambda reader: reader.drops(500),
}


def writing(*, quick: bool) -> list[Figure]:
    """M1: batches of runs into a large database, and into one that was empty."""
    runs = 100_000 if quick else 1_000_000
    batches = workload.batches(_ROUNDS + 1, failed=0)
    with TemporaryDirectory() as folder:
        large, small = Path(folder, "large.sqlite"), Path(folder, "small.sqlite")
        _fill(large, runs)
        exporters = [SQLiteSpanExporter(path) for path in (large, small)]

        def exporting(exporter: SQLiteSpanExporter) -> Callable[[int], float]:
            def export(number: int) -> float:
                with Stopwatch() as stopwatch:
                    exporter.export(batches[number])
                return stopwatch.cost.wall

            return export

        progress(f"M1: {_ROUNDS} batches of {workload.RUNS_A_BATCH} runs")
        with settled():
            ours, theirs = in_turns(_ROUNDS, *map(exporting, exporters))
        for exporter in exporters:
            exporter.shutdown()
    return [ratio("M1", f"a run written into {runs:,} runs / into an empty file", ours, theirs, _WRITE_TARGET)]


def pruning(*, quick: bool) -> list[Figure]:
    """M2: how long pruning half of a database holds the lock at a time, how fast it is, and whether the file shrinks."""
    runs = 50_000 if quick else 1_000_000
    with TemporaryDirectory() as folder:
        path = Path(folder, "large.sqlite")
        _fill(path, runs)
        before = path.stat().st_size
        since = timestamp((_STARTED_S + runs // 2 * _EVERY_S) * 1_000_000_000)
        progress(f"M2: pruning {runs // 2:,} of {runs:,} runs")
        held_s, deleted, largest_wal = [], 0, 0
        began = last = time.perf_counter()
        for done in prune(path, Keep(since, since), 10):
            now = time.perf_counter()
            held_s.append(now - last)  # with nobody to wait for, a chunk is the time that it has the lock
            last = now
            deleted = done.runs
            largest_wal = max(largest_wal, path.with_name(path.name + "-wal").stat().st_size)
        took_s = time.perf_counter() - began
        kept = path.stat().st_size / before
    p99 = statistics.quantiles(held_s, n=100, method="inclusive")[-1]
    return [
        milliseconds("M2", "the write lock is held, median of the chunks", held_s, statistics.median(held_s), _LOCK_TARGET_MS),
        milliseconds("M2", "the write lock is held, p99 of the chunks", held_s, p99, _LOCK_TARGET_MS),
        Figure(
            name="M2",
            what=f"time for 10,000 of {deleted:,} runs, which leave the file as well",
            value=took_s / deleted * _PRUNE_TARGET_RUNS_S,
            target=1.0,
            unit="s",
        ),
        Figure(name="M2", what="size of the file with half of its runs / before", value=kept, target=0.6),
        Figure(name="M2", what="largest WAL meanwhile", value=largest_wal / 2**20, target=16, unit="MiB"),
    ]


def reading(*, quick: bool) -> list[Figure]:
    """R1: every question of the reader, to a large database and to a small one."""
    runs = 100_000 if quick else 1_000_000
    with TemporaryDirectory() as folder:
        large, small = Path(folder, "large.sqlite"), Path(folder, "small.sqlite")
        _fill(large, runs)
        _fill(small, _SMALL)
        progress(f"R1: {len(_QUESTIONS)} questions to {runs:,} and to {_SMALL:,} runs")
        with Reader(large) as many, Reader(small) as few, settled():
            return [figure for name in _QUESTIONS for figure in _asked(name, runs, many, few)]


def _asked(name: str, runs: int, many: Reader, few: Reader) -> list[Figure]:
    question = _QUESTIONS[name]

    def asking(reader: Reader) -> Callable[[int], float]:
        def ask(_: int) -> float:
            with Stopwatch() as stopwatch:
                for _ in range(_QUESTIONS_A_ROUND):
                    question(reader)
            return stopwatch.cost.wall / _QUESTIONS_A_ROUND

        return ask

    ours, theirs = in_turns(_ROUNDS // 3, asking(many), asking(few))
    return [
        ratio("R1", f"{name}: at {runs:,} runs / at {_SMALL:,}", ours, theirs, _READ_TARGET),
        milliseconds("R1", f"{name}: at {runs:,} runs", ours, statistics.median(ours), _READ_TARGET_MS),
    ]


def _fill(path: Path, runs: int) -> None:
    """A database with this many runs, a minute apart, of seven steps each."""
    progress(f"    making {runs:,} runs")
    with closing(dashboard(path)) as database, database.transaction(10) as connection:
        connection.execute(_RUNS, (runs,))
        for number in range(len(workload.STEPS)):
            connection.execute(_STEPS, (number,))
        connection.execute(_ERRORS)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
