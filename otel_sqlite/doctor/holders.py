"""Which processes hold a lock on a file, as far as the system says (Linux: /proc); elsewhere nobody is known."""

import os
from pathlib import Path
from typing import Final, NamedTuple

_LOCKS: Final = Path("/proc/locks")
_PROCESSES: Final = Path("/proc")
_FIELDS: Final = 8


class Holder(NamedTuple):
    """A process that holds a lock.

    Attributes:
        state: As the kernel writes it: R, S, D, T (stopped), Z; empty when it is not known.
        is_writing: Whether the lock is exclusive.
        start: First byte of what is locked.
    """

    pid: int
    name: str
    state: str
    is_writing: bool
    start: int

    @property
    def is_stopped(self) -> bool:
        """Whether it does nothing until somebody lets it go on."""
        return self.state in {"T", "t"}

    def __str__(self) -> str:
        stopped = ", stopped" if self.is_stopped else ""
        return f"process {self.pid} ({self.name}{stopped})" if self.name else f"process {self.pid}"


def holders(file: Path) -> list[Holder]:
    """Who holds a lock on this file, other than this process."""
    try:
        found = file.stat()
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    held = []
    for fields in map(str.split, lines):
        if len(fields) < _FIELDS or fields[1] == "->" or fields[5] != wanted or not fields[4].isdigit():
            continue
        pid = int(fields[4])
        if pid != os.getpid():
            held.append(Holder(pid, *_name_and_state(pid), fields[3] == "WRITE", int(fields[6])))
    return held


def _name_and_state(pid: int) -> tuple[str, str]:
    try:
        # The name stands in parentheses and may hold any character, those too.
        before, _, after = (_PROCESSES / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")
    except OSError:
        return "", ""
    return before.partition("(")[2], after.split()[0]
