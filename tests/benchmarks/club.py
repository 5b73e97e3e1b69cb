"""The application on the sandbox club: what tracking adds to it (A1), and how it grows with the club."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.sandbox import Faults, Sandbox, running
from tests.benchmarks.measure import Figure, in_turns, progress, ratio

_USUAL, _LARGE = 1_069, 20_000
_TRACKING_TARGET = 1.02
_GROWTH_TARGET = 1.3  # a member costs as much in a large club as in the usual one
_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one command took in a process of its own."""

    wall_s: float
    peak_mib: float


def tracking(*, quick: bool) -> list[Figure]:
    """A1: sync-all that sends everything, with tracking and without, in turns."""
    members, rounds = (100, 2) if quick else (_USUAL, 3)
    with _club(members) as (folder, sandbox):

        def sync(**environment: str) -> float:
            return _sync("sync-all", "--force", folder=folder, sandbox=sandbox, **environment).wall_s

        progress(f"A1: sync-all of {members} members, {2 * (rounds + 1)} times")
        tracked, untracked = in_turns(rounds, lambda _: sync(), lambda _: sync(OTEL_SDK_DISABLED="true"))
        return [ratio("A1", f"sync-all of {members} members, tracked / untracked", tracked, untracked, _TRACKING_TARGET)]


def growth(*, quick: bool) -> list[Figure]:
    """Sync-people at the usual size and at a large one: the first run, and a quiet one after it."""
    small, large = (100, 400) if quick else (_USUAL, _LARGE)
    first, quiet = {}, {}
    for members in (small, large):
        progress(f"club: sync-people of {members} members, and a quiet day")
        with _club(members) as (folder, sandbox):
            first[members] = _sync("sync-people", folder=folder, sandbox=sandbox)
            quiet[members] = _sync("sync-people", folder=folder, sandbox=sandbox)
    return [
        figure
        for name, runs in (("first run", first), ("quiet run", quiet))
        for figure in (
            Figure(
                name="club",
                what=f"{name}: seconds a member, {large} / {small} members",
                value=runs[large].wall_s / large / (runs[small].wall_s / small),
                target=_GROWTH_TARGET,
                note=f"{runs[small].wall_s:.1f} s and {runs[large].wall_s:.1f} s",
            ),
            Figure(
                name="club",
                what=f"{name}: peak memory, {large} / {small} members",
                value=runs[large].peak_mib / runs[small].peak_mib,
                note=f"{runs[small].peak_mib:.0f} MiB and {runs[large].peak_mib:.0f} MiB",
            ),
        )
    ]


@contextmanager
def _club(members: int) -> Iterator[tuple[Path, Sandbox]]:
    with TemporaryDirectory() as folder, running(Path(folder, "club"), members=members, faults=Faults.none()) as sandbox:
        yield Path(folder), sandbox


def _sync(*command: str, folder: Path, sandbox: Sandbox, **environment: str) -> _Run:
    sandbox.sportlink.logins.forget_codes()  # a one-time code is good once, and these runs follow each other closely
    began = time.perf_counter()
    process = subprocess.Popen(
        [_BIN / command[0], *command[1:], "--no-browser"],
        cwd=folder,
        env={**os.environ, **sandbox.environment, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: an item failed, as some do
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return _Run(wall_s=wall_s, peak_mib=usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024))
