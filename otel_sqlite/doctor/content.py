"""Examines the database itself: whose it is, whether it is whole, and who keeps others from writing it."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from otel_sqlite.doctor.finding import Case, Finding, Findings, note, problem, quoted
from otel_sqlite.doctor.holders import Holder, holders
from otel_sqlite.errors import ForeignDatabaseError, NewerDatabaseError, NotADatabaseError
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.locks import try_lock, unlock
from otel_sqlite.store.reader import Reader
from otel_sqlite.store.repair import check_owner, faults

_LARGE_WAL: Final = 64 * 1024 * 1024
_PATIENCE_S: Final = 1.0
_POLL_S: Final = 0.01
_WRITE_LOCK: Final = 120  # the byte of the -shm file that a writer locks (https://www.sqlite.org/walformat.html)
_LOCKS: Final = {
    "mutex": "keeps all writers waiting",
    "queue": "keeps all writers waiting",
    "recovery": "keeps what dead processes left from being recorded",
}
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_ours(case: Case) -> Findings:
    """Whether it is a dashboard, of a version that is known here."""
    try:
        with Reader(case.path) as reader:
            if not reader.is_current:
                yield _old_or_empty(case)
    except ForeignDatabaseError as error:
        yield _foreign(error)
    except NewerDatabaseError as error:
        yield problem("newer-version", error.reason, "pip install --upgrade otel-sqlite")
    except NotADatabaseError as error:
        try:
            check_owner(case.path)
        except ForeignDatabaseError as foreign:
            yield _foreign(foreign)
        else:
            yield _broken(case, error.reason)


def is_whole(case: Case) -> Findings:
    """Whether every page of it can be read and makes sense."""
    if found := faults(case.path, is_full=case.is_full):
        yield _broken(case, found)


def _old_or_empty(case: Case) -> Finding:
    remedy = quoted("otel-sqlite", "init", "--path", case.path)
    if case.path.stat().st_size == 0:
        return note("empty", "it is empty: nothing is recorded in it", f"{remedy} (or run a pipeline)")
    return note("older-version", "made by an older version or by the tracker that came before", remedy)


def _foreign(error: ForeignDatabaseError) -> Finding:
    facts = f"it belongs to another application ({error.reason}), and is left alone"
    return problem("foreign-database", facts, "export OTEL_SQLITE_PATH=/another/place/dashboard.sqlite")


def _broken(case: Case, facts: str) -> Finding:
    return problem("damaged", f"it is damaged: {facts}", quoted("otel-sqlite", "doctor", "--repair", "--path", case.path))


def is_mutex_free(case: Case) -> Findings:
    """Whether the locks of those who write are given back in time."""
    for name, what in _LOCKS.items():
        file = sidecar(case.path) / name
        if not file.exists():
            continue
        with _held(file) as is_held:
            who = [] if is_held else holders(file)
        if is_held:
            continue
        for holder in who:
            yield _held_by("writers-wait", f"{what} ({name})", holder)
        if not who:
            yield problem("writers-wait", f"somebody {what} ({file})", quoted("fuser", "-v", file))


def is_unlocked(case: Case) -> Findings:
    """Whether a transaction can begin: none but a stranger holds the database while we hold the mutex."""
    mutex = sidecar(case.path) / "mutex"
    with _held(mutex) as is_held:
        if not is_held or _can_write(case):
            return
        writing = [
            who for file in ("-shm", "") for who in holders(case.with_suffix(file)) if who.is_writing and who.start >= _WRITE_LOCK
        ]
        for holder in {who.pid: who for who in writing}.values():
            yield _held_by("locked", "holds the database locked, and is none of ours", holder)
        if not writing:
            yield problem("locked", "somebody holds the database locked", quoted("fuser", "-v", case.path))


def has_small_log(case: Case) -> Findings:
    """Whether the write-ahead log is emptied from time to time."""
    wal = case.with_suffix("-wal")
    size = wal.stat().st_size if wal.exists() else 0
    if size < _LARGE_WAL:
        return
    facts = f"{wal.name} has {size // 1024**2} MiB"
    readers = {who.pid: who for who in holders(case.with_suffix("-shm")) if who.start > _WRITE_LOCK}
    for holder in readers.values():
        yield _held_by("large-wal", f"reads for so long that it cannot be emptied: {facts}", holder)
    if not readers:
        yield note(
            "large-wal", facts, f"{quoted('otel-sqlite', 'prune', '--path', case.path)} (it is emptied by the next writers)"
        )


def _held_by(condition: str, what: str, holder: Holder) -> Finding:
    remedy = (
        f"kill -CONT {holder.pid} (or end it: kill {holder.pid})" if holder.is_stopped else f"wait, or end it: kill {holder.pid}"
    )
    return problem(condition, f"{holder} {what}", remedy)


@contextmanager
def _held(file: "os.PathLike[str]") -> Iterator[bool]:
    """Hold the lock on a file for a moment; gives whether that succeeded in time (or nobody can hold what is not there)."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not (is_held := try_lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        yield is_held
        if is_held:
            unlock(descriptor)
    finally:
        os.close(descriptor)


def _can_write(case: Case) -> bool:
    with closing(
        sqlite3.connect(f"{case.path.as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_S, isolation_level=None)
    ) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in _BUSY:
                return False
            raise
    return True
