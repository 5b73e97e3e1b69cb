"""S1: what the bridge adds to the start and the end of a process."""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from otel_sqlite.processor import DashboardSpanProcessor
from tests.benchmarks import workload
from tests.benchmarks.live import recording
from tests.benchmarks.measure import Figure, in_turns, progress, ratio

_IMPORT_TARGET = 1.10
_JOB_TARGET = 1.25
_CLI_TARGET = 2.0

_TIMED_IMPORT = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
_OUR_IMPORT = "from otel_sqlite import ItemError, Outcome, run"  # what a pipeline imports: the package alone loads nothing
_THEIR_IMPORT = "import opentelemetry.trace"

_OUR_JOB = """
from otel_sqlite import configure, run
configure({path!r})
with run("people"):
    pass
"""
_THEIR_JOB = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
trace.set_tracer_provider(provider)
with trace.get_tracer("job").start_as_current_span("RUN people"):
    pass
"""
_CLI = "import sys; from otel_sqlite.cli import main; sys.argv = ['otel-sqlite', 'runs', '--json', '--path', {path!r}]; main()"


def starts(*, quick: bool) -> list[Figure]:
    """S1: imports, an empty job, and the command line, each in processes of their own."""
    rounds = 8 if quick else 30
    with TemporaryDirectory() as folder:
        path = Path(folder, "dashboard.sqlite")
        with recording(DashboardSpanProcessor(path)) as provider:
            for _ in range(20):
                workload.run_pipeline(provider, workload.results(failed=2))
        return [_imports(rounds), _jobs(rounds, str(path)), *_command_line(rounds, str(path))]


def _imports(rounds: int) -> Figure:
    progress(f"S1: {rounds} imports")
    ours, theirs = in_turns(rounds, _own_time(_OUR_IMPORT), _own_time(_THEIR_IMPORT))
    return ratio("S1", f"{_OUR_IMPORT} / {_THEIR_IMPORT}", ours, theirs, _IMPORT_TARGET)


def _jobs(rounds: int, path: str) -> Figure:
    progress(f"S1: {rounds} processes with one empty run")
    ours, theirs = in_turns(rounds, _whole_time(_OUR_JOB.format(path=path)), _whole_time(_THEIR_JOB))
    return ratio("S1", "configure, an empty run, exit / the same with the SDK alone", ours, theirs, _JOB_TARGET)


def _command_line(rounds: int, path: str) -> list[Figure]:
    progress(f"S1: {rounds} commands")
    ours, theirs = in_turns(rounds, _whole_time(_CLI.format(path=path)), _whole_time("import argparse, sqlite3"))
    time_figure = ratio("S1", "otel-sqlite runs --json / import argparse, sqlite3", ours, theirs, _CLI_TARGET)
    loaded = _python("-X", "importtime", "-c", _CLI.format(path=path)).stderr.count("opentelemetry.sdk")
    return [
        time_figure,
        Figure(name="S1", what="modules of the SDK that otel-sqlite runs --json loads", value=loaded, target=0, unit="modules"),
    ]


def _own_time(statement: str) -> Callable[[int], float]:
    return lambda _: float(_python("-c", _TIMED_IMPORT.format(statement)).stdout)


def _whole_time(code: str) -> Callable[[int], float]:
    def run(_: int) -> float:
        began = time.perf_counter()
        _python("-c", code)
        return time.perf_counter() - began

    return run


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True, env=_environment())


@cache
def _environment() -> dict[str, str]:
    """Ours, with a cache of compiled modules: without one (PYTHONDONTWRITEBYTECODE) compiling would outweigh everything."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder.name}
