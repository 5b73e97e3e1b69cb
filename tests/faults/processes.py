"""Workers, strangers and waiting: what the fault tests are made of besides the checker."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from otel_sqlite.applier import Recovered, recover
from otel_sqlite.errors import StoreBusyError
from tests.faults.invariants import Fact, read_facts

ROOT = Path(__file__).parents[2]
WAIT_S = 60

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


class Worker:
    """A worker process (``worker.py``) and what it has acknowledged."""

    def __init__(self, process: "subprocess.Popen[str]", acknowledgements: Path) -> None:
        self.process = process
        self._acknowledgements = acknowledgements

    @property
    def facts(self) -> list[Fact]:
        """What it has acknowledged so far."""
        return read_facts(self._acknowledgements)

    @property
    def acknowledged_bytes(self) -> int:
        """How much it has acknowledged: cheaper to ask than what."""
        try:
            return self._acknowledgements.stat().st_size
        except FileNotFoundError:
            return 0

    def wait_for(self, word: str) -> None:
        """Wait until it says a word, as it does with ``--pause``."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said == f"{word}\n", f"{said!r}, exit code {self.process.poll()}"

    def has_complained(self) -> bool:
        """Whether it has said anything on stderr."""
        assert self.process.stderr is not None
        return bool(select.select([self.process.stderr], [], [], 0)[0])

    def go_on(self) -> None:
        """End one pause."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def finish(self) -> tuple[int, str]:
        """Let it run to its end; its exit code, and what it said on stderr."""
        _, said = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, said

    def kill(self) -> None:
        """End it now; does nothing to one that has ended."""
        self.process.kill()
        self.process.communicate()


def start_worker(
    database: Path, acknowledgements: Path, *arguments: object, before: Sequence[object] = (), **environment: str
) -> Worker:
    """Start a worker that records in ``database``.

    Args:
        database: The dashboard database.
        acknowledgements: Where it notes what it has recorded: on a disk and at a path that no fault touches.
        arguments: See ``worker.py``.
        before: A program that runs it, with its arguments (strace, setpriv, prlimit).
        environment: Variables besides those of this process; coverage is left out of workers.
    """
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    process = subprocess.Popen(
        [*map(str, before), sys.executable, "-m", "tests.faults.worker", str(acknowledgements), *map(str, arguments)],
        cwd=ROOT,
        env={**plain, "OTEL_SQLITE_PATH": str(database), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Worker(process, acknowledgements)


def stop(pid: int, database: Path) -> Recovered:
    """Stop a process at a moment when it keeps nobody waiting; gives what whoever recovers then does."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: state(pid) == "T")
        try:
            return recover(database, 0.5)
        except StoreBusyError:
            os.kill(pid, signal.SIGCONT)


def state(pid: int) -> str:
    """What the kernel says that a process does: T, it is stopped; Z, it is dead and nobody has waited for it."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


def until(is_so: Callable[[], object], timeout_s: float = WAIT_S) -> None:
    """Wait for a condition; fails where it does not come true."""
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        pause.wait(0.01)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process, which knows nothing of us, holds the database with BEGIN EXCLUSIVE."""
    stranger = subprocess.Popen(
        [sys.executable, "-S", "-c", _LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "held\n"
        yield
    finally:
        stranger.communicate("")


def rows(database: Path, query: str, *values: object) -> list[tuple]:
    """The answer of the database; nothing where it does not exist, or is just being made."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as connection:
        try:
            return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []
