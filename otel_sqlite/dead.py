"""The journals of others: what dead processes left, and whether the process of a journal lives."""

import contextlib
import errno
import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_sqlite import clean
from otel_sqlite.journal import FORMAT, KINDS, NEWLINE, SUFFIX, TEMPORARY, Header, Lines, folder, read_lines
from otel_sqlite.store.locks import is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator

_STILLBORN_AFTER_S: Final = 60
_UNREADABLE: Final = (ValueError, TypeError, RecursionError)


class DeadJournal:
    """The journal of a process that is gone. It is not locked: who did would be taken for that process, alive."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over a journal that is open on ``descriptor``."""
        self.name = os.fsencode(path.name).decode("utf-8", "replace")
        self._path = path
        self._descriptor = descriptor

    @property
    def last_sign_ns(self) -> int:
        """When its process last gave a sign of life."""
        return os.fstat(self._descriptor).st_mtime_ns

    @property
    def header(self) -> Header | None:
        """Whose journal it was; None when that cannot be read."""
        try:
            mark, version, machine, pid, boot, *memory = self._first_line()
        except _UNREADABLE:
            return None
        if (mark, version) != ("journal", FORMAT):
            return None
        file, kills = (*memory, None, None)[:2]
        return Header(str(machine), clean.count(pid), boot and str(boot), file and str(file), clean.count(kills))

    @property
    def is_known(self) -> bool:
        """False for the journal of a newer version, which waits for a reader that knows it."""
        try:
            mark, version, *_ = self._first_line()
        except _UNREADABLE:
            return True
        return bool(mark != "journal" or version == FORMAT)

    def _first_line(self) -> list[Any]:
        first: list[Any] = json.loads(os.pread(self._descriptor, 4096, 0).partition(NEWLINE)[0])
        return first

    def read(self, start: int) -> Lines:
        """Whole lines from byte ``start``; a torn last line is left out."""
        return read_lines(self._descriptor, start)

    def remove(self) -> None:
        """Delete the file: all of it is in the database."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)


def dead_journals(path: Path) -> "Iterator[DeadJournal]":
    """The journals beside a database whose processes are gone, oldest first; the caller closes each."""
    try:
        files = sorted(folder(path).iterdir())
    except OSError:
        return
    for file in files:
        if file.suffix == TEMPORARY:
            _remove_stillborn(file)
        elif file.suffix == SUFFIX and (descriptor := _open_dead(file)) is not None:
            yield DeadJournal(file, descriptor)


def is_gone(path: Path, name: str) -> bool:
    """Whether this journal does not exist any more, and its process does not hold it without a name, about to make it anew."""
    if "/" in name or not name.endswith(SUFFIX):  # none of ours: it could lead anywhere
        return True
    try:
        is_there = (folder(path) / name).exists()
    except OSError as error:  # no right to look says nothing; a name that no file can have says all
        is_there = error.errno != errno.ENAMETOOLONG
    return not is_there and not _is_held_unnamed(name)


def _is_held_unnamed(name: str) -> bool:
    """Whether the process that a journal's name tells has it open: known on Linux, and of processes that we may look into."""
    pid = name.partition("-")[2].partition("-")[0]
    if not (pid.isascii() and pid.isdigit()):
        return False
    try:
        links = list(Path("/proc", pid, "fd").iterdir())
    except OSError:
        return False
    for link in links:
        with contextlib.suppress(OSError):  # closed since
            if name in str(link.readlink()):
                return True
    return False


def is_held(file: Path) -> bool:
    """Whether the process lives that writes this journal."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_locked(descriptor)
    finally:
        os.close(descriptor)


def owner(file: Path) -> tuple[int | None, list[str]]:
    """The pid of the process that writes a journal, and the pipelines that it tells of."""
    pid, pipelines = None, set()
    with contextlib.suppress(OSError), file.open("rb") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, LookupError, TypeError):
                kind, *values = json.loads(line)
                if kind == "journal":
                    pid = Header(*values[1:]).pid
                elif kind in KINDS:
                    pipelines.add(KINDS[kind](*values[0]).pipeline or "")
    return pid, sorted(pipelines - {""})


def _remove_stillborn(file: Path) -> None:
    """Delete a journal whose process died before it had its name; a young one may be about to get it."""
    with contextlib.suppress(OSError):
        if time.time() - file.stat().st_mtime > _STILLBORN_AFTER_S:
            file.unlink()


def _open_dead(path: Path) -> int | None:
    """The descriptor of a journal that nobody holds; None when somebody does, it is gone, or it is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        # Between opening and looking, its owner may have come to an end and removed it.
        if stat.S_ISREG(found.st_mode) and not is_locked(descriptor) and os.path.samestat(found, path.stat()):
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None
