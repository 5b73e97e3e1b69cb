"""A pipeline that may not write does its work all the same: one line on stderr, and a journal where there can be one."""

import logging
import os
import shutil
import sqlite3
import sys
import tempfile
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from otel_sqlite import ItemError, journal, run
from otel_sqlite.applier import recover
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider
from otel_sqlite.store.connection import sidecar
from otel_sqlite.store.writer import Writer
from tests.faults.invariants import ItemFailed, RunStarted, StepEnded, check

NOBODY = 65534


@pytest.fixture
def open_folder(tmp_path_factory):
    """A folder that every user can reach; a test's own cannot be."""
    folder = Path(tempfile.mkdtemp(prefix="otel_sqlite-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def pipeline_of(user, database):
    """Run a pipeline without the rights of root; what it said on stderr and what it acknowledged."""
    with tempfile.TemporaryDirectory() as rehearsal:  # loads what that user may not be able to read
        record(Path(rehearsal, "dashboard.sqlite"))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            sys.stderr = os.fdopen(writer, "w")  # where logging writes what nobody handles
            logging.root.handlers.clear()
            record(database)
            status = 0
        except BaseException:  # noqa: BLE001 - the child's end; the parent shows what it says
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0, said
    said, _, facts = said.rpartition("FACTS ")
    return said, [RunStarted(facts), StepEnded(facts, "x", "partial", 3, 0, 0, 1), ItemFailed(facts, "x", "ABC")]


def record(database):
    provider = unlimited_provider()
    provider.add_span_processor(DashboardSpanProcessor(database))
    with run("people", tracer_provider=provider) as r:
        with r.step("x") as step:
            step.count(created=3)
            step.item_error(ItemError("ABC", "bad"))
        provider.force_flush(500)
    provider.shutdown()
    sys.stderr.write(f"FACTS {r._run_id}")


def make_dashboard(database):
    writer = Writer(database)
    writer.write([], 1)
    writer.close()


def belongs_to(user, *paths):
    for path in paths:
        os.chown(path, user, user)


@pytest.mark.usefixtures("needs_root")
def test_a_read_only_file_costs_one_line_and_the_journal_keeps_everything(open_folder):
    database = open_folder / "dashboard.sqlite"
    make_dashboard(database)
    database.chmod(0o444)
    belongs_to(NOBODY, open_folder, *sidecar(database).rglob("*"), sidecar(database))

    said, facts = pipeline_of(NOBODY, database)

    assert said.count("\n") == 1
    assert f"{database} is read-only" in said
    database.chmod(0o600)
    assert recover(database, 60).journals == 1
    check(database, acknowledged=facts)


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize("has_dashboard", [False, True])
def test_a_folder_that_another_user_has_closed_costs_one_line(open_folder, has_dashboard):
    database = open_folder / "closed" / "dashboard.sqlite"
    database.parent.mkdir(mode=0o700)
    if has_dashboard:
        make_dashboard(database)
    before = sorted(database.parent.rglob("*"))

    said, _ = pipeline_of(NOBODY, database)

    assert said == (
        f"dashboard database {database} is closed to this user: be the user that owns it ('otel-sqlite doctor' says who), "
        "or set OTEL_SQLITE_PATH to another place (the pipeline goes on, unrecorded)\n"
    )
    assert sorted(database.parent.rglob("*")) == before


@pytest.mark.usefixtures("needs_root")
@pytest.mark.parametrize("has_dashboard", [False, True])
def test_a_read_only_folder_costs_one_line_and_nothing_is_made_in_it(open_folder, has_dashboard):
    database = open_folder / "dashboard.sqlite"
    if has_dashboard:
        make_dashboard(database)
        shutil.rmtree(sidecar(database))
    before = sorted(open_folder.rglob("*"))

    said, _ = pipeline_of(NOBODY, database)

    assert said.count("\n") == 1
    assert f"{database} is read-only" in said
    assert "the pipeline goes on" in said
    assert sorted(open_folder.rglob("*")) == before


@pytest.mark.usefixtures("needs_mounts")
@pytest.mark.parametrize("has_dashboard", [False, True])
def test_a_read_only_mount_costs_one_line_and_nothing_is_made_in_it(work, database, has_dashboard):
    if has_dashboard:
        make_dashboard(database)
    before = sorted(database.parent.rglob("*"))
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    worker = work(before=("unshare", "-m", "sh", "-c", mount, database.parent))

    code, said = worker.finish()

    assert (code, said.count("\n")) == (0, 1), said
    assert f"{database} is read-only" in said
    assert sorted(database.parent.rglob("*")) == before


@pytest.mark.usefixtures("needs_root")
def test_an_index_of_another_user_costs_one_line_and_the_journal_keeps_everything(open_folder):
    """A reader with more rights makes it, and the pipeline may not write it."""
    database = open_folder / "dashboard.sqlite"
    make_dashboard(database)
    belongs_to(NOBODY, open_folder, database, *sidecar(database).rglob("*"), sidecar(database))
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("SELECT * FROM runs").fetchall()
        os.chown(database.with_name("dashboard.sqlite-shm"), 0, 0)  # SQLite gives it to the owner of the database, where it may
        os.chown(database.with_name("dashboard.sqlite-wal"), 0, 0)

        said, facts = pipeline_of(NOBODY, database)

    assert said.count("\n") == 1
    assert str(database) in said
    assert recover(database, 60).journals == 1
    check(database, acknowledged=facts)


@pytest.mark.usefixtures("needs_root")
def test_the_journal_of_another_user_is_left_to_those_who_may_read_it(open_folder):
    database = open_folder / "dashboard.sqlite"
    journal.folder(database).mkdir(mode=0o700, parents=True)
    theirs = journal.folder(database) / f"1-1-theirs{journal.SUFFIX}"
    theirs.write_bytes(b'["journal",1,"host",1,null]\n')
    theirs.chmod(0o600)
    sidecar(database).chmod(0o700)
    belongs_to(NOBODY, open_folder, sidecar(database), journal.folder(database))

    said, facts = pipeline_of(NOBODY, database)

    assert said == ""
    check(database, acknowledged=facts)
    assert theirs.exists()
    assert recover(database, 60).journals == 1
