"""Moves a damaged database aside and builds a new one from every row that can still be read.

The damaged file is only copied and renamed, never written. Rows are read by row id around the pages that cannot be read; which
rows there should be is known from the indexes.
"""

import glob
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite.errors import ForeignDatabaseError, HealthyDatabaseError, StoreError, StoreMissingError
from otel_sqlite.store import adopt
from otel_sqlite.store.connection import Database, check_free_space, create_file, is_there, refusal, sidecar, store_error

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES: Final = ("runs", "run_steps", "run_errors", "run_drops")  # parents first
_ORPHANS: Final = (
    *(f"DELETE FROM {table} WHERE run_id NOT IN (SELECT id FROM runs)" for table in TABLES[1:]),  # noqa: S608 - names of ours
    "UPDATE run_errors SET run_step_id = NULL WHERE run_step_id NOT IN (SELECT id FROM run_steps)",
)
_BESIDE: Final = ("-wal", "-shm")
_WORKSHOP: Final = "repair-"
_ASIDE: Final = ".damaged-"
_FAULTS_SHOWN: Final = 3
_BEYOND_LAST: Final = 2_000  # where nothing says how many rows there were
_CHUNK: Final = 500
_LAST_ID: Final = 2**62


class Table(NamedTuple):
    """What became of the rows of one table.

    Attributes:
        kept: Rows that are in the new database.
        lost: Rows that were there and cannot be read, or whose run cannot.
    """

    kept: int
    lost: int


class Repaired(NamedTuple):
    """What ``repair`` did.

    Attributes:
        aside: Where the damaged file is now.
        tables: By name.
    """

    aside: Path
    tables: dict[str, Table]


def faults(path: Path, *, is_full: bool = False) -> str:
    """What is wrong with the file itself; empty when it is whole, or nothing is there.

    Raises:
        StoreError: It cannot be looked at now.
    """
    if not path.exists():
        return ""
    check = "integrity_check" if is_full else "quick_check"
    try:
        with closing(_look_into(path)) as connection:
            found = [text for (text,) in connection.execute(f"PRAGMA {check}({_FAULTS_SHOWN})")]
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or code == sqlite3.SQLITE_IOERR_SHORT_READ:
            return str(error)
        raise store_error(error, path) or StoreError(path, str(error)) from error
    return "" if found == ["ok"] else "; ".join(found)


def repair(path: Path, timeout_s: float) -> Repaired:
    """Build a new database of what can be read, and put it in the place of the damaged one, which is kept.

    Processes that record see that the file is another one and write their open runs again; what lies in the journals of dead
    processes is not touched here.

    Args:
        path: Absolute.
        timeout_s: How long to wait for other writers.

    Raises:
        HealthyDatabaseError: It is whole: nothing is done.
        ForeignDatabaseError: It holds something else, or nothing says that it was ever ours.
        StoreError: It cannot be done now; nothing has changed.
    """
    if not is_there(path, path):
        raise StoreMissingError(path)
    check_free_space(path)
    check_owner(path)
    with Database(path, adopt.bring_up_to_date).mutex(timeout_s):
        try:
            _undo_cut_short(path)
            if not faults(path, is_full=True):
                raise HealthyDatabaseError(path)
            with tempfile.TemporaryDirectory(prefix=_WORKSHOP, dir=sidecar(path)) as folder:
                new = Path(folder) / "new.sqlite"
                tables = _build(new, _readable_copy(path, Path(folder)), path)
                return Repaired(_swap(path, new), tables)
        except OSError as error:  # such as no room for the copies
            raise refusal(error, path, sidecar(path)) from error


def _look_into(path: Path) -> sqlite3.Connection:
    """For reading alone: a connection that may write puts the log into the file when it is closed."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)


def check_owner(path: Path) -> None:
    """Refuse what is somebody else's, as far as it can be seen: its tables, or that nothing of ours lies beside it.

    Raises:
        ForeignDatabaseError: It is.
        HealthyDatabaseError: There is nothing in it yet.
    """
    with suppress(sqlite3.DatabaseError), closing(_look_into(path)) as connection:
        if not adopt.check(connection, path) and not adopt.is_dashboard(connection):
            raise HealthyDatabaseError(path)
        return
    if not sidecar(path).is_dir():
        raise ForeignDatabaseError(path, "it is no dashboard, and nothing of otel_sqlite lies beside it")


def _is_dashboard(path: Path) -> bool:
    with suppress(sqlite3.Error, StoreError), closing(_open(path)) as connection:
        return adopt.is_dashboard(connection)
    return False


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = lambda value: value.decode("utf-8", "replace")
    return connection


def _readable_copy(path: Path, folder: Path) -> Path:
    """A copy in which the tables can be found: where the first page is gone, with the first page of a new database."""
    for attempt, (with_log, is_grafted) in enumerate([(True, False), (False, False), (True, True), (False, True)]):
        copy = folder / f"copy-{attempt}.sqlite"
        shutil.copyfile(path, copy)
        if with_log and (wal := path.with_name(f"{path.name}-wal")).exists():
            shutil.copyfile(wal, f"{copy}-wal")
        if is_grafted:
            _graft(copy, folder)
        if _is_dashboard(copy):
            return copy
    return folder / "nothing.sqlite"


def _graft(copy: Path, folder: Path) -> None:
    """Give a copy the first page of a new database, where it says which table begins on which page."""
    template = folder / "template.sqlite"
    if not template.exists():
        create_file(template)
        with closing(sqlite3.connect(template, isolation_level=None)) as connection:
            adopt.bring_up_to_date(connection, template)
            connection.execute("PRAGMA journal_mode = DELETE")
    page = template.read_bytes()[:4096]
    # A size of 0: SQLite takes that of the file.
    page = page[:28] + bytes(4) + page[32:]
    with copy.open("r+b") as file:
        file.write(page)


def _build(new: Path, source: Path, path: Path) -> dict[str, Table]:
    """A new database of the rows that can be read."""
    create_file(new)
    tables = {}
    with closing(sqlite3.connect(new, isolation_level=None)) as target, closing(_open(source)) as origin:
        adopt.bring_up_to_date(target, path)
        target.execute("BEGIN")
        expected = {table: _salvage(origin, target, table) for table in TABLES}
        for statement in _ORPHANS:
            target.execute(statement)
        for table in TABLES:
            (kept,) = target.execute(f"SELECT COUNT(*) FROM {table}").fetchone()  # noqa: S608 - a name of ours
            tables[table] = Table(kept, max(expected[table] - kept, 0))
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tables


def _salvage(origin: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    """Copy the rows of a table; returns how many there should be."""
    wanted = {name for (_, name, *_) in target.execute(f"PRAGMA table_info({table})")}
    try:
        columns = [name for (_, name, *_) in origin.execute(f"PRAGMA table_info({table})") if name in wanted]
    except sqlite3.DatabaseError:
        columns = []
    if not columns:
        return 0
    ids = _ids(origin, table)
    listed = ", ".join(columns)
    query = f"SELECT {listed} FROM {table} NOT INDEXED WHERE id BETWEEN ? AND ? ORDER BY id"  # noqa: S608 - names of ours
    insert = f"INSERT OR IGNORE INTO {table} ({listed}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - as above
    place = columns.index("id")
    seen = set()
    with suppress(sqlite3.DatabaseError):
        ids |= {row_id for (row_id,) in origin.execute(f"SELECT MAX(id) FROM {table}") if row_id}  # noqa: S608 - a name of ours
    for rows in _readable(origin, query, place, max(ids, default=0)):
        target.executemany(insert, rows)
        seen |= {row[place] for row in rows}
    return len(ids | seen)


def _ids(origin: sqlite3.Connection, table: str) -> set[int]:
    """The row ids that the indexes of a table know, which lie on other pages than the rows."""
    ids: set[int] = set()
    try:
        indexes = [name for (_, name, *_, partial) in origin.execute(f"PRAGMA index_list({table})") if not partial]
    except sqlite3.DatabaseError:
        return ids
    for index in indexes:
        with suppress(sqlite3.DatabaseError):
            for (row_id,) in origin.execute(f'SELECT id FROM {table} INDEXED BY "{index}"'):  # noqa: S608 - a name of the schema
                ids.add(row_id)
    return ids


def _readable(origin: sqlite3.Connection, query: str, place: int, last: int) -> "Iterator[list[tuple[object, ...]]]":
    """The rows, in chunks: where a range cannot be read to its end, it is halved until what is left is a single row."""
    last_seen = 0
    ranges = [(1, _LAST_ID)]
    while ranges:
        low, high = ranges.pop()
        rows: list[tuple[object, ...]] = []
        is_whole = True
        try:
            for row in origin.execute(query, (low, high)):
                rows.append(row)
                if len(rows) == _CHUNK:
                    yield rows
                    last_seen, rows = max(last_seen, int(str(row[place]))), []
        except sqlite3.DatabaseError:
            is_whole = False
        if rows:
            last_seen = max(last_seen, int(str(rows[-1][place])))
            yield rows
        if is_whole:
            continue
        low, high = max(low, last_seen + 1), min(high, max(last, last_seen) + _BEYOND_LAST)
        if low < high:
            middle = (low + high) // 2
            ranges += [(middle + 1, high), (low, middle)]


def _undo_cut_short(path: Path) -> None:
    """Where a repair was killed: remove its copies, and give the damaged file back the log that was moved aside first."""
    for folder in sidecar(path).glob(f"{_WORKSHOP}*"):
        shutil.rmtree(folder)
    for aside in path.parent.glob(f"{glob.escape(path.name + _ASIDE)}*Z"):
        if aside.samefile(path):
            log, moved = (file.with_name(f"{file.name}-wal") for file in (path, aside))
            if moved.exists() and not (log.exists() and log.stat().st_size):
                moved.rename(log)
            aside.unlink()


def _swap(path: Path, new: Path) -> Path:
    """Put the new file in the place of the damaged one, which keeps its content under another name."""
    owner = path.stat()
    aside = path.with_name(f"{path.name}{_ASIDE}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    os.link(path, aside)
    # What lies beside it goes first: a new file beside an old log would be taken for one.
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    if os.geteuid() == 0:
        os.chown(new, owner.st_uid, owner.st_gid)
    new.replace(path)
    return aside
