"""DashboardSpanProcessor: every start, end and tick of a run or step goes to the journal. This is the live path."""

import logging
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_sqlite import instrument, mapping
from otel_sqlite.applier import Applier
from otel_sqlite.errors import StoreError
from otel_sqlite.journal import Journal, Lost
from otel_sqlite.model import RunRecord, SpanRecords, StepRecord
from otel_sqlite.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.context import Context

_logger = logging.getLogger(__name__)

_ERRORS_A_LINE: Final = 500
_REOPEN_AFTER_S: Final = 10.0

_Key = tuple[int, int]


class _Live:
    """A run or step that is open in this process."""

    __slots__ = ("handled", "key", "reading", "said", "span")

    def __init__(self, span: Span) -> None:
        self.key = _key(span)
        self.span = span
        self.reading = mapping.Reading(known=mapping.plain(span.attributes))
        self.said: RunRecord | StepRecord | None = None  # the record that was journaled last
        self.handled = sys.exception()  # being handled when the span began: it is not what ends it


class DashboardSpanProcessor(SpanProcessor):
    """Shows runs and steps on the dashboard from their first moment, with live counts and item errors.

    A span event costs the caller one append to a local file. Nothing here raises, unless OTEL_SQLITE_STRICT is set.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """Nothing is opened before the first run.

        Args:
            path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default.
        """
        self._settings = Settings.from_env(path)
        self._lock = threading.RLock()
        self._live: dict[_Key, _Live] = {}
        self._inherited: frozenset[_Key] = frozenset()
        self._journal: Journal | None = None
        self._applier: Applier | None = None
        self._reopen_at = 0.0
        self._unrecorded = Lost(0, 0)  # while there was no journal
        self._is_shut_down = False
        self._has_complained = False
        _processors.add(self)

    @property
    def path(self) -> Path:
        """The dashboard database, absolute."""
        return self._settings.path

    def move(self, path: Path) -> bool:
        """Record in another database, if nothing has been recorded yet; whether it could."""
        with self._lock:
            if self._journal is not None:
                return False
            self._settings = Settings.from_env(path)
            return True

    def on_start(self, span: Span, parent_context: "Context | None" = None) -> None:
        """Note that a run or step has begun."""
        del parent_context
        try:
            live = _Live(span)
            if mapping.is_ours(live.reading.known):
                self._start(live)
        except Exception:  # noqa: BLE001 - what escapes from here ends the pipeline
            self._complain()

    def on_end(self, span: ReadableSpan) -> None:
        """Note how a run or step has ended."""
        try:
            key = _key(span)
            if key in self._live or mapping.is_ours(span.attributes):
                self._end(key, span)
        except Exception:  # noqa: BLE001 - what escapes from here replaces the pipeline's own exception
            self._complain()

    def tick(self) -> None:
        """Note what is new on the runs and steps that are open: counts and item errors."""
        instrument.look()
        with self._lock:
            for live in self._live.values():
                records = mapping.to_records(live.span, live.reading, journal=self._journal_name)
                # A span that ends at this moment says so itself, in on_end.
                if records is not None and records.span.ended_ns is None and (records.errors or records.span != live.said):
                    live.said = records.span
                    self._append(records)
            if self._journal is not None:
                self._journal.show_life()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all that was said so far is in the database; whether it is."""
        applier = self._applier
        return applier is None or applier.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Bring what is left to the database, within OTEL_SQLITE_EXIT_TIMEOUT; what is not done then waits for recover."""
        with self._lock:
            if self._is_shut_down:
                return
            self._is_shut_down = True
        try:
            self._close()
        except Exception:  # noqa: BLE001 - what escapes from here keeps the processors after this one from shutting down
            self._complain()

    def _close(self) -> None:
        applier, journal = self._applier, self._journal
        if applier is None or journal is None:
            return
        applier.stop(self._settings.exit_timeout_s)
        with self._lock:
            self._let_go(applier, journal)

    def _let_go(self, applier: Applier, journal: Journal) -> None:
        """After shutdown, give the lease back: unless a run is open, or the thread still reads."""
        if not self._live and applier.stop(0):
            journal.close(remove=applier.is_drained)
            self._journal = self._applier = None

    def _start(self, live: _Live) -> None:
        with self._lock:
            is_open = self._open()
            records = mapping.to_records(live.span, live.reading, journal=self._journal_name)
            if records is None:
                return
            self._live[live.key] = live  # also without a journal: once there is one, the tick tells of it
            if is_open:
                live.said = records.span
                self._append(records)

    def _end(self, key: _Key, span: ReadableSpan) -> None:
        with self._lock:
            live = self._live.pop(key, None)
            if key in self._inherited:
                return
            is_open = self._open()
            records = mapping.to_records(span, None if live is None else live.reading, _unwinding(live), self._journal_name)
            if records is None:
                return
            if is_open:
                self._append(records)
            else:
                self._unrecorded = Lost(self._unrecorded.lines + 1, self._unrecorded.errors + len(records.errors))
            if self._is_shut_down and self._applier is not None and self._journal is not None:
                self._let_go(self._applier, self._journal)

    def _open(self) -> bool:
        """Whether there is a journal; the first run makes it, and starts the background thread."""
        if self._journal is not None:
            return True
        if self._is_shut_down:
            if not self._has_complained:
                self._has_complained = True
                _logger.warning("a run or step after shutdown is not recorded in %s", self._settings.path)
            return False
        if time.monotonic() < self._reopen_at:
            return False
        try:
            journal = Journal(self._settings.path, self._lock)
        except StoreError as error:
            self._reopen_at = time.monotonic() + _REOPEN_AFTER_S
            self._complain_of(error)
            return False
        applier = Applier(self._settings, journal, self.tick, lambda: bool(self._live) or journal.is_waiting, self._open_spans)
        journal.lost, self._unrecorded = self._unrecorded, Lost(0, 0)
        self._journal, self._applier = journal, applier
        return True

    @property
    def _journal_name(self) -> str | None:
        return None if self._journal is None else self._journal.name

    def _open_spans(self) -> list[RunRecord | StepRecord]:
        return [live.said for live in self._live.values() if live.said is not None]

    def _append(self, records: SpanRecords) -> None:
        journal, applier = self._journal, self._applier
        if journal is None or applier is None:
            return
        span, errors, drops = records
        if isinstance(span, RunRecord):
            span = span._replace(host=journal.header.host, pid=journal.header.pid, seen_ns=time.time_ns())
        journal.append(SpanRecords(span, errors[:_ERRORS_A_LINE], drops))
        for start in range(_ERRORS_A_LINE, len(errors), _ERRORS_A_LINE):
            journal.append(SpanRecords(span, errors[start : start + _ERRORS_A_LINE], []))
        applier.wake()

    def _complain(self) -> None:
        """Log the exception being handled, once; with OTEL_SQLITE_STRICT, raise it."""
        if self._settings.strict:
            raise  # noqa: PLE0704 - called where an exception is being handled
        if not self._has_complained:
            self._has_complained = True
            _logger.warning("recording to %s failed, the pipeline goes on", self._settings.path, exc_info=sys.exception())

    def _complain_of(self, error: StoreError) -> None:
        if not self._has_complained:
            self._has_complained = True
            _logger.warning("%s (the pipeline goes on, unrecorded)", error)

    def _begin_anew(self) -> None:
        """In a forked child: what is open, the lease and the journal are the parent's."""
        self._lock = threading.RLock()
        self._inherited |= self._live.keys()
        self._live = {}
        if self._journal is not None:
            self._journal.abandon()
        self._journal = self._applier = None


def _key(span: ReadableSpan) -> _Key:
    context = span.context
    return (0, 0) if context is None else (context.trace_id, context.span_id)


def _unwinding(live: _Live | None) -> BaseException | None:
    """The exception that ends the span, of the kinds that the SDK does not note."""
    error = sys.exception()
    if error is None or issubclass(type(error), Exception) or (live is not None and error is live.handled):
        return None
    return error


# Fork hooks can never be taken back: one set serves all processors, and keeps none of them alive.
_processors: "weakref.WeakSet[DashboardSpanProcessor]" = weakref.WeakSet()
_held: dict[int, list[DashboardSpanProcessor]] = {}  # by the thread that forks: there may be several


def _before_fork() -> None:
    """Nobody is in the middle of an append or a tick while the process forks: the child would wait for them for ever."""
    held = _held[threading.get_ident()] = list(_processors)
    for processor in held:
        processor._lock.acquire()  # noqa: SLF001 - the hooks are part of the class


def _after_fork_in_parent() -> None:
    for processor in _held.pop(threading.get_ident(), []):
        processor._lock.release()  # noqa: SLF001 - the hooks are part of the class


def _after_fork_in_child() -> None:
    for processor in _held.pop(threading.get_ident(), []):
        processor._begin_anew()  # noqa: SLF001 - the hooks are part of the class
    _held.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
