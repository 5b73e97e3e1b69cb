"""A span, live, finished or decoded, to the records of the store; None when the span is neither a run nor a step.

Pure and total: a span is somebody else's data, so every value is cleaned, and nothing here raises.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeGuard, TypeVar

from opentelemetry.trace import StatusCode

from otel_sqlite import clean, semconv
from otel_sqlite.model import (
    LABELS,
    DropRecord,
    EndReason,
    ErrorRecord,
    Outcome,
    RunRecord,
    SpanRecords,
    StepRecord,
    end_reason,
    timestamp,
)
from otel_sqlite.settings import DEFAULT_CLUB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import SpanContext, Status

    _Span: TypeAlias = "ReadableSpan | DecodedSpan"

_Attributes = Mapping[str, object]
_Kind = TypeVar("_Kind")

SDK_LIMIT: Final = "sdk_event_limit"
ITEM_LIMIT: Final = "item_error_limit"

# Plain words: a record is made for each event of a span, and asking an enum's member for its value costs more than the rest.
_SUCCESS, _PARTIAL, _FAILURE, _SKIPPED, _RUNNING = (
    outcome.value for outcome in (Outcome.SUCCESS, Outcome.PARTIAL, Outcome.FAILURE, Outcome.SKIPPED, Outcome.RUNNING)
)
_OK, _EXCEPTION, _CANCELLED = (reason.value for reason in (EndReason.OK, EndReason.EXCEPTION, EndReason.CANCELLED))
_OWN_OUTCOMES: Final = frozenset({_SUCCESS, _PARTIAL, _FAILURE, _SKIPPED})
_OWN_REASONS: Final = frozenset(reason.value for reason in EndReason if reason not in LABELS)
_OFFICIAL: Final = {
    "success": (_SUCCESS, _OK),
    "failure": (_FAILURE, _EXCEPTION),
    "error": (_FAILURE, _EXCEPTION),
    "timeout": (_FAILURE, _EXCEPTION),
    "cancellation": (_FAILURE, _CANCELLED),
    "skip": (_SKIPPED, _OK),
}
_LARGEST: Final = 2**63 - 1
# Official results that an outcome cannot express: the word is kept beside it.
_NOTED: Final = frozenset({"error", "timeout", "cancellation"})


class Described(NamedTuple):
    """The resource of a decoded span."""

    attributes: _Attributes


class Named(NamedTuple):
    """The instrumentation scope of a decoded span."""

    name: str


class DecodedEvent(NamedTuple):
    """An event of a decoded span."""

    name: str
    timestamp: int
    attributes: _Attributes


class DecodedSpan(NamedTuple):
    """A span that came over the wire: what the mapping reads of the SDK's, by the same names."""

    context: "SpanContext"
    parent: "SpanContext | None"
    resource: Described
    instrumentation_scope: Named
    attributes: _Attributes
    events: "Sequence[DecodedEvent]"
    dropped_events: int
    status: "Status"
    start_time: int
    end_time: int | None


class Reading:
    """How far a live span was read, so that the next look takes only what is new.

    Attributes:
        known: The attributes at the start: the SDK drops the oldest first, and those are the ones that identify the span.
        events: How many events were read or lost, of all that the span ever had.
        lost: How many of them the SDK dropped before they could be read.
        times: How many exception events there were at each nanosecond.
    """

    __slots__ = ("events", "known", "lost", "times")

    def __init__(self, known: _Attributes | None = None) -> None:
        """Nothing was read yet."""
        self.known = known or {}
        self.events = 0
        self.lost = 0
        self.times: dict[int, int] = {}


class _Frame(NamedTuple):
    """What a run and a step have in common."""

    trace_id: str
    span_id: str
    club: str
    started_ns: int
    ended_ns: int | None
    duration_ms: int | None


class _Ending(NamedTuple):
    outcome: str
    reason: str
    is_inferred: bool = False


def is_ours(attributes: _Attributes | None) -> bool:
    """Whether a span with these attributes is a run or a step."""
    return attributes is not None and (semconv.PIPELINE_NAME in attributes or semconv.STEP_NAME in attributes)


def to_records(
    span: "_Span", reading: Reading | None = None, unwinding: BaseException | None = None, journal: str | None = None
) -> SpanRecords | None:
    """What a span says now.

    Args:
        span: Live or finished.
        reading: What was read of it earlier; brought up to date.
        unwinding: The exception that is being raised while the span ends: the SDK itself notes no KeyboardInterrupt,
            SystemExit or cancellation.
        journal: The name of the journal that the records go to.
    """
    context, attributes = span.context, plain(span.attributes)
    reading = reading or Reading()
    if reading.known:
        attributes = {**reading.known, **attributes}
    if context is None or not is_ours(attributes) or _is_nobodys(span, attributes):
        return None
    started_ns = _integer(span.start_time)
    ended_ns = None if span.end_time is None else _integer(span.end_time)
    duration_ms = None if ended_ns is None else _duration_ms(attributes, started_ns, ended_ns)
    frame = _Frame(f"{context.trace_id:032x}", f"{context.span_id:016x}", _club(span.resource), started_ns, ended_ns, duration_ms)
    errors = _errors(span, frame, reading)
    drops = _drops(attributes, frame, reading)
    record: RunRecord | StepRecord
    if semconv.STEP_NAME in attributes:
        offered = sum(reading.times.values()) + sum(drop.dropped for drop in drops) if reading.events or drops else 0
        record = _step(span, attributes, frame, unwinding, journal, offered)
    else:
        record = _run(span, attributes, frame, unwinding, journal)
    if ended_ns is not None:
        errors += [_drop_row(drop, ended_ns, place) for place, drop in enumerate(drops)]
    return SpanRecords(record, errors, drops)


def _is_nobodys(span: "_Span", attributes: _Attributes) -> bool:
    """Whether a step says in no way which run it belongs to."""
    return semconv.STEP_NAME in attributes and span.parent is None and _optional(attributes, semconv.RUN_ID) is None


def plain(attributes: _Attributes | None) -> _Attributes:
    """The attributes as a plain dict, in one call where the SDK's own mapping would take one for each key."""
    try:
        return attributes.copy()  # type: ignore[union-attr,no-any-return]
    except AttributeError:
        return dict(attributes or {})


def _run(
    span: "_Span", attributes: _Attributes, frame: _Frame, unwinding: BaseException | None, journal: str | None
) -> RunRecord:
    word = _word(attributes, semconv.RUN_RESULT)
    ending = None if frame.ended_ns is None else _ending(span, attributes, word, unwinding)
    outcome = _RUNNING if ending is None else ending.outcome
    return RunRecord(
        run_uid=_optional(attributes, semconv.RUN_ID) or f"{frame.trace_id}-{frame.span_id}",
        trace_id=frame.trace_id,
        span_id=frame.span_id,
        club=frame.club,
        pipeline=clean.text(attributes[semconv.PIPELINE_NAME], clean.NAME_LIMIT),
        parent_run_id=_optional(attributes, semconv.PARENT_RUN_ID),
        started_ns=frame.started_ns,
        ended_ns=frame.ended_ns,
        duration_ms=frame.duration_ms,
        # A run has no such outcome in the database: one in which there was nothing to do went well.
        outcome=_SUCCESS if outcome == _SKIPPED else outcome,
        # A run of ours is a success as far as its process knows: a step in another one may have failed.
        is_inferred=ending is not None and (ending.is_inferred or (outcome == _SUCCESS and _is_by_us(span))),
        end_reason=None if ending is None else ending.reason,
        end_evidence=f"result: {word}" if ending is not None and word in _NOTED else None,
        summary=_json(attributes.get(semconv.SUMMARY), clean.SUMMARY_LIMIT),
        journal=journal,
    )


def _is_by_us(span: "_Span") -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == semconv.SCOPE


def _step(  # noqa: PLR0913, PLR0917 - all that a step is made of, once
    span: "_Span",
    attributes: _Attributes,
    frame: _Frame,
    unwinding: BaseException | None,
    journal: str | None,
    offered: int,
) -> StepRecord:
    trace_id, span_id, club, started_ns, ended_ns, duration_ms = frame
    word = _word(attributes, semconv.STEP_RESULT)
    ending = None if ended_ns is None else _ending(span, attributes, word, unwinding)
    detail = _json(attributes.get(semconv.DETAIL), clean.DETAIL_LIMIT)
    if detail is None and ending is not None and word in _NOTED:
        detail = clean.json_text({"result": word}, clean.DETAIL_LIMIT)
    # By position, in the order of the fields: by name it takes three times as long, twice a step on the pipeline's thread.
    return StepRecord(
        _optional(attributes, semconv.RUN_ID),
        trace_id,
        span_id,
        None if span.parent is None else f"{span.parent.span_id:016x}",
        club,
        _optional(attributes, semconv.PIPELINE_NAME),
        clean.text(attributes[semconv.STEP_NAME], clean.NAME_LIMIT),
        started_ns,
        ended_ns,
        duration_ms,
        None if ending is None else ending.outcome,
        clean.count(attributes.get(semconv.CREATED, 0)),
        clean.count(attributes.get(semconv.UPDATED, 0)),
        clean.count(attributes.get(semconv.SKIPPED, 0)),
        clean.count(attributes.get(semconv.FAILED, 0)),
        None if ending is None else ending.reason,
        _optional(attributes, semconv.SKIP_REASON, clean.MESSAGE_LIMIT),
        detail,
        journal,
        offered,
    )


def _ending(span: "_Span", attributes: _Attributes, word: str, unwinding: BaseException | None) -> _Ending:
    """How a finished span ended: its own outcome, else the official result, else its status, else its failed items."""
    own, own_reason = _word(attributes, semconv.OUTCOME), _word(attributes, semconv.END_REASON)
    if own_reason not in _OWN_REASONS:
        own_reason = ""
        if unwinding is not None and (reason := end_reason(unwinding)) is not EndReason.OK:
            return _Ending(_FAILURE, reason.value)
    if own in _OWN_OUTCOMES:
        return _Ending(own, own_reason or (_EXCEPTION if own == _FAILURE else _OK))
    if word in _OFFICIAL:
        return _Ending(*_OFFICIAL[word])
    if span.status is not None and span.status.status_code is StatusCode.ERROR:
        return _Ending(_FAILURE, _EXCEPTION)
    if clean.count(attributes.get(semconv.FAILED, 0)):
        return _Ending(_PARTIAL, _OK)
    return _Ending(_SUCCESS, _OK, is_inferred=True)


def _errors(span: "_Span", frame: _Frame, reading: Reading) -> list[ErrorRecord]:
    events, dropped = _events(span)
    total = len(events) + dropped
    fresh = total - reading.events
    if not fresh:
        return []
    reading.lost += max(fresh - len(events), 0)
    reading.events = total
    errors = []
    for event in events[-fresh:]:
        if event.name != semconv.EXCEPTION_EVENT:
            continue
        attributes = plain(event.attributes)
        event_ns = _integer(event.timestamp)
        nth = reading.times.get(event_ns, 0)
        reading.times[event_ns] = nth + 1
        error_type = _optional(attributes, semconv.EXCEPTION_TYPE)
        stack = attributes.get(semconv.EXCEPTION_STACKTRACE)
        errors.append(
            ErrorRecord(
                frame.trace_id,
                frame.span_id,
                event_ns,
                nth,
                timestamp(event_ns),
                error_type,
                _optional(attributes, semconv.EXCEPTION_MESSAGE, clean.MESSAGE_LIMIT) or error_type or "Unknown error",
                None if stack is None else clean.stack(stack) or None,
                _optional(attributes, semconv.ITEM_ID),
            )
        )
    return errors


def _events(span: "_Span") -> "tuple[Sequence[Event | DecodedEvent], int]":
    """The events that a span still has and how many it dropped, both of the same moment: it may be adding more."""
    while True:
        dropped, events = span.dropped_events, span.events
        if dropped == span.dropped_events:
            return events, dropped


def _drops(attributes: _Attributes, frame: _Frame, reading: Reading) -> list[DropRecord]:
    if not reading.lost and semconv.UNRECORDED not in attributes:
        return []
    counts = {SDK_LIMIT: reading.lost, ITEM_LIMIT: clean.count(attributes.get(semconv.UNRECORDED, 0))}
    return [DropRecord(frame.trace_id, frame.span_id, reason, number) for reason, number in counts.items() if number]


def _drop_row(drop: DropRecord, ended_ns: int, place: int) -> ErrorRecord:
    """The one error row that says, where the errors are read, that there were more."""
    messages = {
        SDK_LIMIT: "more events were dropped by the SDK's limit for a span (OTEL_SPAN_EVENT_COUNT_LIMIT; configure() lifts it)",
        ITEM_LIMIT: "more item errors were counted, but not kept",
    }
    return ErrorRecord(
        drop.trace_id, drop.span_id, 0, place, timestamp(ended_ns), None, f"{drop.dropped} {messages[drop.reason]}", None, None
    )


def _club(resource: "Resource | Described | None") -> str:
    namespace = None if resource is None else plain(resource.attributes).get(semconv.SERVICE_NAMESPACE)
    return (namespace is not None and clean.text(namespace, clean.NAME_LIMIT)) or DEFAULT_CLUB


def _duration_ms(attributes: _Attributes, started_ns: int, ended_ns: int) -> int:
    """The monotonic duration where the span carries one, else the difference of the clock times; never negative."""
    own = attributes.get(semconv.DURATION_MS)
    return clean.count(own) if _is(own, int) else max(ended_ns - started_ns, 0) // 1_000_000


def _optional(attributes: _Attributes, key: str, limit: int = clean.NAME_LIMIT) -> str | None:
    value = attributes.get(key)
    return None if value is None else clean.text(value, limit) or None


def _json(value: object, limit: int) -> str | None:
    """JSON text as it is when it parses (an SDK limit may have cut it); anything else is made JSON."""
    if value is None:
        return None
    if not _is(value, str):
        return clean.json_text(value, limit)
    whole = str.__str__(value)
    try:
        json.loads(whole, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return clean.json_text({"text": whole}, limit)
    return clean.text(whole, limit) if len(whole) <= limit else clean.json_text({"text": whole}, limit)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _integer(value: object) -> int:
    """A time in nanoseconds; 0 for what is none. SQLite holds 63 bits."""
    if type(value) is int and 0 <= value <= _LARGEST:
        return value  # nearly all are
    return min(max(int.__int__(value), 0), _LARGEST) if _is(value, int) else 0


def _word(attributes: _Attributes, key: str) -> str:
    value = attributes.get(key)
    return str.__str__(value) if _is(value, str) else ""


def _is(value: object, kind: type[_Kind]) -> TypeGuard[_Kind]:
    """What isinstance() tells, without asking the value: it may answer anything."""
    return issubclass(type(value), kind)
