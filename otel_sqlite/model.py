"""Outcomes and their rules, what steps report, and the records that the store takes. Pure."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from time import gmtime, strftime
from typing import NamedTuple, Protocol


class Outcome(StrEnum):
    """How a run or a step ended, or that it has not."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    SKIPPED = "skipped"


class EndReason(StrEnum):
    """Why a run or a step ended."""

    OK = "ok"
    EXCEPTION = "exception"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    CANCELLED = "cancelled"
    # Labels: given by others to a run that never ended itself; they yield when it does after all.
    PROCESS_DIED = "process_died"
    HOST_REBOOTED = "host_rebooted"
    LOST_CONTACT = "lost_contact"


LABELS = frozenset({EndReason.PROCESS_DIED, EndReason.HOST_REBOOTED, EndReason.LOST_CONTACT})


@dataclass(frozen=True, slots=True)
class ItemError:
    """An item that failed while its step went on.

    Attributes:
        item_id: The item's identifier, or None when the failure cannot be pinned on one.
        message: What went wrong, for a human; at most 2,000 characters are kept.
        stack: A stack trace; the last 4,000 characters are kept.
    """

    item_id: str | None
    message: str
    stack: str | None = None


class StepResult(Protocol):
    """What ``Step.record`` follows: counts, and the item errors as a list or as a plain number; they may grow."""

    @property
    def created(self) -> int:
        """Items made in the target."""
        ...

    @property
    def updated(self) -> int:
        """Items changed in the target."""
        ...

    @property
    def skipped(self) -> int:
        """Items that needed nothing."""
        ...

    @property
    def failed(self) -> int:
        """Items that failed; those listed in ``errors`` are among them."""
        ...

    @property
    def errors(self) -> Iterable[ItemError | BaseException] | int:
        """The item errors, or how many there were."""
        ...


def end_reason(exception: BaseException | None) -> EndReason:
    """Why a block ended, from the exception that leaves it (None: there is none)."""
    if exception is None:
        return EndReason.OK
    kind = type(exception)  # an exception may lie about its class, and break any attribute
    if issubclass(kind, SystemExit):
        return EndReason.OK if _exit_code(exception) in (None, 0) else EndReason.EXIT_CODE
    if issubclass(kind, KeyboardInterrupt):
        return EndReason.SIGNAL
    if issubclass(kind, GeneratorExit):
        return EndReason.CANCELLED
    # asyncio is not imported for the sake of one class: whoever cancelled has it loaded.
    cancelled = getattr(sys.modules.get("asyncio.exceptions"), "CancelledError", None)
    return EndReason.CANCELLED if cancelled is not None and issubclass(kind, cancelled) else EndReason.EXCEPTION


def _exit_code(exception: BaseException) -> int | None:
    """None and 0 are what Python takes for a success; whatever is no plain number is told as 1."""
    try:
        code = BaseException.__getattribute__(exception, "code")
    except BaseException:  # noqa: BLE001 - a property may do anything
        return 1
    if code is None:
        return None
    return int.__index__(code) if issubclass(type(code), int) else 1  # isinstance() would ask the object


def step_outcome(reason: EndReason, *, skipped: bool, failed: int) -> Outcome:
    """The outcome of a step that ended for this reason."""
    if reason is not EndReason.OK:
        return Outcome.FAILURE
    if failed:
        return Outcome.PARTIAL
    return Outcome.SKIPPED if skipped else Outcome.SUCCESS


def run_outcome(reason: EndReason, steps: "Iterable[Outcome]") -> Outcome:
    """The outcome of a run that ended for this reason, from the outcomes of its steps."""
    if reason is not EndReason.OK:
        return Outcome.FAILURE
    is_partial = any(outcome in (Outcome.FAILURE, Outcome.PARTIAL) for outcome in steps)
    return Outcome.PARTIAL if is_partial else Outcome.SUCCESS


# Records are named tuples, not dataclasses: a record *is* a JSON array in the journal and a row in the store, and it is made on
# the caller's thread, where a frozen dataclass costs five times as much.


class RunRecord(NamedTuple):
    """What one span says of a run. Times are nanoseconds since the epoch, texts are clean, ids are lower-case hex."""

    run_uid: str
    trace_id: str
    span_id: str
    club: str
    pipeline: str
    parent_run_id: str | None
    started_ns: int
    ended_ns: int | None
    duration_ms: int | None
    outcome: str
    is_inferred: bool  # success for want of anything worse: the steps may make it partial
    end_reason: str | None
    end_evidence: str | None
    summary: str | None
    host: str | None = None
    pid: int | None = None
    journal: str | None = None  # the journal that proves the process alive; None: nobody watches
    seen_ns: int | None = None


class StepRecord(NamedTuple):
    """What one span says of a step; units as in RunRecord."""

    run_uid: str | None  # None: the run is the one whose span is the parent
    trace_id: str
    span_id: str
    parent_span_id: str | None
    club: str
    pipeline: str | None
    name: str
    started_ns: int
    ended_ns: int | None
    duration_ms: int | None
    outcome: str | None  # None: still open
    created: int
    updated: int
    skipped: int
    failed: int
    end_reason: str | None
    skip_reason: str | None
    detail: str | None
    journal: str | None = None
    errors_offered: int = 0  # item errors that the span was given: what is stored and what was dropped add up to it


class ErrorRecord(NamedTuple):
    """One recorded exception; known by its span, its time, and its place among events of the same nanosecond."""

    trace_id: str
    span_id: str
    event_ns: int
    nth: int
    created_at: str
    error_type: str | None
    message: str
    stack: str | None
    item_id: str | None


class DropRecord(NamedTuple):
    """How many things of one kind a span lost in all, so that saying it twice adds nothing."""

    trace_id: str
    span_id: str
    reason: str
    dropped: int


class SpanRecords(NamedTuple):
    """Everything that one look at one span gives: the unit that the journal and the writer handle."""

    span: RunRecord | StepRecord
    errors: list[ErrorRecord]
    drops: list[DropRecord]


_LAST_NS = 253_402_300_799_999_999_999  # the end of the year 9999, the last one with four digits


def timestamp(time_ns: int) -> str:
    """The time in the one form that the database knows, ``YYYY-MM-DDTHH:MM:SS.mmmZ``: times are compared as text."""
    if not 0 <= time_ns <= _LAST_NS:
        time_ns = min(max(time_ns, 0), _LAST_NS)
    return f"{_second(time_ns // 1_000_000_000)}.{time_ns // 1_000_000 % 1_000:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
