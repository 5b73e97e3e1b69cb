"""SQLiteSpanExporter: batches of finished spans go straight to the database. This is the batch path."""

import logging
import os
import threading
import uuid
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_sqlite import mapping
from otel_sqlite.errors import StoreError, StoreReplacedError
from otel_sqlite.model import DropRecord
from otel_sqlite.settings import database_path, is_strict
from otel_sqlite.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 10.0


class SQLiteSpanExporter(SpanExporter):
    """Writes finished spans to the dashboard database; for a BatchSpanProcessor or ``OTEL_TRACES_EXPORTER=sqlite``.

    Any batch, in any order, repeated or split, gives the same rows. A run is visible once its first step has ended and was
    exported; DashboardSpanProcessor shows it from its first moment.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Nothing is opened before the first export.

        Args:
            path: The dashboard database; OTEL_SQLITE_PATH, else ``data/dashboard.sqlite``, by default.
            timeout_s: How long one export waits for other writers.
        """
        self._path = database_path(path)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._writer = Writer(self._path)
        self._source = uuid.uuid4().hex
        self._lost = 0
        self._noted_lost = 0
        self._is_shut_down = False
        self._complaint: type[StoreError] | None = None
        _exporters.add(self)

    def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
        """Write what is a run or a step; anything else is left alone. Never raises."""
        try:
            with self._lock:
                if self._is_shut_down:
                    _logger.warning("spans exported after shutdown are not recorded")
                    return SpanExportResult.FAILURE
                return self._export(spans)
        except Exception:  # an exception here would end the caller's thread of work
            if is_strict():
                raise
            _logger.exception("exporting to %s failed", self._path)
            return SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """True: an export is in the database when it returns."""
        del timeout_millis
        return True

    def shutdown(self) -> None:
        """Close the database; later exports fail."""
        with self._lock:
            self._is_shut_down = True
            self._writer.close()

    def _export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
        batch = [records for span in spans if (records := mapping.to_records(span)) is not None]
        if not batch:
            return SpanExportResult.SUCCESS
        try:
            try:
                self._writer.write(batch, self._timeout_s)
            except StoreReplacedError:
                self._writer.write(batch, self._timeout_s)
            self._note_lost()
        except StoreError as error:
            self._lost += len(batch)
            if type(error) is not self._complaint:
                _logger.warning("%s (%d runs and steps of this batch are not recorded)", error, len(batch))
            self._complaint = type(error)
            return SpanExportResult.FAILURE
        self._complaint = None
        return SpanExportResult.SUCCESS

    def _note_lost(self) -> None:
        """Earlier batches that could not be written are in the ledger as soon as it can be."""
        if self._lost != self._noted_lost:
            self._writer.write_drops([DropRecord("", self._source, "failed_export", self._lost)], self._timeout_s)
            self._noted_lost = self._lost


# A forked child may inherit the lock as held by a thread that it does not have.
_exporters: "weakref.WeakSet[SQLiteSpanExporter]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for exporter in _exporters:
        exporter._lock = threading.Lock()  # noqa: SLF001 - the hook is part of the class


os.register_at_fork(after_in_child=_after_fork_in_child)
