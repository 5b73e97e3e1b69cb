"""Fixtures of the fault tests. What a machine cannot do is skipped with a reason; with REQUIRE_FAULTS it fails instead."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from otel_sqlite.applier import recover
from tests.faults.invariants import check
from tests.faults.processes import Worker, start_worker


def _need(missing: str | None) -> None:
    if missing and os.environ.get("REQUIRE_FAULTS"):
        pytest.fail(f"REQUIRE_FAULTS is set, and {missing}")
    if missing:
        pytest.skip(missing)


@pytest.fixture
def needs():
    """Skip for what is missing, or fail where faults are required; None: nothing is."""
    return _need


@pytest.fixture
def needs_root():
    """The test needs rights that only root has."""
    _need(None if os.geteuid() == 0 else "only root can do this")


@pytest.fixture(scope="session")
def needs_strace():
    """The test needs strace, and the right to trace."""
    tool = shutil.which("strace")
    if tool is None:
        _need("strace is not installed")
    works = subprocess.run([str(tool), "-qq", "-e", "trace=none", "true"], capture_output=True, check=False).returncode == 0
    _need(None if works else "strace is not allowed to trace here")


@pytest.fixture(scope="session")
def needs_tool():
    """Ask for a program that a test needs."""
    return lambda tool: _need(None if shutil.which(tool) else f"{tool} is not installed")


@pytest.fixture(scope="session")
def needs_mounts():
    """The test needs to mount file systems."""
    if os.geteuid() != 0:
        _need("only root can mount")
    with tempfile.TemporaryDirectory() as folder:
        works = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False).returncode == 0
        if works:
            subprocess.run(["umount", folder], check=True)
    _need(None if works else "mounting is not allowed here")


@pytest.fixture
def database(tmp_path):
    """Where the dashboard database of the test will be."""
    return tmp_path / "dashboard.sqlite"


@pytest.fixture
def work(database, tmp_path_factory):
    """Start workers on the database of the test (see ``start_worker``); what is left of them at its end is killed."""
    notes = tmp_path_factory.mktemp("acknowledgements")
    workers: list[Worker] = []

    def working(*arguments, path=None, before=(), **environment):
        file = notes / f"{len(workers)}.jsonl"
        worker = start_worker(path or database, file, *arguments, before=before, **environment)
        workers.append(worker)
        return worker

    working.workers = workers
    yield working
    for worker in workers:
        worker.kill()


@pytest.fixture
def recovered_check(database):
    """Recover, then check everything that these workers acknowledged; gives what recover did."""

    def checking(workers, *, path: Path | None = None, offered=None):
        where = path or database
        done = recover(where, 60)
        check(where, acknowledged=[fact for worker in workers for fact in worker.facts], offered=offered)
        return done

    return checking
