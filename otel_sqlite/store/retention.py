"""What is kept how long; deletes in chunks so small that no writer notices."""

import json
from typing import TYPE_CHECKING, Final

from otel_sqlite.model import timestamp
from otel_sqlite.store.adopt import dashboard

if TYPE_CHECKING:
    from pathlib import Path

ERROR_DAYS: Final = 90
_DAY_NS: Final = 24 * 3600 * 1_000_000_000
_RUNS: Final = 200  # the write lock is held about 5 ms for a hundred
_ERRORS: Final = 2_000

# The last completed run of a pipeline stays however old it is: a rare pipeline has not "never run".
_OLD_RUNS: Final = """
SELECT id FROM runs WHERE started_at < ? AND outcome IS NOT 'running' AND EXISTS (
  SELECT 1 FROM runs AS newer
  WHERE newer.club_slug = runs.club_slug AND newer.pipeline = runs.pipeline AND newer.started_at > runs.started_at
    AND newer.outcome IS NOT 'running')
ORDER BY started_at LIMIT ?
"""
_OLD_ERRORS: Final = "SELECT id FROM run_errors WHERE created_at < ? ORDER BY created_at LIMIT ?"
_DELETE_ERRORS: Final = "DELETE FROM run_errors WHERE id IN (SELECT value FROM json_each(?))"
_DELETE_RUNS: Final = (
    "DELETE FROM run_errors WHERE run_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM run_steps WHERE run_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))",
)


def prune_chunk(path: "Path", days: int, now_ns: int, timeout_s: float) -> bool:
    """Delete one chunk of what is older than it is kept; whether there may be more.

    Args:
        path: The dashboard database.
        days: How long runs are kept; error rows are kept 90 days at most.
        now_ns: The time now.
        timeout_s: How long to wait for other writers.

    Raises:
        StoreError: Nothing is deleted.
    """
    database = dashboard(path)
    try:
        with database.transaction(timeout_s) as connection:
            before = timestamp(now_ns - min(days, ERROR_DAYS) * _DAY_NS)
            errors = [row_id for (row_id,) in connection.execute(_OLD_ERRORS, (before, _ERRORS))]
            connection.execute(_DELETE_ERRORS, (json.dumps(errors),))
            runs = [row_id for (row_id,) in connection.execute(_OLD_RUNS, (timestamp(now_ns - days * _DAY_NS), _RUNS))]
            for statement in _DELETE_RUNS:
                connection.execute(statement, (json.dumps(runs),))
    finally:
        database.close()
    return len(errors) == _ERRORS or len(runs) == _RUNS
