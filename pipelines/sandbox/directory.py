"""The directory in which a sandbox keeps its contents: who may use it, and how it is emptied."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import AlreadyRunningError

CLUB_FILE = "club.json"
LOCK_FILE = "sandbox.lock"
STATE_DIR = "state"
PHOTO_DIR = "photos"


def database(directory: Path, system: str) -> Path:
    """The file of a system."""
    return directory / f"{system}.sqlite"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Have the directory to oneself; it is made when it is not there.

    Raises:
        AlreadyRunningError: Another process has it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise AlreadyRunningError(
                f"{directory} is in use by process {owner} (stop it, or give this sandbox another directory)"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def reset(directory: Path, systems: tuple[str, ...]) -> None:
    """Delete what a sandbox and the pipelines that talked to it left in the directory, and nothing else.

    Raises:
        AlreadyRunningError: A sandbox is using it.
    """
    if not directory.exists():
        return
    with locked(directory):
        files = [directory / CLUB_FILE, directory / LOCK_FILE]
        files += [Path(f"{database(directory, name)}{suffix}") for name in systems for suffix in ("", "-wal", "-shm")]
        for path in files:
            path.unlink(missing_ok=True)
        for name in (STATE_DIR, PHOTO_DIR):
            shutil.rmtree(directory / name, ignore_errors=True)
    if not any(directory.iterdir()):
        directory.rmdir()
