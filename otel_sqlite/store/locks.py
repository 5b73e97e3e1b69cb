"""Locks between processes: exclusive flocks, which the kernel gives back when their owner dies."""

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otel_sqlite.errors import StoreBusyError

_POLL_S: Final = 0.002

# Mutexes held or waited for in this process: a forked child has to let go of its copies, or they outlive their owner.
_held: set[int] = set()


def try_lock(descriptor: int) -> bool:
    """Take an exclusive flock if nobody holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(descriptor: int) -> bool:
    """Whether somebody holds an exclusive flock: a look, which does not keep others who look from seeing the same."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    unlock(descriptor)
    return False


def unlock(descriptor: int) -> None:
    """Give a flock back for good: closing alone would leave it to a forked child that inherited the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def held(descriptor: int, deadline: float, busy: "StoreBusyError") -> "Iterator[Callable[[], None]]":
    """Hold the lock on an open file, and close it when the block ends; what it gives, called, gives it back before.

    Raises:
        StoreBusyError: ``busy``, when others hold it until the deadline, a time of ``time.monotonic``.
    """
    _held.add(descriptor)
    try:
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise busy
            time.sleep(_POLL_S)
        yield lambda: unlock(descriptor)
    finally:
        _held.discard(descriptor)
        unlock(descriptor)
        os.close(descriptor)


def let_go() -> None:
    """In a forked child: close the copies of what the parent holds or waits for."""
    while _held:
        os.close(_held.pop())
