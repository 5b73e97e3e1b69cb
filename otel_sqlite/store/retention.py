"""What is kept how long; deletes in chunks so small that no writer notices."""

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from otel_sqlite.errors import StoreError
from otel_sqlite.model import timestamp
from otel_sqlite.store.adopt import dashboard

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

ERROR_DAYS: Final = 90

_DAY_NS: Final = 24 * 3600 * 1_000_000_000
_INCREMENTAL: Final = 2
# The write lock is held for about this long at a time: a chunk that took longer makes the next one smaller.
_LOCK_TARGET_S: Final = 0.015
_FEWEST_ROWS, _FIRST_ROWS, _MOST_ROWS = 50, 500, 4_000
_ROWS_A_RUN: Final = 8  # the run itself and its steps, when its errors are gone already
_ROWS_A_PAGE: Final = 8

# The last completed run of a pipeline stays however old it is: a rare pipeline has not "never run".
EXPIRED_RUNS: Final = """
SELECT id FROM runs WHERE started_at < :runs_since AND outcome IS NOT 'running' AND EXISTS (
  SELECT 1 FROM runs AS newer
  WHERE newer.club_slug = runs.club_slug AND newer.pipeline = runs.pipeline AND newer.started_at > runs.started_at
    AND newer.outcome IS NOT 'running')
ORDER BY started_at
"""
_DELETE_ERRORS: Final = """
DELETE FROM run_errors WHERE id IN (SELECT id FROM run_errors WHERE created_at < ? ORDER BY created_at LIMIT ?)
"""
_DELETE_OF_RUNS: Final = (
    "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE run_id IN (SELECT value FROM json_each(?)) LIMIT ?)"
)
_DELETE_RUNS: Final = "DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))"
# What would go by each limit, and the runs before and after that limit when too many days lie between them.
_DUE: Final = (
    ("runs_since", f"{EXPIRED_RUNS} LIMIT 1"),
    ("errors_since", "SELECT 1 FROM run_errors WHERE created_at < :errors_since LIMIT 1"),
)
_LEAP: Final = """
SELECT gone, kept FROM (SELECT
  (SELECT MAX(started_at) FROM runs WHERE started_at < :since) AS gone,
  (SELECT MIN(started_at) FROM runs WHERE started_at >= :since) AS kept)
WHERE gone IS NOT NULL AND ifnull(julianday(kept) - julianday(gone) > :days, 1)
"""


class Keep(NamedTuple):
    """Since when things are kept, as times of the database.

    Attributes:
        runs_since: Runs that started before go, with all that belongs to them.
        errors_since: Error rows from before go; the counts of their steps and runs stay.
    """

    runs_since: str
    errors_since: str

    @classmethod
    def of_days(cls, days: int, now_ns: int, error_days: int = ERROR_DAYS) -> Self:
        """What is kept at this moment; error rows never outlive their runs."""
        return cls(timestamp(now_ns - days * _DAY_NS), timestamp(now_ns - min(days, error_days) * _DAY_NS))


class Leap(NamedTuple):
    """A time without any run that is longer than what is kept: perhaps nobody recorded, perhaps a clock jumped ahead.

    Attributes:
        gone: When the last run before it started, which would be deleted with all that is older.
        kept: When the first run after it did; None: there is none.
    """

    gone: str
    kept: str | None


class Pruned(NamedTuple):
    """What was deleted so far, in rows, and given back to the disk, in bytes."""

    runs: int = 0
    steps: int = 0
    errors: int = 0
    drops: int = 0
    bytes: int = 0


def prune(path: "Path", keep: Keep, timeout_s: float) -> "Generator[Pruned]":
    """Delete what is older than it is kept, a chunk at a time, and give the space back to the disk.

    Each chunk is a transaction of its own, between which others write. Space is given back where the database was made for it
    (all that this version makes); elsewhere it is used again inside the file.

    Args:
        path: The dashboard database.
        keep: What is not too old.
        timeout_s: How long a chunk waits for other writers.

    Yields:
        What was deleted so far, after each chunk; who stops asking ends it.

    Raises:
        StoreError: What was not deleted by then stays.
    """
    done, rows = Pruned(), _FIRST_ROWS
    with closing(dashboard(path)) as database:
        while True:
            try:
                with database.transaction(timeout_s) as connection:
                    began = time.monotonic()
                    chunk = _delete(connection, keep, rows)
                    if not any(chunk):
                        chunk = Pruned(bytes=_shrink(connection, rows // _ROWS_A_PAGE))
            except sqlite3.Error as error:  # such as a trigger of somebody else's
                raise StoreError(path, str(error)) from error
            if not any(chunk):
                return
            rows = _next_size(rows, time.monotonic() - began)
            done = Pruned(*map(sum, zip(done, chunk, strict=True)))
            yield done


def leap(path: "Path", keep: Keep, days: int, timeout_s: float) -> Leap | None:
    """Whether time seems to have leapt to where things are too old now; None: it passed, or there is nothing to delete.

    Raises:
        StoreError: The database cannot be asked now.
    """
    with closing(dashboard(path)) as database, database.transaction(timeout_s) as connection:
        for limit, due in _DUE:
            if connection.execute(due, keep._asdict()).fetchone():
                values = {"since": getattr(keep, limit), "days": max(days, ERROR_DAYS)}
                if (found := connection.execute(_LEAP, values).fetchone()) is not None:
                    return Leap(*found)
    return None


def rewrite(path: "Path", timeout_s: float) -> bool:
    """Write the database anew, without what is free in it; other writers wait, readers go on.

    Nothing that was ever deleted is in the file afterwards, and pruning gives its space back from now on.

    Returns:
        Whether the WAL is empty, too; a reader who looks at what was before keeps it.

    Raises:
        StoreError: It stays as it is. It needs as much room again as the file has.
    """
    with closing(dashboard(path)) as database, database.alone(timeout_s) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
        (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy


def _delete(connection: sqlite3.Connection, keep: Keep, rows: int) -> Pruned:
    """Delete so many rows at most; error rows go first, because a run may have any number of them."""
    if errors := connection.execute(_DELETE_ERRORS, (keep.errors_since, rows)).rowcount:
        return Pruned(errors=errors)
    runs_since = {"runs_since": keep.runs_since, "limit": max(rows // _ROWS_A_RUN, 1)}
    expired = connection.execute(f"{EXPIRED_RUNS} LIMIT :limit", runs_since)
    runs = json.dumps([row_id for (row_id,) in expired])
    of_runs = {"errors": "run_errors", "drops": "run_drops", "steps": "run_steps"}  # in the order of their foreign keys
    deleted = Pruned()
    for kind, table in of_runs.items():
        number = connection.execute(_DELETE_OF_RUNS.format(table), (runs, rows)).rowcount
        deleted = deleted._replace(**{kind: number})
        if number == rows:  # these runs have more of them: they go with the next chunk
            return deleted
    return deleted._replace(runs=connection.execute(_DELETE_RUNS, (runs,)).rowcount)


def _shrink(connection: sqlite3.Connection, pages: int) -> int:
    """Give free pages back to the disk; returns how many bytes."""
    free, mode, page_size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "auto_vacuum", "page_size")
    )
    if mode != _INCREMENTAL:
        return 0
    freed = min(int(free), pages)
    for _ in range(freed):  # one by one: Python's sqlite3 steps only once through a statement that has no columns
        connection.execute("PRAGMA incremental_vacuum(1)")
    return freed * int(page_size)


def _next_size(rows: int, took_s: float) -> int:
    """How many rows the next chunk may have, when the last one kept the lock for so long."""
    wanted = rows * _LOCK_TARGET_S / max(took_s, 0.001)
    return max(min(int(min(max(wanted, rows / 2), rows * 1.5)), _MOST_ROWS), _FEWEST_ROWS)
