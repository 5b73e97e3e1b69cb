"""A process that the kernel kills for want of memory leaves a run that says so."""

import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from otel_sqlite.applier import recover

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")

EATER = """
import os, sys
open(sys.argv[2], "w").write(str(os.getpid()))
from otel_sqlite import configure, run
configure(sys.argv[1])
with run("people") as r, r.step("sportlink-download") as s:
    eaten = []
    while True:
        eaten.append(b"x" * 1_000_000)
"""


@pytest.fixture
def small_group(needs):
    """A control group of 100 MB; gives the file that takes its processes."""
    is_v1 = (_V1 / "memory.limit_in_bytes").exists()
    group = (_V1 if is_v1 else _V2) / f"otel-sqlite-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if is_v1 else "memory.max")).write_text("100000000")
    except OSError as error:  # no root
        needs(f"control groups cannot be made here: {error}")
    yield group / "cgroup.procs"
    group.rmdir()


def test_a_run_that_ran_out_of_memory_says_so(database, small_group):
    process = subprocess.run([sys.executable, "-c", EATER, str(database), str(small_group)], check=False, timeout=60)
    assert process.returncode == -9

    assert recover(database, 60).labelled == 1

    with closing(sqlite3.connect(database)) as connection:
        ((reason, evidence),) = connection.execute("SELECT end_reason, end_evidence FROM runs")
    assert reason == "process_died"
    assert "out of memory: the kernel " in evidence
    assert evidence.endswith("; open step: sportlink-download")
