"""From the body of a request to durable rows: decode, map, write."""

import hashlib
import threading
import time
from typing import TYPE_CHECKING, Final

from otel_sqlite import mapping
from otel_sqlite.errors import StoreReplacedError
from otel_sqlite.model import DropRecord
from otel_sqlite.receiver import wire
from otel_sqlite.store.connection import is_there
from otel_sqlite.store.writer import Writer

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from otel_sqlite.model import SpanRecords
    from otel_sqlite.receiver.wire import Encoding, Limits

_TOO_FAR_AHEAD_NS: Final = 24 * 3600 * 1_000_000_000
_BATCH_RECORDS: Final = 2_000  # other writers need not wait long for their turn


class Intake:
    """Takes one request after the other."""

    def __init__(self, path: "Path", limits: "Limits") -> None:
        """Nothing is opened yet; a database is made for the first span that is a run or a step.

        Args:
            path: The dashboard database, absolute.
            limits: What a request may hold.
        """
        self.limits = limits
        self._writer = Writer(path)
        self._has_tried = False
        self._lock = threading.Lock()

    def take(self, body: bytes, encoding: "Encoding", deadline: float, *, is_gzip: bool) -> "Counter[str]":
        """Make what a request says durable; returns how many spans were rejected, by reason.

        The same request again changes nothing.

        Args:
            body: As it came.
            encoding: What it is encoded in.
            deadline: The monotonic time until which to wait for other writers.
            is_gzip: Whether it is compressed.

        Raises:
            UndecodableError: It is not what its headers say; nothing is written.
            TooLargeError: It inflates to more than a request may hold; nothing is written.
            StoreError: Not all of it is written; it may be sent again.
        """
        with self._lock:
            content = wire.inflate(body, self.limits.body_bytes) if is_gzip else body
            spans, rejected = wire.decode(content, encoding, self.limits)
            now_ns = time.time_ns()
            records = [_timely(record, now_ns) for span in spans if (record := mapping.to_records(span)) is not None]
            for start in range(0, len(records), _BATCH_RECORDS):
                self._write(records[start : start + _BATCH_RECORDS], deadline)
            if rejected:
                # Named after what was sent: sent again, it is not counted again.
                source = hashlib.sha256(content).hexdigest()[:32]
                drop = DropRecord("", source, "rejected_span", rejected.total())
                self._writer.write_drops([drop], _remaining_s(deadline))
            return rejected

    def check(self, deadline: float) -> None:
        """See whether what is sent could be stored now; no database is made for that before something was to be stored.

        Raises:
            StoreError: It could not.
        """
        with self._lock:
            if self._has_tried or is_there(self._writer.path, self._writer.path):
                self._write([], deadline)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._writer.close()

    def _write(self, records: "list[SpanRecords]", deadline: float) -> None:
        self._has_tried = True
        try:
            self._writer.write(records, _remaining_s(deadline))
        except StoreReplacedError:
            self._writer.write(records, _remaining_s(deadline))


def _timely(records: "SpanRecords", now_ns: int) -> "SpanRecords":
    """What begins a day ahead or more, by a clock that is wrong, begins now: else it would be the latest run for ever."""
    span = records.span
    ahead_ns = span.started_ns - now_ns
    if ahead_ns < _TOO_FAR_AHEAD_NS:
        return records
    ended_ns = None if span.ended_ns is None else max(span.ended_ns - ahead_ns, now_ns)
    return records._replace(span=span._replace(started_ns=now_ns, ended_ns=ended_ns))


def _remaining_s(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)
