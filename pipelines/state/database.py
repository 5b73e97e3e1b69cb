"""Open a state file, and write to it in one transaction."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

BUSY_TIMEOUT_S = 5.0


def open_database(path: Path, *, schema: str) -> sqlite3.Connection:
    """Open the state file at this path, made by the schema of this name (a .sql file of this package) if need be.

    Statements outside `transaction` commit by themselves, to the disk: the state is the only map from members to remote
    ids, and an id that is lost becomes a duplicate person.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its -wal and -shm files the mode of the database file.
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(resources.files(__package__).joinpath(schema).read_text(encoding="utf-8"))
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield
