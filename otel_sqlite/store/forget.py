"""Takes what is known of an item out of the rows of the database."""

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from otel_sqlite import clean
from otel_sqlite.store import retention
from otel_sqlite.store.adopt import dashboard

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from otel_sqlite.store.connection import Database

MASK: Final = "[forgotten]"
# Shorter ones are numbers and words that stand everywhere: of those only the rows go that have them as item id.
SHORTEST_IN_TEXTS: Final = 4

_ROWS: Final = 500  # read, and where needed written, in one transaction
_TEXTS: Final = {
    "run_errors": ("error_message", "error_stack", "member_identifier"),
    "run_steps": ("detail_json", "skip_reason"),
    "runs": ("summary_json", "end_evidence"),
}


class Removed(NamedTuple):
    """What was done, in rows, and whether all of it is gone from the disk.

    Attributes:
        errors: Error rows of these items, deleted.
        masked_errors, masked_steps, masked_runs: Rows in whose texts the items were made unreadable.
        is_wal_empty: False when a reader keeps what was before; the next time it is gone.
    """

    errors: int
    masked_errors: int
    masked_steps: int
    masked_runs: int
    is_wal_empty: bool


def forget(path: "Path", items: "Sequence[str]", timeout_s: float) -> Removed:
    """Delete the error rows of these items, mask the items in all other texts, and write the file anew.

    Other writers have their turns in between, but wait while the file is written anew.

    Args:
        path: The dashboard database.
        items: Item ids and addresses; exactly as item id, in any case of letters as words in texts.
        timeout_s: How long each part waits for other writers.

    Raises:
        StoreError: What was not done by then is done the next time.
    """
    words = _words(items)
    with closing(dashboard(path)) as database:
        with database.transaction(timeout_s) as connection:
            errors = sum(_delete_errors(connection, item) for item in items)
        masked = {table: _mask_table(database, table, words, timeout_s) if words else 0 for table in _TEXTS}
    return Removed(errors, masked["run_errors"], masked["run_steps"], masked["runs"], retention.rewrite(path, timeout_s))


def spellings(item: str) -> list[str]:
    """How an item may be written in texts: as it is, in an address of the web, in JSON."""
    return sorted({item, quote(item, safe=""), json.dumps(item)[1:-1], json.dumps(item, ensure_ascii=False)[1:-1]})


def _words(items: "Sequence[str]") -> "re.Pattern[str] | None":
    """What finds the items as whole words; None when there is nothing to look for."""
    known = [re.escape(form) for item in items if len(item) >= SHORTEST_IN_TEXTS for form in spellings(item)]
    longest_first = sorted(known, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE) if known else None


def _delete_errors(connection: "sqlite3.Connection", item: str) -> int:
    stored = clean.text(item, clean.NAME_LIMIT)
    return connection.execute("DELETE FROM run_errors WHERE member_identifier = ?", (stored,)).rowcount


def _mask_table(database: "Database", table: str, words: "re.Pattern[str]", timeout_s: float) -> int:
    """Mask the words in the texts of a table, some rows at a time; returns in how many rows."""
    columns = _TEXTS[table]
    read = f"SELECT id, {', '.join(columns)} FROM {table} WHERE id > ? ORDER BY id LIMIT {_ROWS}"  # noqa: S608 - constants of this module
    write = f"UPDATE {table} SET ({', '.join(columns)}) = ({', '.join('?' * len(columns))}) WHERE id = ?"  # noqa: S608 - as above
    last, masked = 0, 0
    while True:
        with database.transaction(timeout_s) as connection:
            rows = connection.execute(read, (last,)).fetchall()
            changed = list(_changed(rows, words))
            connection.executemany(write, changed)
        masked += len(changed)
        if len(rows) < _ROWS:
            return masked
        last = rows[-1][0]


def _changed(rows: "Sequence[tuple[int, str | None]]", words: "re.Pattern[str]") -> "Iterator[tuple[str | int | None, ...]]":
    """The rows with such a word: their texts without it, then the row id."""
    for row_id, *texts in rows:
        masked = [text if text is None or not words.search(text) else _masked(text, words) for text in texts]
        if masked != texts:
            yield (*masked, row_id)


def _masked(text: str, words: "re.Pattern[str]") -> str:
    """The text without these words; JSON stays JSON, with the numbers that it had."""
    try:
        parsed = json.loads(text) if text[:1] in ("{", "[") else None
        if parsed is not None:
            return json.dumps(_masked_tree(parsed, words), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        pass  # cut off, or no JSON
    return words.sub(MASK, text)


def _masked_tree(value: object, words: "re.Pattern[str]") -> object:
    match value:
        case str():
            return words.sub(MASK, value)
        case dict():
            return {words.sub(MASK, key): _masked_tree(item, words) for key, item in value.items()}
        case list():
            return [_masked_tree(item, words) for item in value]
    return value
