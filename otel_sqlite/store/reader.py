"""The questions that the command line and the dashboard ask of the database: a method each, which changes nothing.

Durations are in milliseconds; times are texts as stored, UTC. What the database that came before did not know is None.
"""

import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from otel_sqlite.errors import StoreError, StoreForbiddenError, StoreMissingError, StoreReadOnlyError
from otel_sqlite.store import adopt, retention
from otel_sqlite.store.connection import check_free_space, is_there, store_error

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LATEST: Final = "latest"

_BUSY_TIMEOUT_MS: Final = 1_000
_MAX_ROW_ID_DIGITS: Final = 18

_RUNS: Final = """
SELECT r.id, r.run_uid, r.club_slug AS club, r.pipeline, r.started_at, r.finished_at, r.duration_ms, r.outcome,
  COALESCE(r.total_created, 0) AS created, COALESCE(r.total_updated, 0) AS updated,
  COALESCE(r.total_skipped, 0) AS skipped, COALESCE(r.total_failed, 0) AS failed,
  r.end_reason, r.end_evidence, r.parent_run_id, r.trace_id, r.host, r.pid, r.journal, r.last_seen_at, r.recovered,
  CASE WHEN r.outcome = 'running' THEN
    (SELECT json_group_array(s.step_name) FROM run_steps s WHERE s.run_id = r.id AND s.finished_at IS NULL)
  END AS open_steps,
  (SELECT COALESCE(SUM(d.count), 0) FROM run_drops d WHERE d.run_id = r.id) AS dropped
FROM runs r
"""
_NEWEST_RUNS_FIRST: Final = "ORDER BY r.started_at DESC, r.id DESC LIMIT :limit"
# One seek per club, then one along the index: a bare pipeline = ? would walk over the runs of all pipelines.
_OF_PIPELINE: Final = """
r.id IN (
  WITH RECURSIVE clubs (club) AS (
    SELECT MIN(club_slug) FROM runs
    UNION ALL
    SELECT (SELECT MIN(club_slug) FROM runs WHERE club_slug > club) FROM clubs WHERE club IS NOT NULL
  )
  SELECT p.id FROM clubs JOIN runs p ON p.id IN (
    SELECT n.id FROM runs n WHERE n.club_slug = clubs.club AND n.pipeline = :pipeline {and_outcome}
    ORDER BY n.started_at DESC, n.id DESC LIMIT :limit
  )
)
"""
# At most two are looked at, however many begin so.
_WITH_BEGINNING: Final = "WHERE r.id IN (SELECT id FROM runs WHERE run_uid > :name AND run_uid < :after LIMIT 2)"
_STEPS: Final = """
SELECT id, step_name AS name, started_at, finished_at, duration_ms, outcome,
  COALESCE(created_count, 0) AS created, COALESCE(updated_count, 0) AS updated,
  COALESCE(skipped_count, 0) AS skipped, COALESCE(failed_count, 0) AS failed, end_reason, skip_reason, detail_json
FROM run_steps WHERE run_id = :run ORDER BY started_at, id
"""
_ERRORS: Final = """
SELECT e.id AS id, e.run_id, r.run_uid, r.club_slug AS club, r.pipeline, e.step_name AS step, e.member_identifier AS item_id,
  e.error_type, e.error_message AS message, e.error_stack AS stack, e.created_at
FROM run_errors e JOIN runs r ON r.id = e.run_id
"""
_EXPIRED: Final = f"""
WITH expired AS ({retention.EXPIRED_RUNS}) SELECT
  (SELECT COUNT(*) FROM expired) AS runs,
  (SELECT COUNT(*) FROM run_steps WHERE run_id IN (SELECT id FROM expired)) AS steps,
  (SELECT COUNT(*) FROM run_errors WHERE created_at < :errors_since OR run_id IN (SELECT id FROM expired)) AS errors,
  (SELECT COUNT(*) FROM run_drops WHERE run_id IN (SELECT id FROM expired)) AS drops
"""  # noqa: S608 - constants of this package
_LEDGER: Final = """
WITH s AS MATERIALIZED (
  SELECT id, trace_id, span_id, errors_offered FROM run_steps
  WHERE errors_offered > 0 AND run_id IN (SELECT id FROM runs {where})
)
SELECT COALESCE(SUM(errors_offered), 0) AS offered,
  COALESCE(SUM((SELECT COUNT(*) FROM run_errors AS e WHERE e.run_step_id = s.id AND e.event_ns > 0)), 0) AS stored,
  COALESCE(SUM((SELECT SUM(count) FROM run_drops AS d WHERE d.trace_id = s.trace_id AND d.span_id = s.span_id)), 0) AS dropped
FROM s
"""
_DROPS_SINCE: Final = """
SELECT reason, SUM(count) AS dropped FROM run_drops
WHERE run_id IS NULL OR run_id IN (SELECT id FROM runs WHERE started_at >= :since) GROUP BY reason ORDER BY reason
"""
# Rows that do not say their pipeline are those of others, and of runs that only their steps told of.
_ERRORS_OF_PIPELINE: Final = ("{plus}e.pipeline = :pipeline", "{plus}e.pipeline IS NULL AND r.pipeline = :pipeline")
_DROPS: Final = "SELECT reason, SUM(count) AS dropped FROM run_drops WHERE run_id IS :run GROUP BY reason ORDER BY reason"


# Rows are named tuples: every command makes these classes when it starts, and dataclasses take eight times as long.


class RunRow(NamedTuple):
    """One run.

    Attributes:
        id: Row id; used again after a cleanup, so links use run_uid.
        run_uid: The run's identity.
        outcome: None only where another writer left it out.
        journal: The file whose lock proves the process of a running run alive; None: nobody watches it.
        open_steps: Names of the steps that a running run is in.
        dropped: How many records of the run could not be kept; ``Reader.drops`` has the reasons.
        recovered: How many starts, ends and errors only the journal of a dead process knew; None: none.
    """

    id: int
    run_uid: str | None
    club: str
    pipeline: str
    started_at: str
    finished_at: str | None
    duration_ms: int | None
    outcome: str | None
    created: int
    updated: int
    skipped: int
    failed: int
    end_reason: str | None
    end_evidence: str | None
    parent_run_id: str | None
    trace_id: str | None
    host: str | None
    pid: int | None
    journal: str | None
    last_seen_at: str | None
    open_steps: tuple[str, ...] = ()
    dropped: int = 0
    recovered: int | None = None


class StepRow(NamedTuple):
    """One step; ``outcome`` is None while it is open, and for ever where its process died before there was a bridge."""

    id: int
    name: str
    started_at: str
    finished_at: str | None
    duration_ms: int | None
    outcome: str | None
    created: int
    updated: int
    skipped: int
    failed: int
    end_reason: str | None
    skip_reason: str | None
    detail_json: str | None


class ErrorRow(NamedTuple):
    """One error; ``item_id`` is None when it is not the failure of one item."""

    id: int
    run_id: int
    run_uid: str | None
    club: str
    pipeline: str
    step: str
    item_id: str | None
    error_type: str | None
    message: str
    stack: str | None
    created_at: str


class DropRow(NamedTuple):
    """How many records were not kept for one reason."""

    reason: str
    dropped: int


class Ledger(NamedTuple):
    """What became of the item errors that steps were given.

    Attributes:
        missing: Neither stored nor dropped: deleted since, or on its way; else a fault of the bridge.
    """

    offered: int
    stored: int
    dropped: int

    @property
    def missing(self) -> int:
        """What was offered, less what is accounted for."""
        return self.offered - self.stored - self.dropped


_Row = TypeVar("_Row", RunRow, StepRow, ErrorRow, DropRow)


class Reader:
    """An open dashboard database that is only read; a context manager.

    It reads where nothing can be written, too. A dashboard that lacks our columns and tables is read through a copy in memory.

    Attributes:
        path: The file.
        is_current: Whether the file itself has the schema of this version.
    """

    def __init__(self, path: "Path") -> None:
        """Open the database; never creates one.

        Args:
            path: Absolute.

        Raises:
            StoreError: There is none, or none that can be read; a kind of it says why.
        """
        self.path = path
        try:
            self._connection = _open(path)
            try:
                self.is_current = adopt.check(self._connection, path)
                if not self.is_current:
                    self._connection = _adopted_copy(self._connection, path)
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise _known(error, path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; calling it again does nothing."""
        self._connection.close()

    def runs(self, *, pipeline: str | None = None, outcome: str | None = None, limit: int = 20) -> list[RunRow]:
        """The newest runs, newest first."""
        conditions = []
        if pipeline is not None:
            conditions.append(_OF_PIPELINE.format(and_outcome="" if outcome is None else "AND n.outcome = :outcome"))
        if outcome is not None:
            conditions.append("r.outcome = :outcome")
        return self._runs(_where(conditions), pipeline=pipeline, outcome=outcome, limit=limit)

    def run(self, run_uid: str) -> RunRow | None:
        """The run of exactly this run id."""
        found = self._runs("WHERE r.run_uid = :name", limit=1, name=run_uid)
        return found[0] if found else None

    def find(self, name: str) -> list[RunRow]:
        """The run of this name: ``latest``, a run id, a row id, a pipeline (its newest run), or the beginning of a run id.

        Digits alone are no beginning: the number of a run that was deleted must not show another one.

        Returns:
            Nothing when there is none, two of them when the beginning is not unique.
        """
        if name == LATEST:
            return self._runs(limit=1)
        if (run := self.run(name)) is not None:
            return [run]
        return self._run_of_row(name) or self.runs(pipeline=name, limit=1) or self._runs_beginning(name)

    def children(self, run_uid: str) -> list[RunRow]:
        """The runs that this run started, in the order of their start."""
        return self._runs("WHERE r.parent_run_id = :parent", limit=-1, parent=run_uid)[::-1]

    def summary(self, run_id: int) -> str | None:
        """What the run said of itself, as JSON text."""
        rows = self._ask("SELECT summary_json FROM runs WHERE id = :run", run=run_id)
        return rows[0]["summary_json"] if rows else None

    def steps(self, run_id: int) -> list[StepRow]:
        """The steps of a run, in the order of their start."""
        return self._rows(StepRow, _STEPS, run=run_id)

    def errors(
        self,
        *,
        run_id: int | None = None,
        pipeline: str | None = None,
        item: str | None = None,
        since: str | None = None,
        limit: int = -1,
    ) -> list[ErrorRow]:
        """Errors, newest first; those of one run in the order in which they happened.

        Args:
            run_id: Row id of the run.
            pipeline: Name of the pipeline.
            item: Item id, exactly.
            since: Only those at this time or later; in the form of the database.
            limit: How many at most; -1: all.
        """
        filters = {"e.run_id = :run": run_id, "e.member_identifier = :item": item, "e.created_at >= :since": since}
        conditions = [condition for condition, value in filters.items() if value is not None]
        parts = [_where(conditions)]
        if pipeline is not None:
            # The + keeps it from being the index that is walked along, where there is a better one.
            plus = "" if run_id is None and item is None else "+"
            parts = [_where([*conditions, condition.format(plus=plus)]) for condition in _ERRORS_OF_PIPELINE]
        order = "ORDER BY created_at DESC, id DESC" if run_id is None else "ORDER BY created_at, id"
        values = {"run": run_id, "pipeline": pipeline, "item": item, "since": since, "limit": limit}
        return self._rows(ErrorRow, f"{' UNION ALL '.join(_ERRORS + part for part in parts)} {order} LIMIT :limit", **values)

    def count_errors(self, run_id: int) -> int:
        """How many errors a run has."""
        return int(self._ask("SELECT COUNT(*) AS number FROM run_errors WHERE run_id = :run", run=run_id)[0]["number"])

    def drops(self, run_id: int | None) -> list[DropRow]:
        """What could not be kept of a run, or (None) of runs that nobody knows."""
        return self._rows(DropRow, _DROPS, run=run_id)

    def expired(self, keep: "retention.Keep") -> "retention.Pruned":
        """What pruning would delete now; the bytes are not foretold."""
        return retention.Pruned(**self._ask(_EXPIRED, **keep._asdict())[0])

    @property
    def free_bytes(self) -> int:
        """What is free inside the file: it is used again, or given back to the disk."""
        pages, size = self._ask("SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size")[0].values()
        return int(pages * size)

    def drops_since(self, since: str) -> list[DropRow]:
        """What could not be kept of runs that started since a time, and of runs that nobody knows."""
        return self._rows(DropRow, _DROPS_SINCE, since=since)

    def count_strangers(self, since: str) -> int:
        """How many runs since a time were written by the tracker that came before."""
        query = "SELECT COUNT(*) AS number FROM runs WHERE started_at >= :since AND run_uid IS NULL"
        return int(self._ask(query, since=since)[0]["number"])

    def ledger(self, run_id: int | None = None, since: str | None = None) -> Ledger:
        """What became of the item errors of one run, or of all runs that started since a time."""
        where = "WHERE started_at >= :since" if run_id is None else "WHERE id = :run"
        rows = self._ask(_LEDGER.format(where=where), run=run_id, since=since or "")
        return Ledger(**rows[0])

    def _runs(self, where: str = "", **values: object) -> list[RunRow]:
        rows = self._ask(f"{_RUNS} {where} {_NEWEST_RUNS_FIRST}", **values)
        return [RunRow(**{**row, "open_steps": tuple(json.loads(row["open_steps"] or "[]"))}) for row in rows]

    def _run_of_row(self, name: str) -> list[RunRow]:
        if not (name.isascii() and name.isdigit() and len(name) <= _MAX_ROW_ID_DIGITS):
            return []
        return self._runs("WHERE r.id = :id", limit=1, id=int(name))

    def _runs_beginning(self, beginning: str) -> list[RunRow]:
        if not beginning or beginning.isdecimal():
            return []
        return self._runs(_WITH_BEGINNING, limit=2, name=beginning, after=beginning + "\U0010ffff")

    def _rows(self, kind: type[_Row], sql: str, **values: object) -> list[_Row]:
        return [kind(**row) for row in self._ask(sql, **values)]

    def _ask(self, sql: str, **values: object) -> list[dict[str, Any]]:
        try:
            cursor = self._connection.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        except sqlite3.Error as error:
            raise _known(error, self.path) from error


def _where(conditions: "Iterable[str]") -> str:
    joined = " AND ".join(conditions)
    return f"WHERE {joined}" if joined else ""


def _known(error: sqlite3.Error, path: "Path") -> StoreError:
    return store_error(error, path) or StoreError(path, str(error))


def _open(path: "Path") -> sqlite3.Connection:
    if not is_there(path, path):
        raise StoreMissingError(path)
    if not os.access(path, os.R_OK):
        raise StoreForbiddenError(path)
    connection = sqlite3.connect(f"{path.as_uri()}?{_mode(path)}", uri=True, isolation_level=None, check_same_thread=False)
    # A name with half a character in it must not keep the rest from being read.
    connection.text_factory = _text
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _mode(path: "Path") -> str:
    """How SQLite may open the file: as usual where it can keep its two files beside it, else in a way that needs none."""
    try:
        check_free_space(path)
        if os.access(path.parent, os.W_OK) and os.access(path, os.W_OK):
            return "mode=rw"
    except StoreError:
        pass
    if not _size(path, "-wal"):
        return "immutable=1"  # nobody is writing, and everything is in the file
    if not _size(path, "-shm"):
        raise StoreReadOnlyError(path, f"what {path.name}-wal holds cannot be read without writing beside it")
    return "mode=ro&readonly_shm=1"  # where SQLite wrote to its shared memory, a full disk would kill the process by SIGBUS


def _size(path: "Path", suffix: str) -> int:
    try:
        return path.with_name(path.name + suffix).stat().st_size
    except OSError:
        return 0


def _adopted_copy(source: sqlite3.Connection, path: "Path") -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        source.backup(copy)
        adopt.bring_up_to_date(copy, path)
    except BaseException:
        copy.close()
        raise
    copy.text_factory = _text
    source.close()
    return copy


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
