"""A process's own append-only log of records, one JSON line each; the flock on it is the proof that the process lives.

The journal is the durability of the live path: what was appended is on the dashboard sooner or later, whatever ends the process.
"""

import contextlib
import errno
import json
import logging
import os
import sys
import time
import uuid
from collections import deque
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite import death
from otel_sqlite.errors import StorePathError
from otel_sqlite.model import DropRecord, ErrorRecord, RunRecord, SpanRecords, StepRecord
from otel_sqlite.store.connection import deadly_size, is_there, make_folder, refusal, sidecar
from otel_sqlite.store.locks import try_lock, unlock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager

_logger = logging.getLogger(__name__)

SUFFIX: Final = ".jsonl"
TEMPORARY: Final = ".new"
FORMAT: Final = 1
_SHRINK_BYTES: Final = 8 * 1024 * 1024
_READ_BYTES: Final = 4 * 1024 * 1024
_LONGEST_LINE: Final = 64 * 1024 * 1024  # far more than a record ever takes: what is longer is none
_WAITING_BYTES: Final = 4 * 1024 * 1024
NEWLINE: Final = b"\n"
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # json.dumps would make one for each line
KINDS: Final = {"run": RunRecord, "step": StepRecord}


class Header(NamedTuple):
    """The first line of a journal: whose it is, and what tells later why its process died.

    Attributes:
        memory_file, memory_kills: ``death.MemoryGroup`` when the journal began; None and 0 where the system does not say.
    """

    host: str
    pid: int
    boot_id: str | None
    memory_file: str | None = None
    memory_kills: int = 0

    @property
    def memory_group(self) -> death.MemoryGroup | None:
        """The memory group of the process when the journal began."""
        return None if self.memory_file is None else death.MemoryGroup(self.memory_file, self.memory_kills)


class Lines(NamedTuple):
    """Complete lines from a place in a journal.

    Attributes:
        records: What they say, in order.
        unreadable: How many of them say nothing.
        end: Where to go on reading.
    """

    records: list[SpanRecords]
    unreadable: int
    end: int


class Lost(NamedTuple):
    """What a journal did not take."""

    lines: int
    errors: int


class _Waiting(NamedTuple):
    """A line, or the rest of one, and how many item errors it tells of."""

    line: bytes
    errors: int


def folder(path: Path) -> Path:
    """Where the journals of a dashboard database lie."""
    return sidecar(path) / "journal"


def encode(records: SpanRecords) -> bytes:
    """The records as one line."""
    kind = "run" if isinstance(records.span, RunRecord) else "step"
    return _to_json([kind, *records]).encode("utf-8", "replace") + NEWLINE


def decode(line: bytes) -> SpanRecords | None:
    """The records of a line; None for a header.

    Raises:
        ValueError: The line is torn, or nothing that this version knows.
    """
    parsed = json.loads(line)
    try:
        if parsed[0] == "journal":
            return None
        kind, span, errors, drops = parsed
        return SpanRecords(KINDS[kind](*span), [ErrorRecord(*e) for e in errors], [DropRecord(*d) for d in drops])
    except (TypeError, KeyError, IndexError) as error:
        raise ValueError(f"not a record: {error!r}") from error


class Journal:
    """The journal that this process writes, from any thread.

    Attributes:
        start, end: Places in it, in bytes ever appended: they go on growing when it is emptied.
        lost: What is given up because the system did not take it: lines, and item errors in them.
    """

    def __init__(self, path: Path, lock: "AbstractContextManager[object]") -> None:
        """Make the journal for the dashboard database at ``path`` and lock it.

        Args:
            path: The dashboard database.
            lock: Held while the file changes; re-entrant, so that its owner can make several calls one.

        Raises:
            StoreError: The journal cannot be made.
        """
        self._lock = lock
        self._folder = folder(path)
        if is_there(path, path) and not (path.is_file() or path.is_dir()):  # /dev/null, to say that nothing is to be recorded
            raise StorePathError(path, "not a file")
        make_folder(self._folder, path)
        self.name = f"{time.time_ns():019d}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._path = self._folder / self.name
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._has_complained = False
        self.lost = Lost(0, 0)
        self._shrink_at = _SHRINK_BYTES
        self.start = 0
        self.end = 0
        self.header = Header(host(), os.getpid(), boot_id(), *(death.memory_group() or ()))
        # Made under another name and locked before it gets its own: nobody ever sees it unlocked while its owner lives.
        temporary = self._path.with_suffix(TEMPORARY)
        try:
            header = _header_line(self.header)
            self._descriptor = _make(temporary, self._path, [header])
        except OSError as error:
            raise refusal(error, path, self._folder) from error
        self._header_size = self.end = len(header)

    def append(self, records: SpanRecords) -> None:
        """Add one line. What the system does not take (a full disk) waits in memory for the next time, up to some megabytes."""
        line = encode(records)
        with self._lock:
            if self._waiting:
                self._write_waiting()
            if not self._waiting and not (line := self._write(line)):
                return  # nearly always
            if self._waiting_bytes + len(line) > _WAITING_BYTES and self._waiting:
                self._lose([_Waiting(line, len(records.errors))])
                return
            self._waiting.append(_Waiting(line, len(records.errors)))
            self._waiting_bytes += len(line)

    @property
    def is_waiting(self) -> bool:
        """Whether there are lines that the system did not take yet."""
        return bool(self._waiting)

    def give_up(self) -> None:
        """Count what still waits as lost: nobody will try again."""
        with self._lock:
            if self._waiting:
                self._lose(self._waiting)
                # What comes later, from a run that outlives the shutdown, begins on a line of its own.
                self._waiting = deque([_Waiting(NEWLINE, 0)])
                self._waiting_bytes = len(NEWLINE)

    def read(self, start: int) -> Lines:
        """Whole lines from the place ``start`` on, some megabytes at most. For the thread that empties it."""
        base = self.start
        lines = read_lines(self._descriptor, max(start - base, 0))
        return lines._replace(end=lines.end + base)

    def show_life(self) -> None:
        """Leave a sign of life, the file's modification time; make the file anew when somebody removed or truncated it."""
        with self._lock, contextlib.suppress(OSError):
            os.utime(self._descriptor)
            self._write_waiting()
            if not self._is_linked():
                self._relink()
            if os.fstat(self._descriptor).st_size < self.end - self.start:
                self._begin_anew()

    def empty_if(self, may: "Callable[[], bool]", end: int) -> int:
        """Forget all lines, if they end at ``end`` and ``may`` agrees: no run needs them again. Returns where reading goes on."""
        with self._lock:
            if self.end != end or end == self.start + self._header_size or self._waiting or not may():
                return end
            os.ftruncate(self._descriptor, 0)
            self.start = end
            self._waiting.append(_Waiting(_header_line(self.header), 0))
            self._waiting_bytes += self._header_size
            self._write_waiting()
            return self.end

    def shrink(self, end: int, open_spans: "Callable[[], Iterable[RunRecord | StepRecord]]") -> None:
        """Forget the lines of runs in which nothing is open, if all lines are applied (they end at ``end``) and many.

        A span that never ends keeps the journal from being emptied; so it still does not grow for ever.
        """
        with self._lock:
            size = end - self.start
            if self.end != end or self._waiting or size < self._shrink_at:
                return
            marks = {mark for span in open_spans() for mark in _marks(span)}
        kept = self._lines_with(marks, size)
        if kept is None:  # it is the open runs that are large
            self._shrink_at = 2 * size
            return
        with self._lock, contextlib.suppress(OSError):
            tail = os.pread(self._descriptor, self.end - end, size)  # appended meanwhile
            descriptor = _make(self._path.with_suffix(TEMPORARY), self._path, [kept, tail])
            os.close(self._descriptor)
            self._descriptor = descriptor
            self.start = end - len(kept)
            self._shrink_at = max(_SHRINK_BYTES, 2 * len(kept))

    def close(self, *, remove: bool) -> None:
        """Give the lock back; with ``remove``, the file goes first."""
        if remove:
            self._path.unlink(missing_ok=True)
        unlock(self._descriptor)
        os.close(self._descriptor)

    def abandon(self) -> None:
        """In a forked child: let go of the descriptor without touching the lock, which is the parent's."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _lines_with(self, marks: "Collection[bytes]", size: int) -> bytes | None:
        """The header, and of the first ``size`` bytes the lines that hold one of these marks; None: more than half of them."""
        kept = bytearray(_header_line(self.header))
        for line in self._lines(size):
            if 2 * len(kept) > size:
                return None
            if any(mark in line for mark in marks):
                kept += line + NEWLINE
        return None if 2 * len(kept) > size else bytes(kept)

    def _lines(self, size: int) -> "Iterator[bytes]":
        """The whole lines in the first ``size`` bytes."""
        rest = b""
        for start in range(0, size, _READ_BYTES):
            *lines, rest = (rest + os.pread(self._descriptor, min(_READ_BYTES, size - start), start)).split(NEWLINE)
            yield from lines

    def _write_waiting(self) -> None:
        while self._waiting:
            line, errors = self._waiting[0]
            rest = self._write(line)
            self._waiting_bytes -= len(line) - len(rest)
            if rest:
                self._waiting[0] = _Waiting(rest, errors)
                return
            self._waiting.popleft()

    def _write(self, line: bytes) -> bytes:
        """Write a line; returns what the system did not take: all of it, or its end after a short write."""
        try:
            while line:
                self._check_size(len(line))
                written = os.write(self._descriptor, line)
                self.end += written
                line = line[written:]
        except OSError as error:
            self._complain(error)
        return line

    def _check_size(self, more: int) -> None:
        """Fail as the system would, where it would end the process instead."""
        if (limit := deadly_size()) is not None and self.end - self.start + more > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    def _lose(self, lines: "Collection[_Waiting]") -> None:
        self.lost = Lost(self.lost.lines + len(lines), self.lost.errors + sum(errors for _, errors in lines))

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            _logger.warning("journal %s cannot be written, the pipeline goes on: %s", self._path, error.strerror)

    def _is_linked(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def _relink(self, *header: bytes) -> None:
        """The same journal in a new file: without one at its path nobody sees that this process lives."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written = range(0, self.end - self.start, _READ_BYTES)
        lines = (os.pread(self._descriptor, _READ_BYTES, start) for start in written)
        descriptor = _make(self._path.with_suffix(TEMPORARY), self._path, chain(header, lines))
        os.close(self._descriptor)
        self._descriptor = descriptor

    def _begin_anew(self) -> None:
        """What somebody left of the journal in a new file, which is read from its first line: places in the old one are wrong."""
        self._relink(_header_line(self.header))
        self.start = self.end
        self.end += os.fstat(self._descriptor).st_size
        _logger.warning("journal %s was truncated by somebody else: what was not in the database yet is lost", self._path)


def exist(path: Path) -> bool:
    """Whether there is any journal, of the living or the dead."""
    return any(folder(path).glob(f"*{SUFFIX}"))


def host() -> str:
    """The name of this machine, as rows carry it."""
    return os.uname().nodename


@lru_cache(maxsize=1)
def boot_id() -> str | None:
    """What tells this boot of the machine from the one before; None where the system does not say (macOS)."""
    if sys.platform != "linux":
        return None
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().decode().strip()
    except OSError:
        return None


def _make(temporary: Path, path: Path, lines: "Iterable[bytes]") -> int:
    """Make a journal with its first lines; its locked descriptor.

    Raises:
        OSError: There is none, and nothing is left of it.
    """
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _begin(descriptor, lines)
        temporary.rename(path)
    except OSError:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)
        raise
    return descriptor


def _begin(descriptor: int, lines: "Iterable[bytes]") -> None:
    if not try_lock(descriptor):  # without it, everybody would take its process for dead
        raise OSError(errno.ENOLCK, "it cannot be locked")
    for line in lines:
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _marks(span: RunRecord | StepRecord) -> "Iterator[bytes]":
    """What every line of a span's run holds; some others may hold it, too."""
    if span.run_uid is None:  # which run it is, is not known here: all of its trace
        yield span.trace_id.encode()
    else:
        yield f"[{_to_json(span.run_uid)},".encode("utf-8", "replace")  # each record begins with it
        yield f'[null,"{span.trace_id}"'.encode()


def _header_line(header: Header) -> bytes:
    return json.dumps(["journal", FORMAT, *header]).encode() + NEWLINE


def read_lines(descriptor: int, start: int) -> Lines:
    """Whole lines from byte ``start`` of a journal on; a torn last line is left out."""
    size = _READ_BYTES
    while True:
        data = os.pread(descriptor, size, start)
        end = data.rfind(NEWLINE) + 1
        if end or len(data) < size:
            break
        if size > _LONGEST_LINE:
            return Lines([], 1, start + size)
        size *= 2  # one line longer than what was read
    records, unreadable = [], 0
    for line in data[:end].split(NEWLINE):
        if not line:
            continue
        try:
            decoded = decode(line)
        except (ValueError, RecursionError):
            unreadable += 1
        else:
            if decoded is not None:
                records.append(decoded)
    return Lines(records, unreadable, start + end)
