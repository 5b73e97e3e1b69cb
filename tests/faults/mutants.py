# ruff: noqa: T201 - a program that prints
"""`make mutants`: take away one guard of the bridge at a time, and see that a test notices.

A guard whose absence leaves its test green *survived*: then it is not needed, or its test is missing. One that is not found,
because the code has changed, is a failure as well: guards.py is to follow the code.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.faults.guards import GUARDS, Guard

_ROOT = Path(__file__).parents[2]
_COPIED = ("otel_sqlite", "pipelines", "tests", "pyproject.toml")
_TIMEOUT_S = 300.0


class Verdict(StrEnum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVED = "SURVIVED"
    STALE = "STALE"  # the guard's code, or its tests, are not there any more
    UNSOUND = "UNSOUND"  # the tests fail with the guard in place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A guard, and what its tests said without it."""

    guard: Guard
    verdict: Verdict


def main() -> None:
    """Try all guards, or those whose name contains a word given; exit code 1 when one of them was not noticed."""
    parser = argparse.ArgumentParser(prog="make mutants", description=main.__doc__)
    parser.add_argument("words", nargs="*", help="only the guards whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (default: as many as cores)")
    options = parser.parse_args()
    guards = [guard for guard in GUARDS if not options.words or any(word in guard.name for word in options.words)]
    findings = list(_try_all(guards, options.jobs))
    noticed = sum(finding.verdict is Verdict.NOTICED for finding in findings)
    print(f"\n{noticed} of {len(findings)} guards are noticed when they are gone")
    sys.exit(noticed < len(findings))


def _try_all(guards: list[Guard], jobs: int) -> Iterator[Finding]:
    width = max((len(guard.name) for guard in guards), default=0)
    with ThreadPoolExecutor(jobs) as pool:
        for finding in pool.map(_try, guards):
            print(f"{finding.verdict:9} {finding.guard.name:{width}}  {finding.guard.file}", flush=True)
            yield finding


def _try(guard: Guard) -> Finding:
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in _COPIED:
            source = _ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, tree / name)
        return Finding(guard=guard, verdict=_verdict(guard, tree))


def _verdict(guard: Guard, tree: Path) -> Verdict:
    file = tree / guard.file
    code = file.read_text()
    if code.count(guard.code) != 1:
        return Verdict.STALE
    # The same tests with the guard in place: one that fails anyhow proves nothing.
    if (before := _run_tests(guard, tree)) != 0:
        return Verdict.UNSOUND if before == 1 else Verdict.STALE
    file.write_text(code.replace(guard.code, guard.without))
    return Verdict.SURVIVED if _run_tests(guard, tree) == 0 else Verdict.NOTICED


def _run_tests(guard: Guard, tree: Path) -> int:
    """pytest's exit code: 0 all passed, 1 some failed, else it could not run them; a hang is a failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", guard.test]
    environment = {**os.environ, "PYTHONPATH": str(tree), "REQUIRE_FAULTS": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return 1
    return done.returncode


if __name__ == "__main__":
    main()
