"""C1, L1: what the live path costs the pipeline that records, and how soon others see it."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sqlite import run
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from tests.benchmarks import workload
from tests.benchmarks.measure import Cost, Figure, Stopwatch, in_turns, milliseconds, progress, ratio

_CPU_TARGET = 1.10
_WALL_TARGETS = {workload.FAILED: 1.2, 0: 1.5}
_VISIBLE_TARGET_MS = 50
_QUEUE = 10_000  # the default one would overflow, and dropping costs nothing
_RUNS_A_LOOP = {workload.FAILED: 100, 0: 400}


def beside_the_sdk(*, quick: bool) -> list[Figure]:
    """C1: the pipeline in a loop that never waits, recorded by us, and by the SDK into memory."""
    rounds = 4 if quick else 14
    return [figure for failed in _WALL_TARGETS for figure in _beside_the_sdk(rounds, failed)]


def visibility(*, quick: bool) -> list[Figure]:
    """L1: from the start of a run until another process reads it and its first step."""
    first, later = [], []
    rounds = 10 if quick else 40
    progress(f"L1: {rounds} processes' first runs and second runs, watched by another process")
    with TemporaryDirectory() as folder, _watcher(Path(folder, "dashboard.sqlite")) as seen_after:
        for number in range(rounds + 1):
            with recording(DashboardSpanProcessor(Path(folder, "dashboard.sqlite"))) as provider:
                times = [seen_after(provider, f"{number}-{nth}") for nth in ("first", "second")]
            if number:  # the very first makes the database
                first.append(times[0])
                later.append(times[1])
    return [*_latency("a process's first run", first), *_latency("its second run", later)]


def _beside_the_sdk(rounds: int, failed: int) -> list[Figure]:
    runs = _RUNS_A_LOOP[failed]
    progress(f"C1: {rounds} loops of {runs} runs with {failed} errors, beside Batch and InMemory")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        memory = InMemorySpanExporter()
        ours = stack.enter_context(recording(DashboardSpanProcessor(Path(folder, "dashboard.sqlite"))))
        theirs = stack.enter_context(recording(BatchSpanProcessor(memory, max_queue_size=_QUEUE)))
        our_costs, their_costs = in_turns(rounds, _looping(ours, runs, failed), _looping(theirs, runs, failed, memory.clear))
    cpu = ratio(
        "C1",
        f"caller's CPU / Batch+InMemory, {failed} errors a run",
        [cost.cpu for cost in our_costs],
        [cost.cpu for cost in their_costs],
        _CPU_TARGET,
    )
    wall = ratio(
        "C1",
        f"caller's wall time / Batch+InMemory, {failed} errors a run",
        [cost.wall for cost in our_costs],
        [cost.wall for cost in their_costs],
        _WALL_TARGETS[failed],
    )
    return [cpu, wall]


def _looping(provider: TracerProvider, runs: int, failed: int, tidy: Callable[[], None] = lambda: None) -> Callable[[int], Cost]:
    reported = workload.results(failed)

    def loop(_: int) -> Cost:
        with Stopwatch() as stopwatch:
            for _ in range(runs):
                workload.run_pipeline(provider, reported)
        # What is left for the background is finished before the other one's turn.
        provider.force_flush()
        tidy()
        return stopwatch.cost

    return loop


@contextmanager
def recording(processor: SpanProcessor) -> Iterator[TracerProvider]:
    provider = unlimited_provider()
    provider.add_span_processor(processor)
    try:
        yield provider
    finally:
        provider.shutdown()


# Says at what moment a run with its step is first seen; the clock is the same for all processes of a machine.
_WATCHER = """
import sqlite3, sys, time
for name in sys.stdin:
    name = name.strip()
    while True:
        try:
            connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
            query = "SELECT 1 FROM runs r JOIN run_steps s ON s.run_id = r.id WHERE r.club_slug = 'rondo' AND r.pipeline = ?"
            while not connection.execute(query, (name,)).fetchone():
                time.sleep(0.001)
            break
        except sqlite3.OperationalError:
            time.sleep(0.001)
    print(time.monotonic(), flush=True)
    connection.close()
"""


@contextmanager
def _watcher(path: Path) -> Iterator[Callable[[TracerProvider, str], float]]:
    """Gives the function that starts a run and says after how many seconds another process saw it."""
    with subprocess.Popen(
        [sys.executable, "-c", _WATCHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answer = process.stdin, process.stdout

        def seen_after(provider: TracerProvider, name: str) -> float:
            ask.write(f"{name}\n")
            began = time.monotonic()
            with run(name, tracer_provider=provider) as tracker, tracker.step("download"):
                return float(answer.readline()) - began

        yield seen_after
        ask.close()


def _latency(what: str, times_s: list[float]) -> list[Figure]:
    p95 = statistics.quantiles(times_s, n=20, method="inclusive")[-1]
    return [
        milliseconds("L1", f"{what} is visible to others, median", times_s, statistics.median(times_s), _VISIBLE_TARGET_MS),
        milliseconds("L1", f"{what} is visible to others, p95", times_s, p95, _VISIBLE_TARGET_MS),
    ]
