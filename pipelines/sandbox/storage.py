"""Opens the SQLite file of a system."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_storage(path: Path, schema: str) -> sqlite3.Connection:
    """Open a system's file, made when it is not there. What a request wrote survives a killed process.

    It need not survive a power cut: without waiting for the disk a write takes microseconds.
    """
    # Handlers run in the serving thread; tests look from theirs. SQLite itself is built serialised.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.executescript(schema)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
