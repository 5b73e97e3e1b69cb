"""Opens the dashboard database and guards every write: the mutex between processes, free space, a replaced file."""

import errno
import os
import resource
import signal
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_sqlite.errors import (
    NotADatabaseError,
    StoreBusyError,
    StoreDiskError,
    StoreError,
    StoreForbiddenError,
    StoreFullError,
    StorePathError,
    StoreReadOnlyError,
    StoreRecoveringError,
    StoreReplacedError,
    StoreStarvedError,
)
from otel_sqlite.store import locks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# SQLite in WAL mode can kill the whole process with SIGBUS when a disk without space makes it extend its shared memory file
# (measured on ext4 with 1 KiB blocks and on btrfs), and no handler can catch that. So it is not even opened on such a disk.
MIN_FREE_BYTES: Final = 16 * 1024 * 1024

_MAGIC: Final = b"SQLite format 3\0"
_BUSY_POLL_S: Final = 0.005
_ERRORS: Final[dict[int, type[StoreError]]] = {
    sqlite3.SQLITE_BUSY: StoreBusyError,
    sqlite3.SQLITE_LOCKED: StoreBusyError,
    sqlite3.SQLITE_PROTOCOL: StoreBusyError,
    sqlite3.SQLITE_READONLY: StoreReadOnlyError,
    sqlite3.SQLITE_PERM: StoreReadOnlyError,
    sqlite3.SQLITE_FULL: StoreFullError,
    sqlite3.SQLITE_IOERR: StoreDiskError,
    sqlite3.SQLITE_IOERR_SHMSIZE: StoreFullError,
    # The log was taken away, and others still hold the index of what was in it.
    sqlite3.SQLITE_IOERR_SHORT_READ: StoreReplacedError,
    sqlite3.SQLITE_CANTOPEN: StorePathError,
    sqlite3.SQLITE_NOTADB: NotADatabaseError,
    sqlite3.SQLITE_CORRUPT: NotADatabaseError,
}

_Identity = tuple[int, int]

# Held inside SQLite, and while the process forks: a child forked in between inherits locks of the library that nobody gives back.
_no_fork = threading.RLock()

_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()

# Connections that a forked child inherited in the middle of a transaction: closing one there would undo what the parent writes.
_inherited: list[sqlite3.Connection] = []


def sidecar(path: Path) -> Path:
    """The folder beside the database that holds the write mutex and the journals."""
    return path.with_name(path.name + ".d")


def store_error(error: sqlite3.Error, path: Path) -> StoreError | None:
    """What an error of SQLite says of the store; None when it speaks of the statement or its data instead."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else _ERRORS.get(code) or _ERRORS.get(code & 0xFF)
    return None if kind is None else kind(path, f"{error}, {error.sqlite_errorname}")


def refusal(error: OSError, path: Path, place: Path) -> StoreError:
    """What it says of the store that the system refused to make or open something at a place."""
    kinds = {errno.EMFILE: StoreStarvedError, errno.ENFILE: StoreStarvedError, errno.ENOSPC: StoreFullError}
    return kinds.get(error.errno or 0, StoreReadOnlyError)(path, f"{place}: {error.strerror}")


def is_there(file: Path, database: Path) -> bool:
    """Whether something stands there; ``Path.exists`` would not say in the errors of the store that nobody may know.

    Raises:
        StoreForbiddenError: This user may not look there.
        StorePathError: Nothing can stand there.
    """
    try:
        file.stat()
    except FileNotFoundError:
        return False
    except NotADirectoryError as error:
        raise StorePathError(database, f"{file.parent} is not a folder") from error
    except PermissionError as error:
        raise StoreForbiddenError(database) from error
    except OSError as error:
        raise StorePathError(database, error.strerror or str(error)) from error
    return True


def make_folder(path: Path, database: Path) -> None:
    """Create a folder, and those above it that are missing, that only their owner can enter.

    Raises:
        StorePathError: Something that is no folder stands there, or above it.
        StoreReadOnlyError: No right to create it.
    """
    try:
        for missing in [folder for folder in (*reversed(path.parents), path) if not folder.is_dir()]:
            missing.mkdir(mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorePathError(database, f"{path} is not a folder") from error
    except OSError as error:
        raise refusal(error, database, path) from error


class Database:
    """One process's way to write to the dashboard database: opened when first needed, opened anew when it was replaced.

    It may be used from any thread, by one at a time.
    """

    def __init__(self, path: Path, prepare: "Callable[[sqlite3.Connection, Path], None]") -> None:
        """Nothing is opened yet.

        Args:
            path: Absolute.
            prepare: Brings a newly opened database to the schema, inside the mutex; raises StoreError when it may not.
        """
        self.path = path
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._files: list[_Identity | None] = []
        _databases.add(self)

    @contextmanager
    def transaction(self, timeout_s: float) -> "Iterator[sqlite3.Connection]":
        """One write transaction, committed when the block ends.

        Args:
            timeout_s: How long to wait for other writers in all.

        Raises:
            StoreError: The database cannot be written now; a kind of it says why.
        """
        deadline = time.monotonic() + timeout_s
        try:
            with self._mutex(deadline), _no_fork:
                connection = self._begin(deadline)
                try:
                    yield connection
                    # It may checkpoint: inside the mutex, because SQLite before 3.51.3 can corrupt a database when two do.
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            known = store_error(error, self.path)
            if isinstance(known, StoreReplacedError):
                self.close()
            if known is not None:
                raise known from error
            raise

    @contextmanager
    def alone(self, timeout_s: float) -> "Iterator[sqlite3.Connection]":
        """The database without a transaction and without other writers, for what SQLite does in none, such as VACUUM.

        Args:
            timeout_s: How long to wait for other writers, and again for a stranger who holds the database.

        Raises:
            StoreError: It cannot be used now; a kind of it says why.
        """
        try:
            with self._mutex(time.monotonic() + timeout_s), _no_fork:
                connection = self._open()
                connection.execute(f"PRAGMA busy_timeout = {int(timeout_s * 1000)}")
                try:
                    yield connection
                finally:
                    connection.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            raise store_error(error, self.path) or StoreError(self.path, str(error)) from error

    @contextmanager
    def mutex(self, timeout_s: float) -> "Iterator[None]":
        """Keep all other writers out, without opening the database.

        Raises:
            StoreError: Others hold it for too long, or the lock cannot be made.
        """
        with self._mutex(time.monotonic() + timeout_s):
            yield

    @contextmanager
    def recovery(self, timeout_s: float) -> "Iterator[None]":
        """Keep out all others who record what dead processes left: who finds nothing left is to know that it is recorded.

        Raises:
            StoreRecoveringError: Somebody else is at it for too long.
            StoreError: The lock cannot be made.
        """
        with self._lock("recovery", time.monotonic() + timeout_s, StoreRecoveringError(self.path)):
            yield

    def check_files(self) -> None:
        """Let go of files that are not the ones at the path any more, without waiting for something to write.

        Raises:
            StoreReplacedError: So it was; what it held has to be written again.
        """
        if self._connection is not None and not self._has_its_files():
            self.close()
            raise StoreReplacedError(self.path)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    def close(self, timeout_s: float = 1.0) -> None:
        """Close the connection; inside the mutex, because the last one to close checkpoints."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            with self._mutex(time.monotonic() + timeout_s), _no_fork:
                connection.close()
        except (StoreError, sqlite3.Error):
            with _no_fork:
                connection.close()

    def _begin(self, deadline: float) -> sqlite3.Connection:
        """Open a transaction; while a stranger holds the database, wait outside of SQLite, where a fork does no harm."""
        while True:
            try:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not isinstance(store_error(error, self.path), StoreBusyError) or time.monotonic() >= deadline:
                    raise
            else:
                return connection
            _no_fork.release()
            try:
                time.sleep(_BUSY_POLL_S)
            finally:
                _no_fork.acquire()

    @contextmanager
    def _mutex(self, deadline: float) -> "Iterator[None]":
        """Hold the lock that makes writers take turns: SQLite's own waiting starves some when there are many.

        Who waits for the mutex holds the queue, and who comes back from a turn has to pass the queue as well: a busy
        writer cannot take one turn after another while others only ask from time to time.
        """
        busy = StoreBusyError(self.path, "other writers")
        with self._lock("queue", deadline, busy) as leave_queue, self._lock("mutex", deadline, busy):
            leave_queue()
            yield

    def _sidecar(self) -> Path:
        """The folder beside the database, made where it is missing."""
        folder = sidecar(self.path)
        if not is_there(folder, self.path):
            if not any(database.is_open for database in _databases):
                check_file(self.path)
            make_folder(folder, self.path)
        return folder

    @contextmanager
    def _lock(self, name: str, deadline: float, busy: StoreBusyError) -> "Iterator[Callable[[], None]]":
        """Hold a flock on a file beside the database until the block ends, or what it is given is called."""
        file = self._sidecar() / name
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refusal(error, self.path, file) from error
        with locks.held(descriptor, deadline, busy) as give_back:
            yield give_back

    def _open(self) -> sqlite3.Connection:
        check_free_space(self.path)
        if self._connection is not None:
            if self._has_its_files():
                return self._connection
            # A file is gone from its path: what is still open there is not to be written again, nobody else would see it.
            self._connection.close()
            self._connection = None
            raise StoreReplacedError(self.path)
        create_file(self.path)
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA trusted_schema = OFF")
            self._prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._connection, self._files = connection, _identities(self.path)
        return connection

    def _has_its_files(self) -> bool:
        return self._files == _identities(self.path)

    def let_go(self) -> None:
        """In a forked child: close the parent's connection, so that a new one here does not believe to hold its locks.

        SQLite keeps the locks of a file once a process, and the kernel gives a child none of them: on what it inherited, a
        child would write into a WAL that the parent, finding nobody else, has just deleted.
        """
        connection, self._connection = self._connection, None
        if connection is not None and connection.in_transaction:
            _inherited.append(connection)
        elif connection is not None:
            connection.close()


def create_file(path: Path) -> None:
    """Make the database file with mode 0600, if there is none, so that SQLite never makes it with another.

    Raises:
        StorePathError: The path is a directory, or something else that is no file.
        StoreReadOnlyError: No right to create it.
    """
    make_folder(path.parent, path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise StorePathError(path, "not a file") from None
    except OSError as error:
        raise StoreReadOnlyError(path, error.strerror or str(error)) from error


def check_file(path: Path) -> None:
    """Refuse what is plainly no database before anything is made beside it.

    Raises:
        StorePathError: The path is a directory, or something else that is no file.
        NotADatabaseError: The file has another format.
    """
    if not is_there(path, path):
        return
    if not path.is_file():
        raise StorePathError(path, "not a file")
    # Safe only while no connection of this process can be open: closing the file drops the locks that SQLite holds on it.
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except PermissionError as error:
        raise StoreForbiddenError(path) from error
    except OSError as error:
        raise StoreReadOnlyError(path, error.strerror or str(error)) from error
    if start not in (b"", _MAGIC):
        raise NotADatabaseError(path, "another file format")


def check_free_space(path: Path) -> None:
    """Raise StoreFullError when there is too little room for SQLite to be safe."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return  # the folder will be made, or its absence reported, by what comes next
    free = disk.f_bavail * disk.f_frsize
    if (limit := deadly_size()) is not None:
        free = min(free, limit - max(_size(path), _size(path.with_name(path.name + "-wal"))))
    if free < MIN_FREE_BYTES:
        raise StoreFullError(path, f"{max(free, 0) // 1024} KiB free, {MIN_FREE_BYTES // 1024} KiB are needed")


def deadly_size() -> int | None:
    """The size above which writing a file ends this process (RLIMIT_FSIZE); None where there is none, or it only fails.

    Python ignores SIGXFSZ. A program that does not is not told otherwise by us.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY or signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN:
        return None
    return limit


def _let_go() -> None:
    locks.let_go()
    for database in _databases:
        with suppress(sqlite3.Error):
            database.let_go()
    _no_fork.release()


os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_let_go)


def _identities(path: Path) -> list[_Identity | None]:
    """Which files a connection writes: the database, its log and their index, which stay as long as anybody has them open."""
    return [_identity(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _identity(file: str) -> _Identity | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - three a transaction: a Path takes as long as the question
    except OSError:
        return None
    return found.st_dev, found.st_ino
