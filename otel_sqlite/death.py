"""What can be known of a death: whether the kernel killed a process because memory ran out."""

import os
import re
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

_CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
_MEMBERSHIP: Final = Path("/proc/self/cgroup")
_KERNEL_LOG: Final = "/dev/kmsg"
_MAX_LINE: Final = 8192  # the kernel gives one message a read, and none that is longer
_KILLED: Final = re.compile(rb"^\d+,\d+,(\d+),[^;]*;.*Killed process (\d+) \(", re.DOTALL)
# A process that is killed may have been silent for a while before, and its memory takes a while to be given back.
_WINDOW_NS: Final = 300 * 1_000_000_000


class MemoryGroup(NamedTuple):
    """How many processes the kernel has killed in a control group for want of memory.

    Attributes:
        file: Where the kernel counts them.
        kills: The count, at some moment.
    """

    file: str
    kills: int


@lru_cache(maxsize=1)
def _group_file() -> Path | None:
    """Where the kernel counts for the group of this process; None where it does not (macOS, the root group)."""
    try:
        lines = _MEMBERSHIP.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if "memory" in controllers.split(","):
            root, name = _CONTROL_GROUPS / "memory", "memory.oom_control"
        elif not controllers:
            root, name = _CONTROL_GROUPS, "memory.events"
        else:
            continue
        # In a container the group may be named as the host knows it, and be found at the top.
        for file in (root / group.lstrip("/") / name, root / name):
            if file.is_file():
                return file
    return None


def memory_group() -> MemoryGroup | None:
    """The count of this process's group now."""
    file = _group_file()
    kills = None if file is None else _kills(file)
    return None if file is None or kills is None else MemoryGroup(str(file), kills)


def out_of_memory(pid: int, last_sign_ns: int, before: MemoryGroup | None) -> str | None:
    """What the kernel says of a death for want of memory, as evidence; None when it says nothing.

    Args:
        pid: Of the dead process, which ran since this machine was started.
        last_sign_ns: Its last sign of life.
        before: The count of its group when it was alive.
    """
    killed_ns = _kernel_kills(int(time.monotonic())).get(pid)
    if killed_ns is not None and abs(killed_ns - last_sign_ns) < _WINDOW_NS:
        return "out of memory: the kernel killed it, says the kernel's log"
    more = 0 if before is None else (_kills(Path(before.file)) or 0) - before.kills
    if more > 0:
        return f"perhaps out of memory: the kernel has killed {more} of its control group since it began"
    return None


def _kills(file: Path) -> int | None:
    try:
        counts = dict(line.split(maxsplit=1) for line in file.read_bytes().decode().splitlines())
        return int(counts["oom_kill"])
    except (OSError, ValueError, KeyError):
        return None


@lru_cache(maxsize=1)
def _kernel_kills(_second: int) -> dict[int, int]:
    """When the kernel killed which process for want of memory, as far as its log may be read; asked once a second at most."""
    if sys.platform != "linux":
        return {}
    try:
        log = os.open(_KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    booted_ns = time.time_ns() - time.monotonic_ns()
    kills = {}
    try:
        while line := os.read(log, _MAX_LINE):
            if (found := _KILLED.match(line)) is not None:
                kills[int(found[2])] = booted_ns + int(found[1]) * 1_000
    except OSError:  # the end, or a part that was overwritten while it was read
        pass
    finally:
        os.close(log)
    return kills
