"""Records in, rows out: idempotent and monotone, so that any order, repetition or splitting of records gives the same rows."""

import json
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite import clean
from otel_sqlite.model import DropRecord, EndReason, SpanRecords, timestamp
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.batch import Batch, insert_drops
from otel_sqlite.store.connection import store_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_logger = logging.getLogger(__name__)

UNWATCHED_AFTER_S: Final = 24 * 3600

# A record of others, or one that somebody has tampered with, may hold anything anywhere.
_REFUSED: Final = (sqlite3.Error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_LAST_SIGN: Final = "max(started_at, COALESCE(:at, last_seen_at, started_at))"
_LAST_SIGN_OF_STEP: Final = "max(started_at, COALESCE(:at, (SELECT last_seen_at FROM runs WHERE id = run_id), started_at))"
_MS_SINCE_START: Final = "CAST(ROUND((julianday({}) - julianday(started_at)) * 86400000) AS INTEGER)"
_LABEL_RUNS: Final = f"""
UPDATE runs SET outcome = 'failure', end_reason = :reason, finished_at = {_LAST_SIGN}, last_seen_at = {_LAST_SIGN},
  duration_ms = {_MS_SINCE_START.format(_LAST_SIGN)},
  end_evidence = :evidence || COALESCE(
    (SELECT '; open step: ' || step_name FROM run_steps WHERE run_id = runs.id AND finished_at IS NULL ORDER BY id DESC LIMIT 1),
    (SELECT '; last step: ' || step_name || ', ' || outcome FROM run_steps WHERE run_id = runs.id ORDER BY id DESC LIMIT 1),
    '; no step')
WHERE id IN (SELECT value FROM json_each(:ids))
"""  # noqa: S608 - constants of this module
_LABEL_STEPS: Final = f"""
UPDATE run_steps SET outcome = 'failure', end_reason = :reason, finished_at = {_LAST_SIGN_OF_STEP},
  duration_ms = {_MS_SINCE_START.format(_LAST_SIGN_OF_STEP)}
WHERE finished_at IS NULL AND (run_id IN (SELECT value FROM json_each(:ids)) OR journal = :journal)
"""  # noqa: S608 - constants of this module

_HAS_OPEN: Final = """
SELECT EXISTS (SELECT 1 FROM runs WHERE journal = ? AND outcome = 'running')
  OR EXISTS (SELECT 1 FROM run_steps WHERE journal = ? AND finished_at IS NULL)
"""

# Times of steps are the signs of life of a run that nobody watches.
_SILENT: Final = """
SELECT id, seen_at FROM (
  SELECT id, max(started_at, COALESCE(last_seen_at, started_at), COALESCE(
    (SELECT max(COALESCE(s.finished_at, s.started_at)) FROM run_steps AS s WHERE s.run_id = runs.id), started_at)) AS seen_at
  FROM runs WHERE outcome = 'running' AND (journal IS NULL OR host IS NOT ?))
WHERE seen_at < ?
"""


class _Verdict(NamedTuple):
    """What is said of a run that never ended itself."""

    reason: str
    evidence: str
    at: str | None


class Writer:
    """Writes records to the dashboard database. For one thread at a time."""

    def __init__(self, path: "Path") -> None:
        """Nothing is opened yet; ``path`` is absolute."""
        self._database = dashboard(path)
        self._has_refused = False

    @property
    def path(self) -> "Path":
        """The dashboard database."""
        return self._database.path

    def recovery(self, timeout_s: float) -> "AbstractContextManager[None]":
        """Keep out all others who record what dead processes left; see ``Database.recovery``."""
        return self._database.recovery(timeout_s)

    def write(self, batch: "Sequence[SpanRecords]", timeout_s: float, *, is_recovery: bool = False) -> None:
        """Make the rows say what the records say, in one transaction.

        A record that the database refuses is left out, logged once, and counted as ``refused_record``; one that names the run id
        of another run is counted as ``run_id_taken``.

        Args:
            batch: The records.
            timeout_s: How long to wait for other writers.
            is_recovery: They come from the journal of a dead process: count on each run what was not known before.

        Raises:
            StoreError: Nothing of the batch is written; it may be tried again.
        """
        deadline = time.monotonic() + timeout_s
        try:
            with self._database.transaction(timeout_s) as connection:
                Batch(connection).write(batch, is_recovery=is_recovery)
        except _REFUSED:
            with self._database.transaction(deadline - time.monotonic()) as connection:
                self._write_acceptable(connection, batch, is_recovery=is_recovery)

    def write_drops(self, drops: "Sequence[DropRecord]", timeout_s: float) -> None:
        """Note drops that belong to no run.

        Raises:
            StoreError: Nothing is written.
        """
        with self._database.transaction(timeout_s) as connection:
            insert_drops(connection, [(None, *drop) for drop in drops])

    def label(self, journal: str, reason: EndReason, evidence: str, seen_ns: int | None, timeout_s: float) -> int:
        """Say of the runs and steps that a dead process left open why they ended; returns how many runs.

        Args:
            journal: Name of the dead process's journal.
            reason: One of the labels.
            evidence: How that is known, for a human.
            seen_ns: The last sign of life: the runs end there, not at the moment of discovery. None: what their rows say.
            timeout_s: How long to wait for other writers.

        Raises:
            StoreError: Nothing is written.
        """
        with self._database.transaction(timeout_s) as connection:
            rows = connection.execute("SELECT id FROM runs WHERE journal = ? AND outcome = 'running'", (journal,))
            at = None if seen_ns is None else timestamp(seen_ns)
            return _label(connection, [row_id for (row_id,) in rows], journal, _Verdict(reason, evidence, at))

    def has_open(self, journal: str, timeout_s: float) -> bool:
        """Whether a process left a run or a step open.

        Raises:
            StoreError: The database cannot be read now.
        """
        with self._database.transaction(timeout_s) as connection:
            (has_open,) = connection.execute(_HAS_OPEN, (journal, journal)).fetchone()
            return bool(has_open)

    def watched_journals(self, host: str, timeout_s: float) -> list[str]:
        """The journals that running rows of this host name.

        Raises:
            StoreError: The database cannot be read now.
        """
        query = "SELECT DISTINCT journal FROM runs WHERE outcome = 'running' AND journal IS NOT NULL AND host = ?"
        with self._database.transaction(timeout_s) as connection:
            return [journal for (journal,) in connection.execute(query, (host,))]

    def label_unwatched(self, host: str, now_ns: int, timeout_s: float) -> int:
        """Label running rows that no journal of this host watches, and that said nothing for a day; returns how many.

        Such a label is taken back when a step tells of a later moment.

        Raises:
            StoreError: Nothing is written.
        """
        before = timestamp(now_ns - UNWATCHED_AFTER_S * 1_000_000_000)
        evidence = "no sign of life for 24 hours, and no journal on this host that would tell"
        with self._database.transaction(timeout_s) as connection:
            rows = connection.execute(_SILENT, (host, before)).fetchall()
            return sum(
                _label(connection, [row_id], None, _Verdict(EndReason.LOST_CONTACT, evidence, seen_at))
                for row_id, seen_at in rows
            )

    def check_files(self) -> None:
        """See that the database is still the one that was opened.

        Raises:
            StoreReplacedError: It is not; the next write opens the new one.
        """
        self._database.check_files()

    def close(self) -> None:
        """Close the database; writing opens it again."""
        self._database.close()

    def _write_acceptable(self, connection: sqlite3.Connection, batch: "Sequence[SpanRecords]", *, is_recovery: bool) -> None:
        """Write all but the records that are refused, which are found by halving: the batch may be large, and they are rare."""
        connection.execute("SAVEPOINT part")
        try:
            Batch(connection).write(batch, is_recovery=is_recovery)
        except _REFUSED as error:
            if isinstance(error, sqlite3.Error) and store_error(error, self.path):
                raise
            connection.execute("ROLLBACK TO part")
            if len(batch) == 1:
                self._note_refused(connection, batch[0], error)
            else:
                middle = len(batch) // 2
                for half in (batch[:middle], batch[middle:]):
                    self._write_acceptable(connection, half, is_recovery=is_recovery)
        connection.execute("RELEASE part")

    def _note_refused(self, connection: sqlite3.Connection, records: SpanRecords, error: Exception) -> None:
        if not self._has_refused:
            self._has_refused = True
            _logger.warning("dashboard database %s: a record is refused and left out: %s", self.path, error)
        span = (clean.text(records.span.trace_id), clean.text(records.span.span_id))
        run = connection.execute("SELECT id FROM runs WHERE run_uid = ?", (clean.text(records.span.run_uid),)).fetchone()
        row = (run and run[0], *span, "refused_record", max(len(records.errors), 1))
        insert_drops(connection, [row])


def _label(connection: sqlite3.Connection, ids: "Sequence[int]", journal: str | None, verdict: _Verdict) -> int:
    values = {"ids": json.dumps(ids), "journal": journal, **verdict._asdict()}
    connection.execute(_LABEL_RUNS, values)
    connection.execute(_LABEL_STEPS, values)
    return len(ids)
