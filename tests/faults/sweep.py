"""Kill a program at one syscall after another that touches the store: a first run lists them, then each gets a run of its own."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SYSCALLS = ("write", "pwrite64", "fdatasync", "ftruncate", "rename", "openat", "unlink", "flock")

_CALL = re.compile(r"(\d+) +(\w+)\((.*)")


class Point(NamedTuple):
    """The nth call of a syscall, counted in each thread on its own."""

    syscall: str
    nth: int


def tracing(log: Path, *options: str, syscalls: Iterable[str] = SYSCALLS) -> list[str]:
    """The beginning of a command line that runs the rest of it under strace."""
    return ["strace", "-f", "-y", "-s0", "-qq", "-o", str(log), "-e", f"trace={','.join(syscalls)}", *options]


def killing(log: Path, point: Point) -> list[str]:
    """As ``tracing``, with a SIGKILL in place of this call."""
    return tracing(log, "-e", f"inject={point.syscall}:signal=SIGKILL:when={point.nth}", syscalls=[point.syscall])


def points(log: Path, folder: Path) -> list[Point]:
    """The calls of a log that touched something in a folder, in the order of the program."""
    calls: Counter[tuple[str, str]] = Counter()
    found: dict[Point, None] = {}
    for thread, syscall, arguments in _calls(log):
        calls[thread, syscall] += 1
        if str(folder) in arguments:
            found[Point(syscall, calls[thread, syscall])] = None
    return list(found)


def some(found: Sequence[Point], number: int) -> list[Point]:
    """At most so many of each syscall, spread over all."""
    chosen = []
    for syscall in SYSCALLS:
        calls = sorted(point for point in found if point.syscall == syscall)
        chosen += calls[:: max(-(-len(calls) // number), 1)]
    return chosen


def _calls(log: Path) -> Iterator[tuple[str, str, str]]:
    for line in log.read_text("utf-8", "replace").splitlines():
        if (call := _CALL.match(line)) is not None:
            yield call[1], call[2], call[3]
