"""Creates, adopts or migrates a database: once, however many processes try at the same time."""

import re
import sqlite3
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_sqlite.errors import ForeignDatabaseError, NewerDatabaseError
from otel_sqlite.store.connection import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = Path(__file__).with_name("schema.sql")

# By these columns a dashboard is known, whoever made it.
_FINGERPRINT: Final = {
    "runs": {"club_slug", "pipeline", "started_at", "outcome", "total_failed", "summary_json"},
    "run_steps": {"run_id", "step_name", "outcome", "failed_count", "detail_json"},
    "run_errors": {"run_id", "run_step_id", "member_identifier", "error_message", "created_at"},
}
_OUR_TABLE: Final = "run_drops"
# What this version has and the one before had not.
_NEWEST: Final = {"runs": "recovered", "run_steps": "errors_offered", "run_errors": "pipeline"}
# The list of values in the CHECK of an outcome column.
_OUTCOMES: Final = re.compile(r"(CHECK\s*\(\s*[\"`\[]?outcome[\"`\]]?\s+IN\s*\([^)]*)\)", re.IGNORECASE)


def dashboard(path: Path) -> Database:
    """The dashboard database at this path, for writing; made or adopted when it is first used."""
    return Database(path, bring_up_to_date)


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make the database one of ours, or leave it alone.

    Raises:
        NewerDatabaseError: A newer version wrote it.
        ForeignDatabaseError: It holds something else.
    """
    if _is_current(connection):
        return
    _check_owner(connection, path)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file: one that has tables keeps what it was made with
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_current(connection):  # another process may have done it while this one waited for the lock
            _check_owner(connection, path)
            _migrate(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database is a dashboard of this version; False when there is nothing in it yet, or an older one.

    Raises:
        NewerDatabaseError: A newer version wrote it.
        ForeignDatabaseError: It holds something else.
    """
    if _is_current(connection):
        return True
    _check_owner(connection, path)
    return False


def is_dashboard(connection: sqlite3.Connection) -> bool:
    """Whether it has the tables of a dashboard, whoever made them."""
    return all(columns <= _columns(connection, table).keys() for table, columns in _FINGERPRINT.items())


def _is_current(connection: sqlite3.Connection) -> bool:
    return (
        _version(connection) == SCHEMA_VERSION
        and _OUR_TABLE in _tables(connection)
        and all(column in _columns(connection, table) for table, column in _NEWEST.items())
    )


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    tables = _tables(connection)
    if tables and not is_dashboard(connection):
        raise ForeignDatabaseError(path, "it holds " + ", ".join(sorted(tables)[:3]))
    version = _version(connection)
    if not tables and version:
        raise ForeignDatabaseError(path, f"it is empty, but of version {version}")
    if version > SCHEMA_VERSION:
        raise NewerDatabaseError(path, f"schema version {version}, known is {SCHEMA_VERSION}")


def _migrate(connection: sqlite3.Connection) -> None:
    """Whatever is there becomes schema.sql; rows and columns that exist are kept."""
    for table, wanted in _our_columns().items():
        existing = _columns(connection, table)
        if existing:
            _allow_partial(connection, table)
            for name, declaration in wanted.items():
                if name not in existing:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {declaration}")
    for statement in _statements():
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _allow_partial(connection: sqlite3.Connection, table: str) -> None:
    """Widen the CHECK of an early dashboard in place; a table that is never dropped or renamed works beside open connections."""
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    found = _OUTCOMES.search(sql)
    if found is None or "partial" in found.group(1).lower():
        return
    widened = sql[: found.end(1)] + ", 'partial'" + sql[found.end(1) :]
    (version,) = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (widened, table))
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    connection.execute("PRAGMA writable_schema = RESET")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    return {name for (name,) in rows}


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """The columns of a table, with what an ALTER TABLE would say of each; empty when there is no such table."""
    columns = {}
    for _, name, kind, not_null, default, _ in connection.execute(f"PRAGMA table_info({table})"):
        columns[name] = kind + (" NOT NULL" if not_null else "") + ("" if default is None else f" DEFAULT {default}")
    return columns


def _statements() -> "Iterator[str]":
    statement = ""
    for line in _SCHEMA.read_text("utf-8").splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@lru_cache(maxsize=1)
def _our_columns() -> dict[str, dict[str, str]]:
    connection = sqlite3.connect(":memory:")
    try:
        for statement in _statements():
            connection.execute(statement)
        return {table: _columns(connection, table) for table in _FINGERPRINT}
    finally:
        connection.close()
