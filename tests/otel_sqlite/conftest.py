"""A dashboard database of its own for each test, ways to look into it, and live tracking into it."""

import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from otel_sqlite.journal import Journal
from otel_sqlite.processor import DashboardSpanProcessor
from otel_sqlite.provider import unlimited_provider


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "dashboard.sqlite"


@pytest.fixture
def journal(path):
    journal = Journal(path, threading.RLock())
    yield journal
    journal.close(remove=True)


@pytest.fixture
def read(path):
    """Rows of a query on the database of this test."""

    def rows(query, *values):
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(query, values).fetchall()

    return rows


@pytest.fixture
def tracked(path):
    """Live tracking into the database of this test: a context manager that gives the tracer provider."""

    @contextmanager
    def tracking(to=path):
        provider = unlimited_provider()
        processor = DashboardSpanProcessor(to)
        provider.add_span_processor(processor)
        provider.dashboard = processor
        try:
            yield provider
        finally:
            provider.shutdown()

    return tracking


@pytest.fixture
def until():
    """Wait for something another thread or process does: asks again and again, for a minute at most."""

    def wait(is_so):
        deadline, pause = time.monotonic() + 60, threading.Event()
        while not (answer := is_so()):
            assert time.monotonic() < deadline, "it did not come true in a minute"
            pause.wait(0.005)
        return answer

    return wait


@pytest.fixture
def in_child():
    """Run a function in a forked child, without the rights of root where ``user`` is given; gives what it returned."""

    def run_in_child(function, *, user=None):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if user is not None and os.getuid() == 0:
                    os.setgid(user)
                    os.setuid(user)
                os.write(writer, repr(function()).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            said = pipe.read().decode()
        assert os.waitpid(pid, 0)[1] == 0
        return said

    return run_in_child


@pytest.fixture
def forbid_writing():
    """Let everybody read a database and nobody but root write it; the folders of the tests above it let everybody through."""

    def forbid(path):
        for file in path.parent.iterdir():
            file.chmod(0o755 if file.is_dir() else 0o444)
        path.parent.chmod(0o555)
        for folder in path.parent.parents:
            if Path(tempfile.gettempdir()) in folder.parents:
                folder.chmod(folder.stat().st_mode | 0o555)

    return forbid
