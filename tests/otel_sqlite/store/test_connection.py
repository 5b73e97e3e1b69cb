"""Opening the database, its guards, and the turns that writers take."""

import fcntl
import os
import shutil
import sqlite3
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from otel_sqlite.errors import (
    NotADatabaseError,
    StoreBusyError,
    StoreDiskError,
    StoreFullError,
    StorePathError,
    StoreReadOnlyError,
    StoreReplacedError,
)
from otel_sqlite.store import connection as connection_module
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.connection import sidecar, store_error
from otel_sqlite.store.locks import is_locked

INSERT = "INSERT INTO runs (pipeline, started_at, outcome) VALUES (?, '2026-01-01T00:00:00.000Z', 'success')"


@pytest.fixture
def insert(path):
    """Write one run to the database of this test; gives the Database."""
    with closing(dashboard(path)) as database:

        def write(pipeline="people", timeout_s=1.0):
            with database.transaction(timeout_s) as connection:
                connection.execute(INSERT, (pipeline,))

        write.database = database
        yield write


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_files_belong_to_their_owner_alone(path, insert):
    previous = os.umask(0)
    try:
        insert()
    finally:
        os.umask(previous)

    assert {file.name: mode(file) for file in path.parent.rglob("*")} == {
        "dashboard.sqlite": "0o600",
        "dashboard.sqlite-wal": "0o600",
        "dashboard.sqlite-shm": "0o600",
        "dashboard.sqlite.d": "0o700",
        "mutex": "0o600",
        "queue": "0o600",
    }
    assert mode(path.parent) == "0o700"


def test_what_a_block_wrote_is_gone_when_it_fails(insert, read):
    insert("kept")

    def fail():
        with insert.database.transaction(1) as connection:
            connection.execute(INSERT, ("lost",))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    insert("after")
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("kept",), ("after",)]


def test_a_directory_is_not_a_database(path, insert):
    path.mkdir(parents=True)
    with pytest.raises(StorePathError, match=r"dashboard.sqlite cannot be opened \(not a file\): set OTEL_SQLITE_PATH"):
        insert()


def test_a_file_in_place_of_the_folder_is_said_so(path, insert):
    path.parent.write_text("in the way")
    with pytest.raises(StorePathError, match="is not a folder"):
        insert()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to have a header" * 20, b"SQLite format 3\0" + b"\xff" * 984]
)
def test_a_file_of_another_format_is_left_alone(path, insert, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(NotADatabaseError, match="is not a healthy SQLite database"):
        insert()
    assert path.read_bytes() == content


def test_nothing_is_made_beside_a_file_of_another_format(path, insert):
    path.parent.mkdir()
    path.write_text("root:x:0:0")
    with pytest.raises(NotADatabaseError, match="another file format"):
        insert()
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_file_becomes_a_database(path, insert, read):
    path.parent.mkdir()
    path.touch()
    insert()
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("people",)]


def test_a_place_without_the_right_to_write_is_read_only(in_child):
    folder = Path(tempfile.mkdtemp(prefix="otel_sqlite-"))  # a test's own folder can be entered by nobody but its owner
    folder.chmod(0o755)
    try:
        target = folder / "dashboard.sqlite"

        def attempt():
            try:
                with dashboard(target).transaction(1):
                    return "written"
            except StoreReadOnlyError as error:
                return str(error)

        if os.getuid() != 0:
            folder.chmod(0o555)
        assert "is read-only" in in_child(attempt, user=65534)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_writer_waits_for_its_turn(path, insert, read):
    insert("first")
    with (sidecar(path) / "mutex").open() as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        waiting = threading.Thread(target=insert, args=("second", 60.0))
        waiting.start()
        assert read("SELECT pipeline FROM runs ORDER BY id") == [("first",)]
    waiting.join()
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("first",), ("second",)]


def test_everybody_passes_the_queue_and_only_who_waits_stays_in_it(path, insert, until):
    """Or a busy writer could take one turn after another while others wait."""
    insert()
    with (sidecar(path) / "queue").open() as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        with pytest.raises(StoreBusyError):
            insert(timeout_s=0.01)
    with (sidecar(path) / "mutex").open() as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        waiting = threading.Thread(target=insert, args=("second", 60.0))
        waiting.start()
        until(lambda: has_queue(path))
    waiting.join()
    with insert.database.transaction(1):
        assert not has_queue(path)


def has_queue(path):
    with (sidecar(path) / "queue").open() as queue:
        return is_locked(queue.fileno())


def test_a_mutex_held_too_long_is_busy(path, insert):
    insert()
    with (sidecar(path) / "mutex").open() as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        with pytest.raises(StoreBusyError, match="is locked by another process"):
            insert(timeout_s=0.01)


def test_a_stranger_who_locks_the_database_is_busy_and_nothing_stays_open(path, insert, read):
    insert("before")
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            insert("during", timeout_s=0.01)
    insert("after")
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("before",), ("after",)]


def test_a_nearly_full_disk_is_never_opened(path, insert, monkeypatch):
    monkeypatch.setattr(connection_module, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(StoreFullError, match="free some space"):
        insert()
    assert not path.exists()


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_a_database_that_was_replaced_is_noticed_before_anything_is_written(path, insert, read, how):
    insert("old")
    match how:
        case "deleted":
            path.unlink()
        case "replaced":
            path.with_name("other").touch()
            path.with_name("other").replace(path)
        case "moved":
            path.rename(path.with_name("moved"))
    with pytest.raises(StoreReplacedError):
        insert("lost")
    insert("new")
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("new",)]


def test_a_log_taken_from_several_writers_is_no_full_disk_and_each_goes_on(path, read):
    with closing(dashboard(path)) as first, closing(dashboard(path)) as second:

        def write(database, pipeline):
            with database.transaction(1) as connection:
                connection.execute(INSERT, (pipeline,))

        write(first, "before")
        write(second, "before")
        path.with_name(f"{path.name}-wal").unlink()
        # The first one lets go and opens it anew at once, while the second still holds the index of what was in the log.
        for database in (first, first, second):
            with pytest.raises(StoreReplacedError):
                write(database, "meanwhile")
        write(first, "first")
        write(second, "second")
    assert read("SELECT pipeline FROM runs ORDER BY id")[-2:] == [("first",), ("second",)]


def test_a_log_emptied_in_place_is_read_no_more_when_nobody_holds_its_index(path, insert, read):
    with closing(dashboard(path)) as other:
        insert("before")
        with other.transaction(1) as connection:
            connection.execute(INSERT, ("after that",))
        os.truncate(path.with_name(f"{path.name}-wal"), 0)
        with pytest.raises(StoreReplacedError):
            insert("meanwhile")
    insert("after")
    assert read("SELECT pipeline FROM runs") == [("after",)]


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("SQLITE_FULL", StoreFullError, "cannot grow, the disk is full"),
        ("SQLITE_IOERR_SHMSIZE", StoreFullError, "cannot grow, the disk is full"),
        ("SQLITE_IOERR_FSYNC", StoreDiskError, "the system reports a fault"),
        ("SQLITE_IOERR_WRITE", StoreDiskError, "the system reports a fault"),
        ("SQLITE_IOERR_SHORT_READ", StoreReplacedError, "was replaced while open"),
    ],
)
def test_what_is_said_of_a_fault_of_the_disk_is_true(path, name, kind, said):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name
    found = store_error(error, path)
    assert type(found) is kind
    assert f"{said} (disk I/O error, {name})" in str(found)


def test_a_forked_child_opens_its_own_connection_and_leaves_the_parents(insert, read, in_child):
    insert("parent")
    with insert.database.transaction(1) as connection:
        connection.execute(INSERT, ("in the middle",))

        def write_in_child():
            try:
                insert("child", timeout_s=0.01)
            except StoreBusyError:
                return "waits for the parent"
            return "written"

        assert in_child(write_in_child) == "'waits for the parent'"
    assert in_child(lambda: insert("child")) == "None"
    insert("parent again")
    assert read("SELECT pipeline FROM runs ORDER BY id") == [("parent",), ("in the middle",), ("child",), ("parent again",)]


def test_a_child_forked_while_the_mutex_is_held_does_not_keep_it(insert):
    insert()
    reader, writer = os.pipe()
    with insert.database.transaction(1):
        pid = os.fork()
        if pid == 0:  # lives on while the parent goes on writing
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
    try:
        insert(timeout_s=0.5)
    finally:
        os.close(writer)
        os.waitpid(pid, 0)
        os.close(reader)
