"""Brings journals to the database: a process's own in a background thread, those of dead processes in ``recover``."""

import logging
import threading
import time
from contextlib import closing, suppress
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_sqlite import death
from otel_sqlite import journal as journals
from otel_sqlite.dead import dead_journals, is_gone
from otel_sqlite.errors import StoreError, StoreRecoveringError, StoreReplacedError
from otel_sqlite.model import DropRecord, EndReason, SpanRecords, timestamp
from otel_sqlite.store import retention
from otel_sqlite.store.connection import is_there, sidecar
from otel_sqlite.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from otel_sqlite.dead import DeadJournal
    from otel_sqlite.journal import Header, Journal
    from otel_sqlite.model import RunRecord, StepRecord
    from otel_sqlite.settings import Settings

_logger = logging.getLogger(__name__)

TICK_S: Final = 1.0
_LINGER_S: Final = 0.02  # starts and ends that come close together make one transaction
_WRITE_TIMEOUT_S: Final = 10.0
_RECOVER_TIMEOUT_S: Final = 30.0
_PRUNE_EVERY_S: Final = 24 * 3600
_PRUNE_AT_EXIT_S: Final = 0.2  # a process that ends after its only run has no other time for it
_BATCH_ROWS: Final = 4_000
_LEAPT: Final = (
    "dashboard database %s: nothing old is deleted by itself, because no run began between %s and %s: "
    "look at the clock, and if it is right, delete with 'otel-sqlite prune'"
)


class Recovered(NamedTuple):
    """What ``recover`` did.

    Attributes:
        journals: Journals of dead processes that are now in the database, and gone.
        waiting: Journals of dead processes that could not be applied in the time given.
        labelled: Dead runs whose row now says so.
    """

    journals: int
    waiting: int
    labelled: int


def recover(path: "Path", timeout_s: float, clock: "Callable[[], int]" = time.time_ns) -> Recovered:
    """Apply what dead processes left in their journals and label the runs that they never ended.

    Live processes are never touched; of two that recover at the same time, one waits for the other.

    Args:
        path: The dashboard database, absolute; it is only created when there is something to put into it.
        timeout_s: When to stop, journals that are not dealt with by then wait for the next time.
        clock: The time in nanoseconds, by which runs that nobody watches are told to have fallen silent.

    Raises:
        StoreError: The database cannot be written now.
    """
    if not is_there(path, path) and not journals.exist(path):
        return Recovered(0, 0, 0)
    writer = Writer(path)
    deadline = time.monotonic() + timeout_s
    try:
        with writer.recovery(timeout_s):
            return _recover(writer, deadline, clock=clock)
    finally:
        writer.close()


def prune(path: "Path", days: int, may_go_on: "Callable[[], bool]", clock: "Callable[[], int]" = time.time_ns) -> None:
    """Delete what is older than so many days, as far as it may go on; not again within a day of having found nothing left.

    Nothing is deleted where a clock seems to have jumped ahead: it could never be had back.

    Raises:
        StoreError: What was not deleted by then stays.
    """
    marker = sidecar(path) / "pruned"
    with suppress(OSError):
        if abs(time.time() - marker.stat().st_mtime) < _PRUNE_EVERY_S:
            return
    keep = retention.Keep.of_days(days, clock())
    if (leap := retention.leap(path, keep, days, _WRITE_TIMEOUT_S)) is not None:
        _logger.warning(_LEAPT, path, leap.gone, leap.kept or "now")
    else:
        with closing(retention.prune(path, keep, _WRITE_TIMEOUT_S)) as chunks:
            for _ in chunks:
                if not may_go_on():
                    return
    with suppress(OSError):
        marker.touch(mode=0o600)


class _Event:
    """As threading.Event is, but whole wherever Ctrl-C strikes: that one may stay locked, and the exit would wait for ever."""

    def __init__(self) -> None:
        self._set: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        return not self._set.empty()

    def set(self) -> None:
        if self._set.empty():
            self._set.put(None)

    def clear(self) -> None:
        with suppress(Empty):
            while True:
                self._set.get_nowait()

    def wait(self, timeout_s: float | None) -> None:
        with suppress(Empty):
            self._set.put(self._set.get(timeout=timeout_s))


class Applier:
    """The background thread of a process that records: tick, and its own journal to the database."""

    def __init__(
        self,
        settings: "Settings",
        journal: "Journal",
        tick: "Callable[[], None]",
        is_open: "Callable[[], bool]",
        open_spans: "Callable[[], Iterable[RunRecord | StepRecord]]",
    ) -> None:
        """Nothing happens until it is woken.

        Args:
            settings: Where the database is, and how long things are kept.
            journal: What to apply.
            tick: Journals what is new on the live spans; called once a second while any is open.
            is_open: Whether any run or step is open.
            open_spans: What was said last of each that is.
        """
        self._settings = settings
        self._journal = journal
        self._tick = tick
        self._is_open = is_open
        self._open_spans = open_spans
        self._writer = Writer(settings.path)
        self._offset = 0
        self._unreadable = 0
        self._noted_losses: tuple[int, ...] = (0, 0, 0)
        self._complaints: set[type[Exception]] = set()
        self._is_drained = False
        self._wake = _Event()
        self._stop = _Event()
        self._working = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Say that the journal has grown. Where the system had no thread to give, it is asked again each time."""
        self._wake.set()  # clearing comes before reading, so what is seen as set is read
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        # A new one each time: where Ctrl-C struck its start, a thread may hold a lock of its own for ever.
        thread = threading.Thread(target=self._work, name="otel_sqlite", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # Ctrl-C struck where the lock of the start was let go
                raise error.__context__ from None
            if RuntimeError not in self._complaints:
                _logger.warning("%s (until then, what is recorded is kept in %s)", error, journals.folder(self._settings.path))
            self._complaints.add(RuntimeError)
        else:
            self._thread = self._thread or thread

    def flush(self, timeout_s: float) -> bool:
        """Wait until what is in the journal now is in the database; whether it is."""
        deadline = time.monotonic() + timeout_s
        end = self._journal.end
        self.wake()
        while self._offset < end and time.monotonic() < deadline and self._thread is not None and self._thread.is_alive():
            self._wake.set()
            time.sleep(_LINGER_S / 4)
        return self._offset >= end

    def stop(self, timeout_s: float) -> bool:
        """Apply what is left and end the thread; whether it ended, and the journal is not needed by it any more."""
        self._stop.set()
        self.wake()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_drained(self) -> bool:
        """Whether the thread left nothing of the journal, and nothing came after it ended."""
        return self._is_drained and self._offset == self._journal.end

    def _work(self) -> None:
        if not self._working.acquire(blocking=False):  # Ctrl-C struck a start that succeeded, and this is the one after it
            return
        self._thread = threading.current_thread()
        try:
            _make_no_spans()
            self._work_until_stopped()
            self._tick()
            self._journal.give_up()
            self._is_drained = self._guard(self._apply)
            end = time.monotonic() + _PRUNE_AT_EXIT_S
            self._guard(lambda: self._prune(lambda: time.monotonic() < end))
            self._writer.close()
        except Exception:  # the thread's boundary: the journal keeps everything for recover
            _logger.warning("recording to %s stopped, the pipeline goes on", self._settings.path, exc_info=True)
            if self._settings.strict:
                raise

    def _work_until_stopped(self) -> None:
        is_applied, has_recovered = True, False
        next_tick = time.monotonic() + TICK_S
        while not self._stop.is_set():
            # Without an open run there is nothing to wait for but the next one, unless the store has to be asked again.
            self._wake.wait(max(next_tick - time.monotonic(), 0) if self._is_open() or not is_applied else None)
            if self._wake.is_set():
                self._wake.clear()
                self._stop.wait(_LINGER_S)
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + TICK_S
                self._tick()
            is_applied = self._guard(self._apply)
            has_recovered = has_recovered or self._guard(self._recover_others)
            if not self._is_open():
                self._guard(lambda: self._prune(lambda: not (self._is_open() or self._stop.is_set())))

    def _guard(self, work: "Callable[[], object]") -> bool:
        """Do some work with the store; complain once about each kind of trouble."""
        try:
            try:
                work()
            except StoreReplacedError:
                self._offset = self._journal.start  # the whole of every open run is still there
                work()
        except (StoreError, OSError) as error:  # OSError: the journal cannot be read or emptied now
            if type(error) not in self._complaints:
                _logger.warning("%s (until then, what is recorded is kept in %s)", error, journals.folder(self._settings.path))
            self._complaints.add(type(error))
            return False
        return True

    def _apply(self) -> None:
        """Write everything that the journal has; all of it again when the database was replaced, even if nothing is new."""
        self._writer.check_files()
        while self._apply_some():
            pass
        self._note_losses()
        self._offset = self._journal.empty_if(lambda: not self._is_open(), self._offset)
        self._journal.shrink(self._offset, self._open_spans)

    def _apply_some(self) -> bool:
        lines = self._journal.read(self._offset)
        if lines.end == self._offset:
            return False
        for batch in _batches(lines.records):
            self._writer.write(batch, _WRITE_TIMEOUT_S)
        self._complaints.clear()
        self._offset = lines.end
        self._unreadable += lines.unreadable
        return True

    def _note_losses(self) -> None:
        losses = (self._unreadable, *self._journal.lost)
        if losses != self._noted_losses:
            self._writer.write_drops(_losses(self._journal.name, *losses), _WRITE_TIMEOUT_S)
            self._noted_losses = losses

    def _recover_others(self) -> None:
        with suppress(StoreRecoveringError), self._writer.recovery(0):  # else somebody is at it already
            _recover(self._writer, time.monotonic() + _RECOVER_TIMEOUT_S, self._stop)

    def _prune(self, may_go_on: "Callable[[], bool]") -> None:
        prune(self._settings.path, self._settings.retention_days, may_go_on)


def _recover(writer: Writer, deadline: float, stop: _Event | None = None, clock: "Callable[[], int]" = time.time_ns) -> Recovered:
    def may_go_on() -> bool:
        return time.monotonic() < deadline and not (stop is not None and stop.is_set())

    done = waiting = labelled = 0
    for dead in dead_journals(writer.path):
        is_done = False
        try:
            with closing(dead):
                if may_go_on() and _apply_dead(dead, writer, deadline, may_go_on):
                    labelled += _label_dead(dead, writer, deadline)
                    dead.remove()
                    is_done = True
        except OSError as error:  # a bad disk, a folder that lets nothing go: the other journals are not to wait for it
            _complain_of(dead.name, error.strerror)
        done += is_done
        waiting += not is_done
    if may_go_on():
        labelled += _label_unwatched(writer, deadline, clock())
    return Recovered(done, waiting, labelled)


def _apply_dead(dead: "DeadJournal", writer: Writer, deadline: float, may_go_on: "Callable[[], bool]") -> bool:
    """Apply a dead process's journal; whether all of it is in the database."""
    if not dead.is_known:
        return False
    offset = unreadable = 0
    while (lines := dead.read(offset)).end > offset:
        for batch in _batches(lines.records):
            if not may_go_on():
                return False
            writer.write(batch, _remaining_s(deadline), is_recovery=True)
        offset, unreadable = lines.end, unreadable + lines.unreadable
    if unreadable:
        writer.write_drops(_losses(dead.name, unreadable), _remaining_s(deadline))
    return True


@lru_cache(maxsize=64)  # once a journal, however often somebody looks
def _complain_of(journal: str, reason: str | None) -> None:
    _logger.warning("the journal of a dead process, %s, cannot be read or removed: %s", journal, reason)


def _label_dead(dead: "DeadJournal", writer: Writer, deadline: float) -> int:
    """Say why the runs ended that a dead process left open; returns how many."""
    if not writer.has_open(dead.name, _remaining_s(deadline)):
        return 0  # why it died takes reading the kernel's log, line by line
    last_sign_ns = dead.last_sign_ns
    reason, cause = _cause(dead.header, last_sign_ns)
    evidence = f"{cause}; last sign of life {timestamp(last_sign_ns)}"
    return writer.label(dead.name, reason, evidence, last_sign_ns, _remaining_s(deadline))


def _cause(header: "Header | None", last_sign_ns: int) -> tuple[EndReason, str]:
    """Why a process died, as far as that can be known: a signal leaves no trace."""
    if header is None:
        return EndReason.PROCESS_DIED, "its process is gone"
    process = f"process {header.pid}"
    if header.host != journals.host():  # another machine's boots and kernel say nothing here
        return EndReason.PROCESS_DIED, f"{process} of {header.host} is gone"
    if None not in (boots := {journals.boot_id(), header.boot_id}) and len(boots) > 1:
        return EndReason.HOST_REBOOTED, f"{process} is gone, the machine was restarted"
    memory = death.out_of_memory(header.pid, last_sign_ns, header.memory_group)
    return EndReason.PROCESS_DIED, ", ".join(part for part in (f"{process} is gone", memory) if part)


def _label_unwatched(writer: Writer, deadline: float, now_ns: int) -> int:
    """Label runs whose journal is gone, or that nobody watches and that fell silent."""
    host, labelled = journals.host(), 0
    for name in writer.watched_journals(host, _remaining_s(deadline)):
        if is_gone(writer.path, name):
            evidence = "its process is gone, and its journal with it"
            labelled += writer.label(name, EndReason.PROCESS_DIED, evidence, None, _remaining_s(deadline))
    return labelled + writer.label_unwatched(host, now_ns, _remaining_s(deadline))


def _make_no_spans() -> None:
    """An instrumented sqlite3 is not to make spans of what this thread does: once a second, and to no end."""
    from opentelemetry import context  # noqa: PLC0415 - recover does without, and starts faster

    context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: SLF001 - the one way there is


def _batches(records: "Iterable[SpanRecords]") -> "Iterator[list[SpanRecords]]":
    """Batches as large as the backlog, but so small that other writers need not wait long."""
    batch: list[SpanRecords] = []
    rows = 0
    for record in records:
        batch.append(record)
        rows += 1 + len(record.errors)
        if rows >= _BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _losses(journal: str, unreadable: int, lines: int = 0, errors: int = 0) -> list[DropRecord]:
    counts = {"unreadable_line": unreadable, "unwritten_line": lines, "unwritten_error": errors}
    return [DropRecord("", journal, reason, number) for reason, number in counts.items() if number]


def _remaining_s(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)
