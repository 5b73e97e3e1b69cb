"""``make chaos``: storms of kills until there were enough, a database locked for a minute, then a kill at every syscall."""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from otel_sqlite.applier import recover
from tests.faults.invariants import check
from tests.faults.processes import Worker, locked, rows, start_worker, until
from tests.faults.storm import Tally, storm
from tests.faults.sweep import Point, killing, points, tracing

_KILLS_A_STORM = 50
_WORKLOAD = ("--runs", 2, "--steps", 2, "--items", 3, "--rest-ms", 600)  # a step and the next one: one tick at least
_LOCKED_S = 60
_AT_ONCE = 4  # they rest most of the time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    deadline = time.monotonic() + options.minutes * 60
    _say(f"seed {options.seed}")
    tally = _storms(options.kills, options.seed, deadline)
    _locked_for_a_minute(deadline)
    swept = _sweep(deadline)
    _table(tally, swept)
    if tally.kills < options.kills:
        sys.exit(f"{tally.kills} of {options.kills} kills in {options.minutes:g} minutes")
    if swept.tried != swept.found:
        sys.exit(f"{swept.tried.total()} of {swept.found.total()} calls in {options.minutes:g} minutes")


def _storms(kills: int, seed: int, deadline: float) -> Tally:
    tally = Tally()
    while tally.kills < kills and time.monotonic() < deadline:
        processes = (1, 4, 8, 16, 32)[seed % 5]
        with tempfile.TemporaryDirectory() as folder:
            number = min(_KILLS_A_STORM, kills - tally.kills)
            tally += storm(Path(folder), kills=number, processes=processes, seed=seed, lock_s=7)
        _say(f"{tally.kills} kills, the last {number} over 1-{processes} processes (seed {seed}); {dict(tally.facts)}")
        seed += 1
    return tally


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    """The calls that touched the store, by syscall; those that the time was enough for; those that a worker was killed at.

    A worker that goes through its runs in another rhythm does not come to the very last calls.
    """

    found: Counter[str]
    tried: Counter[str]
    killed: Counter[str]


def _sweep(deadline: float) -> _Swept:
    """Kill at every syscall that touches the store."""
    tried, killed = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(_AT_ONCE) as pool:
        folder = Path(name)
        code, said = _work(folder / "plain", tracing(folder / "log")).finish()
        assert (code, said) == (0, "")
        found = points(folder / "log", folder / "plain")
        _say(f"{len(found)} calls touch the store; a worker is killed at each, {_AT_ONCE} at once ...")
        codes = pool.map(partial(_kill_at, folder=folder, deadline=deadline), found)
        for number, (point, code) in enumerate(zip(found, codes, strict=True), 1):
            tried[point.syscall] += code is not None
            killed[point.syscall] += code == -signal.SIGKILL
            if number % 25 == 0:
                _say(f"{tried.total()} of {len(found)} calls, {killed.total()} kills")
    return _Swept(found=Counter(point.syscall for point in found), tried=tried, killed=killed)


def _kill_at(point: Point, folder: Path, deadline: float) -> int | None:
    """Kill a worker at a call, and look at what is left; gives its exit code, or None where it is too late to begin."""
    if time.monotonic() > deadline:
        return None
    place = folder / f"{point.syscall}-{point.nth}"
    worker = _work(place, killing(place.with_suffix(".log"), point))
    code, said = worker.finish()
    assert code in {0, -signal.SIGKILL}, said
    database = place / "dashboard.sqlite"
    recover(database, 60)
    check(database, acknowledged=worker.facts)
    assert not rows(database, "SELECT 1 FROM runs WHERE outcome = 'running'"), point
    return code


def _work(folder: Path, before: list[str]) -> Worker:
    return start_worker(folder / "dashboard.sqlite", folder.with_suffix(".jsonl"), *_WORKLOAD, before=before)


def _locked_for_a_minute(deadline: float) -> None:
    """A pipeline goes through all of its runs while the database is locked; all of them are there afterwards."""
    if time.monotonic() > deadline:
        return
    _say(f"locking the database for {_LOCKED_S} s ...")
    with tempfile.TemporaryDirectory() as name:
        database = Path(name) / "dashboard.sqlite"
        recorded = start_worker(database, Path(name) / "first.jsonl")
        recorded.finish()
        with locked(database):
            until_unlocked = time.monotonic() + _LOCKED_S
            worker = start_worker(database, Path(name) / "second.jsonl", "--runs", 200, "--rest-ms", 10)
            code, said = worker.finish()
            assert code == 0, said
            until(lambda: time.monotonic() > until_unlocked, _LOCKED_S + 5)
            assert rows(database, "SELECT COUNT(*) FROM runs") == [(1,)]
        assert recover(database, 60).journals == 1
        check(database, acknowledged=[*recorded.facts, *worker.facts], offered=2 * 201)
        _say(f"locked for {_LOCKED_S} s: {len(worker.facts)} facts acknowledged meanwhile, all there")


def _table(tally: Tally, swept: _Swept) -> None:
    for what, number in {
        "SIGKILLs at random": tally.kills,
        "workers left alone": tally.finished,
        **{f"acknowledged: {kind}": number for kind, number in sorted(tally.facts.items())},
        "missing or doubled": 0,  # or check() would have failed
        "dead runs labelled": tally.labelled,
        "live runs labelled": 0,
        "looks of the watcher": tally.looks,
        "locks by a stranger": tally.locks,
        **{f"killed at {syscall}": f"{swept.killed[syscall]} of {number}" for syscall, number in swept.found.items()},
    }.items():
        sys.stdout.write(f"{what:<32}{number:>10}\n")


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
