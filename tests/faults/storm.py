"""A storm: workers killed at random points, a stranger that locks the database now and then, and a watcher that looks on."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from otel_sqlite.applier import recover
from otel_sqlite.errors import StoreError
from otel_sqlite.model import LABELS, EndReason
from otel_sqlite.store.reader import Reader
from tests.faults.invariants import check
from tests.faults.processes import WAIT_S, Worker, locked, rows, start_worker, until

# A reason that would be false of a process that was killed on this machine, in this boot, while somebody watched.
_FALSE = {EndReason.HOST_REBOOTED, EndReason.LOST_CONTACT}
_WATCHED_RUNS = 500


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a storm came to.

    Attributes:
        finished: Workers that were left alone until they ended.
        facts: What was acknowledged, by kind.
        labelled: Dead runs whose row says so.
        looks: How often the watcher read the runs as a command would.
        locks: How often a stranger held the database.
    """

    kills: int = 0
    finished: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    looks: int = 0
    locks: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            kills=self.kills + other.kills,
            finished=self.finished + other.finished,
            facts=self.facts + other.facts,
            labelled=self.labelled + other.labelled,
            looks=self.looks + other.looks,
            locks=self.locks + other.locks,
        )


def storm(folder: Path, *, kills: int, processes: int, seed: int, lock_s: float = 1.0) -> Tally:
    """Kill ``kills`` workers of at most ``processes`` at once; fails when anything does not hold, during it or after.

    Args:
        folder: An empty folder.
        kills: How many SIGKILLs.
        processes: The most workers at a time.
        seed: What is random depends on it; when things happen depends on the machine, too.
        lock_s: The longest time that the stranger holds the database.
    """
    rng = random.Random(seed)
    database, tally, doomed = folder / "dashboard.sqlite", Tally(), set[int]()
    alive: list[Worker] = []
    workers: list[Worker] = []
    try:
        with _watcher(database, doomed, tally), _stranger(database, random.Random(seed + 1), lock_s, tally):
            while tally.kills < kills:
                while len(alive) < rng.randint(1, processes):
                    workers.append(_start(database, folder / f"{len(workers)}.jsonl", rng))
                    alive.append(workers[-1])
                tally.kills += _kill(alive.pop(rng.randrange(len(alive))), rng, doomed)
            tally.finished = _let_end(workers, doomed)
    finally:
        for worker in alive:
            worker.kill()
    until(lambda: recover(database, WAIT_S).waiting == 0)
    facts = [fact for worker in workers for fact in worker.facts]
    check(database, acknowledged=facts)
    tally.facts = Counter(type(fact).__name__ for fact in facts)
    tally.labelled = _labelled(database, doomed)
    return tally


def _start(database: Path, acknowledgements: Path, rng: random.Random) -> Worker:
    runs, rest_ms = rng.choice([(1, 400), (5, 20), (60, 1), (100, 0)])
    return start_worker(
        database,
        acknowledgements,
        *("--pipeline", rng.choice(["people", "nikki", "teams"])),
        *("--runs", runs),
        *("--steps", rng.randint(1, 4)),
        *("--items", rng.choice([0, 3, 40, 300])),
        *("--counts", rng.choice([0, 1, 20])),
        *("--rest-ms", rest_ms),
        OTEL_SQLITE_EXIT_TIMEOUT=rng.choice(["0", "0.1", "5"]),
    )


def _kill(worker: Worker, rng: random.Random, doomed: set[int]) -> bool:
    """Kill a worker at a random point of its life; whether it lived until then."""
    size, patience_s = rng.choice([0, 1, rng.randrange(2_000), rng.randrange(50_000)]), rng.choice([0.3, 0.5, 1.5])
    with suppress(AssertionError):
        until(lambda: worker.acknowledged_bytes >= size or worker.process.poll() is not None, patience_s)
    threading.Event().wait(rng.choice([0, 0, rng.random() / 10]))
    doomed.add(worker.process.pid)
    lived = worker.process.poll() is None
    worker.kill()
    return lived


def _let_end(workers: list[Worker], doomed: set[int]) -> int:
    """Wait for the workers that nobody killed: they end well, and say nothing but that the database was locked."""
    left = [worker for worker in workers if worker.process.pid not in doomed]
    for worker in left:
        code, said = worker.finish()
        assert code == 0, said
        assert "Traceback" not in said
    return len(left)


def _labelled(database: Path, doomed: set[int]) -> int:
    """How many runs are labelled: all of doomed processes, and none with a reason that cannot be."""
    labels = ", ".join(f"'{label}'" for label in LABELS)
    found = rows(database, f"SELECT pid, end_reason, end_evidence FROM runs WHERE end_reason IN ({labels})")
    assert not [row for row in found if row[0] not in doomed or row[1] in _FALSE or not row[2]]
    assert not rows(database, "SELECT run_uid FROM runs WHERE outcome = 'running'")
    return len(found)


@contextmanager
def _in_background(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Do something until the block ends; what goes wrong in it is raised there."""
    over, wrong = threading.Event(), list[BaseException]()

    def working() -> None:
        try:
            while not over.is_set():
                work(over)
        except BaseException as error:  # noqa: BLE001 - handed over below
            wrong.append(error)

    thread = threading.Thread(target=working)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    for error in wrong:
        raise error


def _watcher(database: Path, doomed: set[int], tally: Tally) -> "contextmanager[None]":
    """Look as every command does: recover for a second, then read. No run of a living process may be labelled."""

    def look(over: threading.Event) -> None:
        # A process is noted as doomed before it is killed: whatever is labelled by then may only be of those.
        with suppress(StoreError):
            recover(database, 1)
        with suppress(StoreError), Reader(database) as reader:
            labelled = [row for row in reader.runs(limit=_WATCHED_RUNS) if row.end_reason in LABELS]
            tally.looks += 1
            assert not [row for row in labelled if row.pid not in doomed], "a living process was taken for dead"
        over.wait(0.02)

    return _in_background(look)


def _stranger(database: Path, rng: random.Random, lock_s: float, tally: Tally) -> "contextmanager[None]":
    """Hold the database now and then."""

    def hold(over: threading.Event) -> None:
        over.wait(rng.random() * lock_s * 2)
        if database.exists() and database.stat().st_size:
            with locked(database):
                tally.locks += 1
                over.wait(rng.random() * lock_s)

    return _in_background(hold)
