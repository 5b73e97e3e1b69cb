"""Writes one batch of records into an open transaction.

A row goes from open over labelled to ended and never back; what is absolute (counts, drops) is set or raised, never added.
Statements are few and wide, and lookups bring one row: each of them hands over the GIL, which starves a writer beside a busy
pipeline.
"""

import json
import sqlite3
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from otel_sqlite.model import LABELS, DropRecord, ErrorRecord, RunRecord, SpanRecords, StepRecord, timestamp
from otel_sqlite.store.claims import RUN_ID_TAKEN, claims, strangers
from otel_sqlite.store.lookup import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RUN_LEVEL: Final = "run"  # step_name of an error that belongs to no step
UNKNOWN_PIPELINE: Final = "unknown"
_LABELS: Final = ", ".join(f"'{label}'" for label in sorted(LABELS))
_CHUNKS: Final = (512, 256, 128, 64, 32, 16, 8, 4, 2, 1)

_Span = tuple[str, str]

_RUN_COLUMNS: Final = (
    "run_uid, trace_id, span_id, club_slug, pipeline, parent_run_id, started_at, finished_at, duration_ms, outcome, "
    "is_inferred, end_reason, end_evidence, summary_json, host, pid, journal, last_seen_at"
)
# The WHERE of an upsert is the merge order: an open row takes anything, a labelled one takes its own end, an ended one nothing.
_UPSERT_RUN: Final = f"""
ON CONFLICT (run_uid) DO UPDATE SET
  trace_id = excluded.trace_id, span_id = excluded.span_id, club_slug = excluded.club_slug, pipeline = excluded.pipeline,
  parent_run_id = excluded.parent_run_id, started_at = excluded.started_at, finished_at = excluded.finished_at,
  duration_ms = excluded.duration_ms, outcome = excluded.outcome, is_inferred = excluded.is_inferred,
  end_reason = excluded.end_reason, end_evidence = excluded.end_evidence,
  summary_json = COALESCE(excluded.summary_json, summary_json),
  host = COALESCE(excluded.host, host), pid = COALESCE(excluded.pid, pid), journal = COALESCE(excluded.journal, journal),
  last_seen_at = COALESCE(excluded.last_seen_at, last_seen_at)
WHERE (runs.span_id IS NULL OR runs.span_id = excluded.span_id)
  AND (runs.finished_at IS NULL OR (excluded.finished_at IS NOT NULL AND runs.end_reason IN ({_LABELS})))
"""

_STEP_COLUMNS: Final = (
    "run_id, trace_id, span_id, club_slug, step_name, started_at, finished_at, duration_ms, outcome, created_count, "
    "updated_count, skipped_count, failed_count, end_reason, skip_reason, detail_json, journal, errors_offered"
)
_UPSERT_STEP: Final = f"""
ON CONFLICT (trace_id, span_id) DO UPDATE SET
  run_id = excluded.run_id, club_slug = excluded.club_slug, step_name = excluded.step_name, started_at = excluded.started_at,
  finished_at = excluded.finished_at, duration_ms = excluded.duration_ms, outcome = excluded.outcome,
  created_count = CASE WHEN excluded.finished_at IS NULL THEN max(created_count, excluded.created_count)
                       ELSE excluded.created_count END,
  updated_count = CASE WHEN excluded.finished_at IS NULL THEN max(updated_count, excluded.updated_count)
                       ELSE excluded.updated_count END,
  skipped_count = CASE WHEN excluded.finished_at IS NULL THEN max(skipped_count, excluded.skipped_count)
                       ELSE excluded.skipped_count END,
  failed_count = CASE WHEN excluded.finished_at IS NULL THEN max(failed_count, excluded.failed_count)
                      ELSE excluded.failed_count END,
  errors_offered = CASE WHEN excluded.finished_at IS NULL THEN max(COALESCE(errors_offered, 0), excluded.errors_offered)
                        ELSE excluded.errors_offered END,
  end_reason = excluded.end_reason, skip_reason = COALESCE(excluded.skip_reason, skip_reason),
  detail_json = COALESCE(excluded.detail_json, detail_json), journal = COALESCE(excluded.journal, journal)
WHERE run_steps.finished_at IS NULL OR (excluded.finished_at IS NOT NULL AND run_steps.end_reason IN ({_LABELS}))
"""

# A run that only its steps have told of: it began with the first of them at the latest.
_PROVISIONAL_COLUMNS: Final = "run_uid, trace_id, club_slug, pipeline, started_at, outcome"
_UPSERT_PROVISIONAL: Final = f"""
ON CONFLICT (run_uid) DO UPDATE SET
  started_at = min(started_at, excluded.started_at),
  pipeline = CASE pipeline WHEN '{UNKNOWN_PIPELINE}' THEN excluded.pipeline ELSE pipeline END
WHERE runs.span_id IS NULL
"""

_ERROR_COLUMNS: Final = (
    "run_id, run_step_id, club_slug, step_name, pipeline, trace_id, span_id, event_ns, nth, created_at, error_type, "
    "error_message, error_stack, member_identifier"
)
_KEEP_ERROR: Final = "ON CONFLICT (trace_id, span_id, event_ns, nth) DO NOTHING"

_DROP_COLUMNS: Final = "run_id, trace_id, span_id, reason, count"
_UPSERT_DROP: Final = """
ON CONFLICT (trace_id, span_id, reason) DO UPDATE SET
  run_id = COALESCE(excluded.run_id, run_id), count = max(count, excluded.count)
"""

_RUN_IDS: Final = """
SELECT json_group_array(json_array(run_uid, id, span_id)) FROM runs WHERE run_uid IN (SELECT value FROM json_each(?))
"""
_RUNS_BY_SPAN: Final = """
SELECT json_group_array(json_array(r.trace_id, r.span_id, r.run_uid)) FROM json_each(?) AS wanted
JOIN runs AS r ON r.trace_id = json_extract(wanted.value, '$[0]') AND r.span_id = json_extract(wanted.value, '$[1]')
"""
_STEPS_BY_SPAN: Final = """
SELECT json_group_array(json_array(s.trace_id, s.span_id, s.run_id, s.id, s.club_slug, s.step_name,
  CASE WHEN r.span_id NOT NULL THEN r.pipeline END, r.run_uid))
FROM json_each(?) AS wanted
JOIN run_steps AS s ON s.trace_id = json_extract(wanted.value, '$[0]') AND s.span_id = json_extract(wanted.value, '$[1]')
JOIN runs AS r ON r.id = s.run_id
"""
_HAS_PROVISIONAL: Final = "SELECT 1 FROM runs WHERE span_id IS NULL AND run_uid IS NOT NULL LIMIT 1"
_PROVISIONAL: Final = """
SELECT run_uid, id FROM runs
WHERE span_id IS NULL AND run_uid IS NOT NULL AND run_uid IN (SELECT value FROM json_each(?))
"""
# What the steps of a provisional run told of it, when it turns out to be a run that has not come either.
_INHERIT: Final = f"""
UPDATE runs SET
  started_at = min(runs.started_at, provisional.started_at),
  pipeline = CASE runs.pipeline WHEN '{UNKNOWN_PIPELINE}' THEN provisional.pipeline ELSE runs.pipeline END
FROM (SELECT started_at, pipeline FROM runs WHERE id = ?) AS provisional
WHERE runs.id = ? AND runs.span_id IS NULL
"""  # noqa: S608 - constants of this module

_TOTALS: Final = """
UPDATE runs SET
  (total_created, total_updated, total_skipped, total_failed) = (
    SELECT COALESCE(SUM(created_count), 0), COALESCE(SUM(updated_count), 0), COALESCE(SUM(skipped_count), 0),
           COALESCE(SUM(failed_count), 0)
    FROM run_steps WHERE run_id = runs.id)
WHERE id IN (SELECT value FROM json_each(?))
"""
# On its own and only where it changes something: to set an outcome is to write all the indexes that hold it.
_INFER: Final = """
UPDATE runs SET outcome = CASE outcome WHEN 'partial' THEN 'success' ELSE 'partial' END
WHERE id IN (SELECT value FROM json_each(?)) AND is_inferred AND (outcome = 'partial') <> EXISTS (
  SELECT 1 FROM run_steps WHERE run_id = runs.id AND outcome IN ('failure', 'partial'))
"""

# How much is known of the runs of some traces: starts, ends, and errors.
_KNOWN: Final = f"""
SELECT json_group_array(json_array(r.run_uid,
  1 + (r.finished_at IS NOT NULL AND r.end_reason IS NOT NULL AND r.end_reason NOT IN ({_LABELS}))
  + (SELECT COUNT(*) + COUNT(s.end_reason) FROM run_steps AS s WHERE s.run_id = r.id)
  + (SELECT COUNT(*) FROM run_errors AS e WHERE e.run_id = r.id)))
FROM runs AS r WHERE r.trace_id IN (SELECT value FROM json_each(?))
"""  # noqa: S608 - constants of this module
_COUNT_RECOVERED: Final = """
UPDATE runs SET recovered = COALESCE(recovered, 0) + json_extract(new.value, '$[1]')
FROM json_each(?) AS new WHERE runs.run_uid = json_extract(new.value, '$[0]')
"""

# Errors that came before their run did not know its pipeline.
_NAME_PIPELINE: Final = """
UPDATE run_errors INDEXED BY run_errors_unnamed SET pipeline = (SELECT pipeline FROM runs WHERE id = run_id AND span_id NOT NULL)
WHERE pipeline IS NULL AND run_id IN (SELECT value FROM json_each(?))
"""

# An exception that passed from a step through its run was noted on both: the step keeps it.
_DROP_COPIES: Final = """
DELETE FROM run_errors WHERE run_step_id IS NULL AND run_id IN (SELECT value FROM json_each(?)) AND event_ns > 0 AND EXISTS (
  SELECT 1 FROM run_errors AS step_error
  WHERE step_error.run_id = run_errors.run_id AND step_error.run_step_id IS NOT NULL
    AND step_error.error_type IS run_errors.error_type AND step_error.error_message = run_errors.error_message)
"""

# A run that was given up for silent speaks again when one of its steps tells of a moment after its last known sign of life.
_SPEAKING: Final = """
SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?)) AND end_reason = 'lost_contact' AND EXISTS (
  SELECT 1 FROM run_steps WHERE run_id = runs.id AND COALESCE(run_steps.finished_at, run_steps.started_at) > runs.finished_at)
"""
_REOPEN_RUNS: Final = """
UPDATE runs SET outcome = 'running', finished_at = NULL, duration_ms = NULL, end_reason = NULL, end_evidence = NULL
WHERE id IN (SELECT value FROM json_each(?))
"""
_REOPEN_STEPS: Final = """
UPDATE run_steps SET outcome = NULL, finished_at = NULL, duration_ms = NULL, end_reason = NULL
WHERE run_id IN (SELECT value FROM json_each(?)) AND end_reason = 'lost_contact'
"""


class Batch:
    """One batch of records on its way into an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """The caller commits."""
        self._connection = connection

    def write(self, batch: "Sequence[SpanRecords]", *, is_recovery: bool) -> None:
        """Make the rows say what the records say; with ``is_recovery``, count on each run what was not known before."""
        if is_recovery:
            self._recover(batch)
        else:
            self._apply(batch)

    def _recover(self, batch: "Sequence[SpanRecords]") -> None:
        """Apply, and count what is new by it."""
        traces = sorted({records.span.trace_id for records in batch})
        before = dict(look_up(self._connection, _KNOWN, traces))
        self._apply(batch)
        after = look_up(self._connection, _KNOWN, traces)
        new = [(run_uid, more) for run_uid, known in after if (more := known - before.get(run_uid, 0)) > 0]
        if new:
            self._connection.execute(_COUNT_RECOVERED, (json.dumps(new),))

    def _apply(self, batch: "Iterable[SpanRecords]") -> None:
        spans, errors, drops = self._without_strangers(*_newest(batch))
        runs = [record for record in spans.values() if isinstance(record, RunRecord)]
        steps = [record for record in spans.values() if isinstance(record, StepRecord)]
        self._write_runs(runs)
        run_uids = self._runs_of(steps)
        run_ids = self._ids_of({run.run_uid for run in runs}, steps, run_uids)
        self._write_steps(steps, run_uids, run_ids)
        self._join_provisional(spans, run_uids, run_ids)
        touched = sorted(set(run_ids.values()))
        self._write_errors(errors, drops, runs, run_ids)
        if any(step.journal is None for step in steps):
            self._reopen_speaking(touched)
        self._connection.execute(_NAME_PIPELINE, (json.dumps(touched),))
        self._connection.execute(_TOTALS, (json.dumps(touched),))
        self._connection.execute(_INFER, (json.dumps(touched),))
        if errors:
            self._connection.execute(_DROP_COPIES, (json.dumps(touched),))

    def _without_strangers(
        self, spans: "dict[_Span, RunRecord | StepRecord]", errors: "list[ErrorRecord]", drops: "list[DropRecord]"
    ) -> "tuple[dict[_Span, RunRecord | StepRecord], list[ErrorRecord], list[DropRecord]]":
        """Leave out and count what names a run id that another run has; count a further run of the pipeline that has it."""
        held = claims(self._connection, spans.values())
        away = strangers(spans, held)
        if away:
            lost = Counter((error.trace_id, error.span_id) for error in errors)
            # Of no run: the one that has the id is not to be changed by them.
            insert_drops(self._connection, [(None, *span, RUN_ID_TAKEN, max(lost[span], 1)) for span in sorted(away)])
            spans = {span: record for span, record in spans.items() if span not in away}
            errors = [error for error in errors if (error.trace_id, error.span_id) not in away]
            drops = [drop for drop in drops if (drop.trace_id, drop.span_id) not in away]
        further = [
            DropRecord(*span, RUN_ID_TAKEN, 1)
            for span, record in spans.items()
            if isinstance(record, RunRecord) and not held[record.run_uid].is_of(record)
        ]
        return spans, errors, drops + further

    def _write_runs(self, runs: "Sequence[RunRecord]") -> None:
        rows = [
            (
                run.run_uid,
                run.trace_id,
                run.span_id,
                run.club,
                run.pipeline,
                run.parent_run_id,
                timestamp(run.started_ns),
                None if run.ended_ns is None else timestamp(run.ended_ns),
                run.duration_ms,
                run.outcome,
                int(run.is_inferred),
                run.end_reason,
                run.end_evidence,
                run.summary,
                run.host,
                run.pid,
                run.journal,
                None if run.seen_ns is None else timestamp(run.seen_ns),
            )
            for run in runs
        ]
        _insert(self._connection, "runs", _RUN_COLUMNS, _UPSERT_RUN, rows)

    def _runs_of(self, steps: "Sequence[StepRecord]") -> dict[_Span, str]:
        """The run of each step by the step's span: the id stamped on it, else what its parent span is or turns out to be."""
        unstamped = [step for step in steps if step.run_uid is None]
        parents: dict[_Span, str] = {}
        if unstamped:
            wanted = [(step.trace_id, step.parent_span_id) for step in unstamped]
            for trace_id, span_id, *_, run_uid in look_up(self._connection, _STEPS_BY_SPAN, wanted):
                parents[trace_id, span_id] = run_uid
            for trace_id, span_id, run_uid in look_up(self._connection, _RUNS_BY_SPAN, wanted):
                parents[trace_id, span_id] = run_uid
        uids = {}
        for step in steps:
            parent = (step.trace_id, step.parent_span_id or "")
            uids[step.trace_id, step.span_id] = step.run_uid or parents.get(parent) or "-".join(parent)
        return uids

    def _ids_of(self, uids: set[str], steps: "Sequence[StepRecord]", run_uids: dict[_Span, str]) -> dict[str, int]:
        """Row ids by run_uid; a run that only its steps know gets a row here."""
        wanted = sorted(uids | set(run_uids.values()))
        found = look_up(self._connection, _RUN_IDS, wanted)
        known = {uid for uid, _, span_id in found if span_id is not None}
        rows = [
            (uid, step.trace_id, step.club, step.pipeline or UNKNOWN_PIPELINE, timestamp(step.started_ns), "running")
            for step in steps
            if (uid := run_uids[step.trace_id, step.span_id]) not in known
        ]
        if rows:
            _insert(self._connection, "runs", _PROVISIONAL_COLUMNS, _UPSERT_PROVISIONAL, rows)
            found = look_up(self._connection, _RUN_IDS, wanted)
        return {uid: row_id for uid, row_id, _ in found}

    def _write_steps(self, steps: "Sequence[StepRecord]", run_uids: dict[_Span, str], run_ids: dict[str, int]) -> None:
        rows = [
            (
                run_ids[run_uids[step.trace_id, step.span_id]],
                step.trace_id,
                step.span_id,
                step.club,
                step.name,
                timestamp(step.started_ns),
                None if step.ended_ns is None else timestamp(step.ended_ns),
                step.duration_ms,
                step.outcome,
                step.created,
                step.updated,
                step.skipped,
                step.failed,
                step.end_reason,
                step.skip_reason,
                step.detail,
                step.journal,
                step.errors_offered,
            )
            for step in steps
        ]
        _insert(self._connection, "run_steps", _STEP_COLUMNS, _UPSERT_STEP, rows)

    def _join_provisional(
        self, spans: "dict[_Span, RunRecord | StepRecord]", run_uids: dict[_Span, str], run_ids: dict[str, int]
    ) -> None:
        """Steps that knew only their parent span made a run named after it; now that span has come, and it may have another."""
        if not self._connection.execute(_HAS_PROVISIONAL).fetchone():
            return  # nearly always
        wanted = json.dumps(["-".join(span) for span in spans])
        joined: dict[str, str] = {}
        for uid, row_id in self._connection.execute(_PROVISIONAL, (wanted,)).fetchall():
            trace_id, _, span_id = uid.partition("-")
            record = spans[trace_id, span_id]
            run_uid = record.run_uid if isinstance(record, RunRecord) else run_uids[trace_id, span_id]
            while run_uid in joined:
                run_uid = joined[run_uid]
            if run_uid is None or run_uid == uid:
                continue
            for table in ("run_steps", "run_errors", "run_drops"):
                self._connection.execute(f"UPDATE {table} SET run_id = ? WHERE run_id = ?", (run_ids[run_uid], row_id))  # noqa: S608
            self._connection.execute(_INHERIT, (row_id, run_ids[run_uid]))
            self._connection.execute("DELETE FROM runs WHERE id = ?", (row_id,))
            run_ids.pop(uid, None)
            joined[uid] = run_uid

    def _reopen_speaking(self, touched: "Sequence[int]") -> None:
        if speaking := [row_id for (row_id,) in self._connection.execute(_SPEAKING, (json.dumps(touched),))]:
            self._connection.execute(_REOPEN_RUNS, (json.dumps(speaking),))
            self._connection.execute(_REOPEN_STEPS, (json.dumps(speaking),))

    def _write_errors(
        self,
        errors: "Sequence[ErrorRecord]",
        drops: "Sequence[DropRecord]",
        runs: "Sequence[RunRecord]",
        run_ids: dict[str, int],
    ) -> None:
        if not errors and not drops:
            return
        owners: dict[_Span, tuple[int, int | None, str, str, str | None]] = {
            (run.trace_id, run.span_id): (run_ids[run.run_uid], None, run.club, RUN_LEVEL, run.pipeline) for run in runs
        }
        keys = {(error.trace_id, error.span_id) for error in errors} | {(drop.trace_id, drop.span_id) for drop in drops}
        for trace_id, span_id, *owner, _ in look_up(self._connection, _STEPS_BY_SPAN, sorted(keys)):
            owners[trace_id, span_id] = tuple(owner)
        rows = [(*owners[error.trace_id, error.span_id], *error) for error in errors]
        _insert(self._connection, "run_errors", _ERROR_COLUMNS, _KEEP_ERROR, rows)
        lost = [(owners[drop.trace_id, drop.span_id][0], *drop) for drop in drops]
        insert_drops(self._connection, lost)


def _newest(
    batch: "Iterable[SpanRecords]",
) -> "tuple[dict[_Span, RunRecord | StepRecord], list[ErrorRecord], list[DropRecord]]":
    """The last word of each span, and all errors and drops."""
    spans: dict[_Span, RunRecord | StepRecord] = {}
    errors: list[ErrorRecord] = []
    drops: list[DropRecord] = []
    for records in batch:
        key = (records.span.trace_id, records.span.span_id)
        if None in key:  # it would be another row each time that it is told
            raise ValueError("a span without its ids")
        earlier = spans.get(key)
        if earlier is None or earlier.ended_ns is None:
            spans[key] = records.span
        errors += records.errors
        drops += records.drops
    return spans, errors, drops


def insert_drops(connection: sqlite3.Connection, rows: "Sequence[tuple[object, ...]]") -> None:
    """Note what was dropped: row id of the run (None: of no run that is known), trace id, span id, reason, count."""
    _insert(connection, "run_drops", _DROP_COLUMNS, _UPSERT_DROP, rows)


def _insert(
    connection: sqlite3.Connection, table: str, columns: str, conflict: str, rows: "Sequence[tuple[object, ...]]"
) -> None:
    """Insert rows by as few statements as there are chunks."""
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= size:
            chunk = rows[start : start + size]
            connection.execute(_statement(table, columns, conflict, size), [value for row in chunk for value in row])
            start += size


@lru_cache(maxsize=64)
def _statement(table: str, columns: str, conflict: str, size: int) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([row] * size)} {conflict}"  # noqa: S608 - constants of this module
