"""A disk without space: the pipeline lives, SIGBUS included, and what was recorded is there when there is space again."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from otel_sqlite import journal
from otel_sqlite.applier import recover
from tests.faults.disks import KINDS, fill, mounted
from tests.faults.invariants import check
from tests.faults.processes import rows, until

ITEMS = 20
LEFT = 20 * 1024  # enough for the shared memory file to be made, too little for what is written to it


@pytest.fixture(params=KINDS)
def disk(request, tmp_path, needs_tool):
    """A small disk of its own."""
    request.getfixturevalue("needs_mounts")
    if request.param != "tmpfs":
        needs_tool(f"mkfs.{request.param.partition('-')[0]}")
    with mounted(request.param, tmp_path) as folder:
        yield folder


def a_tick_passes(path):
    """Wait until the process has tried twice more to say what it has to say."""
    (file,) = journal.folder(path).glob("*.jsonl")
    for _ in range(2):
        before = file.stat().st_mtime_ns
        until(lambda before=before: file.stat().st_mtime_ns != before)


def test_a_disk_that_fills_up_while_a_run_is_open_loses_nothing_when_there_is_space_again(work, disk):
    path = disk / "dashboard.sqlite"
    worker = work("--steps", 3, "--items", ITEMS, "--pause", path=path)
    worker.wait_for("step")
    worker.go_on()
    worker.wait_for("step")
    until(lambda: rows(path, "SELECT 1 FROM run_steps WHERE outcome = 'partial'"))
    filler = fill(disk)
    worker.go_on()
    worker.wait_for("step")
    a_tick_passes(path)
    assert len(rows(path, "SELECT 1 FROM run_steps WHERE outcome = 'partial'")) == 1
    filler.unlink()
    worker.go_on()

    code, said = worker.finish()
    assert (code, "Traceback" in said) == (0, False), said
    assert "cannot be written, the pipeline goes on: No space left" in said
    check(path, acknowledged=worker.facts, offered=3 * ITEMS)
    assert rows(path, "SELECT reason FROM run_drops") == []


@pytest.mark.parametrize("signals", [(), ("--default-sigxfsz",)], ids=["ignored", "default"])
def test_a_limit_of_the_size_of_files_loses_nothing_when_it_is_lifted(work, database, signals):
    """Where SIGXFSZ is not ignored, as Python does, writing over the limit would end the process."""
    worker = work("--steps", 3, "--items", 300, "--pause", *signals)
    worker.wait_for("step")
    until(lambda: rows(database, "SELECT COUNT(*) FROM run_errors") == [(300,)])  # a limit in the middle of a write would end it
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
    worker.go_on()
    worker.wait_for("step")
    a_tick_passes(database)
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    worker.go_on()
    worker.wait_for("step")
    worker.go_on()

    code, said = worker.finish()
    assert (code, "Traceback" in said) == (0, False), said
    assert "cannot be written, the pipeline goes on: File too large" in said
    check(database, acknowledged=worker.facts, offered=900)
    assert rows(database, "SELECT reason FROM run_drops") == []


def test_a_disk_that_is_full_when_a_database_is_opened_ends_no_process(request, work, disk):
    """SQLite is killed by SIGBUS when it has to rebuild its shared memory there, on ext4 with 1 KiB blocks and on btrfs."""
    path = disk / "dashboard.sqlite"
    first = work("--items", ITEMS, "--pause", path=path)
    first.wait_for("step")
    until(lambda: rows(path, "SELECT 1 FROM runs"))
    first.kill()
    if not request.node.callspec.id.startswith("btrfs"):  # there, what is written over again needs space, too
        path.with_name(f"{path.name}-shm").unlink()
    filler = fill(disk, leaving=LEFT)

    command = [str(Path(sys.executable).with_name("otel-sqlite")), "runs", "--path", str(path)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert answer.returncode in (0, 1, 2), answer
    code, said = work("--items", ITEMS, path=path).finish()
    assert (code, "Traceback" in said) == (0, False), said

    filler.unlink()
    third = work("--items", ITEMS, path=path)
    assert third.finish() == (0, "")
    recover(path, 60)
    check(path, acknowledged=[*first.facts, *third.facts])
