"""W1, W2: the batch path beside SQLite's own speed, and beside the exporters of others."""

import importlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult

from otel_sqlite.exporter import SQLiteSpanExporter
from otel_sqlite.store.adopt import dashboard
from tests.benchmarks import workload
from tests.benchmarks.measure import Figure, Stopwatch, in_turns, progress, ratio, settled

_TABLES = ("runs", "run_steps", "run_errors", "run_drops")
_FLOOR_TARGETS = {workload.FAILED: 1.5, 0: 1.6}
_FLOOR_ROUNDS = {workload.FAILED: 30, 0: 90}
_CONSOLE_TARGET = 0.4
_JSON_TARGET = 0.35

_Batch = Sequence[ReadableSpan]
_Rows = dict[str, list[tuple[object, ...]]]


def beside_the_floor(*, quick: bool) -> list[Figure]:
    """W1: the exporter, and a bare ``executemany`` of the rows that it writes, in the same transactions."""
    return [
        _beside_the_floor(_FLOOR_ROUNDS[failed] // (5 if quick else 1), failed, target)
        for failed, target in _FLOOR_TARGETS.items()
    ]


def beside_others(*, quick: bool) -> list[Figure]:
    """W2: the exporter, and what others do with the same spans."""
    rounds = 4 if quick else 16
    return [figure for failed in _FLOOR_TARGETS for figure in _beside_others(rounds, failed)]


def _beside_the_floor(rounds: int, failed: int, target: float) -> Figure:
    progress(f"W1: {rounds} batches of {workload.BATCH_SPANS} spans, {failed} errors a run, beside executemany")
    batches = workload.batches(rounds + 1, failed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        rows = _rows_of(folder / "rows.sqlite", batches)
        exporter = SQLiteSpanExporter(folder / "ours.sqlite")
        stack.callback(exporter.shutdown)
        floor = stack.enter_context(closing(_bare(folder / "floor.sqlite")))
        with settled():
            ours, theirs = in_turns(rounds, _exporting(exporter, batches), _inserting(floor, rows))
    return ratio("W1", f"export / executemany of the same rows, {failed} errors a run", ours, theirs, target)


def _beside_others(rounds: int, failed: int) -> list[Figure]:
    progress(f"W2: {rounds} batches of {workload.BATCH_SPANS} spans, {failed} errors a run, beside other exporters")
    batches = workload.batches(rounds + 1, failed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        exporter = SQLiteSpanExporter(folder / "ours.sqlite")
        stack.callback(exporter.shutdown)
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        others: list[tuple[str, float | None, Callable[[int], float]]] = [
            ("ConsoleSpanExporter", _CONSOLE_TARGET, _exporting(ConsoleSpanExporter(out=nowhere), batches)),
            ("OTLP protobuf encoding alone", None, _exporting(_Encoder(), batches)),
        ]
        if (to_file := _json_file_exporter(folder / "spans.jsonl")) is not None:
            stack.callback(to_file.shutdown)
            others.append(("OTLP JSON file exporter", _JSON_TARGET, _exporting(to_file, batches)))
        with settled():
            ours, *theirs = in_turns(rounds, _exporting(exporter, batches), *[timed for *_, timed in others])
    figures = [
        ratio("W2", f"export / {name}, {failed} errors a run", ours, times, target)
        for (name, target, _), times in zip(others, theirs, strict=True)
    ]
    if to_file is None:
        what = f"export / OTLP JSON file exporter, {failed} errors a run"
        note = "not installed (opentelemetry-exporter-otlp-json-file)"
        figures.append(Figure(name="W2", what=what, value=None, target=_JSON_TARGET, note=note))
    return figures


class _Encoder(SpanExporter):
    """What an OTLP exporter does before it sends anything."""

    def export(self, spans: _Batch) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def _json_file_exporter(path: Path) -> SpanExporter | None:
    """None where it is not installed: there are only pre-releases, each for one version of the SDK."""
    try:
        module = importlib.import_module("opentelemetry.exporter.otlp.json.file")
    except ImportError:
        return None
    exporter: SpanExporter = module.FileSpanExporter(path)
    return exporter


def _exporting(exporter: SpanExporter, batches: Sequence[_Batch]) -> Callable[[int], float]:
    def export(number: int) -> float:
        with Stopwatch() as stopwatch:
            result = exporter.export(batches[number])
        assert result is SpanExportResult.SUCCESS
        return stopwatch.cost.wall

    return export


def _inserting(connection: sqlite3.Connection, rows: Sequence[_Rows]) -> Callable[[int], float]:
    def insert(number: int) -> float:
        with Stopwatch() as stopwatch:
            connection.execute("BEGIN IMMEDIATE")
            for table, values in rows[number].items():
                connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values[0]))})", values)
            connection.execute("COMMIT")
        return stopwatch.cost.wall

    return insert


def _rows_of(path: Path, batches: Sequence[_Batch]) -> list[_Rows]:
    """The rows that the exporter makes of each batch."""
    exporter = SQLiteSpanExporter(path)
    rows: list[_Rows] = []
    for batch in batches:
        exporter.export(batch)
        with closing(sqlite3.connect(path)) as connection:
            seen = {table: sum(len(earlier.get(table, ())) for earlier in rows) for table in _TABLES}
            found = {
                table: connection.execute(f"SELECT * FROM {table} WHERE id > ?", (seen[table],)).fetchall() for table in _TABLES
            }
        rows.append({table: values for table, values in found.items() if values})
    exporter.shutdown()
    return rows


def _bare(path: Path) -> sqlite3.Connection:
    """A database with the same tables and indexes, opened with nothing of ours but the durability."""
    made = dashboard(path)
    with made.transaction(timeout_s=10):
        pass
    made.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection
