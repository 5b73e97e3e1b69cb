"""From a span to records: whoever made the span, and whatever it holds."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import SpanContext, Status, StatusCode

from otel_sqlite import clean, journal, mapping, semconv
from otel_sqlite.model import DropRecord, ErrorRecord, RunRecord, SpanRecords, StepRecord

TRACE, SPAN, PARENT = "0" * 31 + "a", "0" * 15 + "b", "0" * 15 + "c"
SECOND = 1_000_000_000
RUN = {semconv.PIPELINE_NAME: "people", semconv.RUN_ID: "run-1"}
STEP = {semconv.STEP_NAME: "submit", **RUN}


def context_of(span_id):
    return SpanContext(int(TRACE, 16), int(span_id, 16), is_remote=False)


def make_span(attributes, *, parent=PARENT, times=(SECOND, 2 * SECOND), status=None, events=()):
    return ReadableSpan(
        name="some name",
        context=context_of(SPAN),
        parent=None if parent is None else context_of(parent),
        resource=Resource({}),
        attributes=attributes,
        events=events,
        status=status or Status(),
        start_time=times[0],
        end_time=times[1],
    )


def exception_event(time_ns=1, **attributes):
    return Event("exception", {f"exception.{name}": value for name, value in attributes.items()}, time_ns)


# ---------------------------------------------------------------------------------------------- whole records


def test_a_finished_run_is_a_record():
    span = make_span(
        {
            **RUN,
            semconv.PARENT_RUN_ID: "run-0",
            semconv.OUTCOME: "partial",
            semconv.END_REASON: "ok",
            semconv.DURATION_MS: 990,
            semconv.SUMMARY: '{"total": 1}',
        }
    )
    assert mapping.to_records(span) == SpanRecords(
        RunRecord(
            run_uid="run-1",
            trace_id=TRACE,
            span_id=SPAN,
            club="rondo",
            pipeline="people",
            parent_run_id="run-0",
            started_ns=SECOND,
            ended_ns=2 * SECOND,
            duration_ms=990,
            outcome="partial",
            is_inferred=False,
            end_reason="ok",
            end_evidence=None,
            summary='{"total": 1}',
        ),
        [],
        [],
    )


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=8))
def test_what_is_kept_and_what_is_dropped_add_up_to_what_was_offered(looks):
    provider = TracerProvider(span_limits=SpanLimits(max_events=16), shutdown_on_exit=False)
    span = provider.get_tracer("t").start_span("s", attributes={"cicd.pipeline.task.name": "s", "cicd.pipeline.run.id": "r"})
    reading, kept, offered = mapping.Reading(known=mapping.plain(span.attributes)), 0, 0
    for events, is_looked_at in [*looks, (0, True)]:
        for _ in range(events):
            span.add_event("exception", {"exception.message": "bad"})
        offered += events
        if is_looked_at:
            said = mapping.to_records(span, reading)
            kept += len(said.errors)
            assert said.span.errors_offered == kept + sum(drop.dropped for drop in said.drops)
    assert said.span.errors_offered == offered
    span.end()


def test_a_finished_step_is_a_record_with_its_errors():
    error = Event(
        "exception",
        {
            semconv.EXCEPTION_TYPE: "ValueError",
            semconv.EXCEPTION_MESSAGE: "refused",
            semconv.EXCEPTION_STACKTRACE: "Traceback",
            semconv.ITEM_ID: "A",
        },
        SECOND + 1,
    )
    span = make_span(
        {
            **STEP,
            semconv.CREATED: 1,
            semconv.UPDATED: 2,
            semconv.SKIPPED: 3,
            semconv.FAILED: 4,
            semconv.DETAIL: '{"pages": 3}',
            semconv.SKIP_REASON: "none pending",
        },
        events=[Event("message", {}, 5), error, error],
    )
    known = (TRACE, SPAN, SECOND + 1)
    said = ("1970-01-01T00:00:01.000Z", "ValueError", "refused", "Traceback", "A")
    assert mapping.to_records(span) == SpanRecords(
        StepRecord(
            run_uid="run-1",
            trace_id=TRACE,
            span_id=SPAN,
            parent_span_id=PARENT,
            club="rondo",
            pipeline="people",
            name="submit",
            started_ns=SECOND,
            ended_ns=2 * SECOND,
            duration_ms=1_000,
            outcome="partial",
            created=1,
            updated=2,
            skipped=3,
            failed=4,
            end_reason="ok",
            skip_reason="none pending",
            detail='{"pages": 3}',
            errors_offered=2,
        ),
        [ErrorRecord(*known, 0, *said), ErrorRecord(*known, 1, *said)],
        [],
    )


def test_an_open_run_is_running_and_an_open_step_has_no_outcome_yet():
    assert mapping.to_records(make_span(RUN, times=(SECOND, None))).span == RunRecord(
        run_uid="run-1",
        trace_id=TRACE,
        span_id=SPAN,
        club="rondo",
        pipeline="people",
        parent_run_id=None,
        started_ns=SECOND,
        ended_ns=None,
        duration_ms=None,
        outcome="running",
        is_inferred=False,
        end_reason=None,
        end_evidence=None,
        summary=None,
    )
    step = mapping.to_records(make_span({**STEP, semconv.FAILED: 1}, times=(SECOND, None))).span
    assert (step.outcome, step.ended_ns, step.end_reason, step.failed) == (None, None, None, 1)


# ---------------------------------------------------------------------------------------------- whose spans


@pytest.mark.parametrize(
    "attributes", [None, {}, {"http.request.method": "GET"}, {semconv.RUN_ID: "run-1"}, {semconv.OUTCOME: "success"}]
)
def test_other_spans_are_left_alone(attributes):
    assert mapping.to_records(make_span(attributes)) is None


def test_a_span_without_a_context_is_left_alone():
    assert mapping.to_records(ReadableSpan("RUN people", attributes=RUN)) is None


def test_a_step_that_names_no_run_belongs_to_its_parent_span():
    step = mapping.to_records(make_span({semconv.STEP_NAME: "submit"})).span
    assert (step.run_uid, step.parent_span_id) == (None, PARENT)


def test_a_step_without_a_run_and_without_a_parent_is_nobodys():
    assert mapping.to_records(make_span({semconv.STEP_NAME: "submit"}, parent=None)) is None
    assert mapping.to_records(make_span({semconv.STEP_NAME: "submit", semconv.RUN_ID: ""}, parent=None)) is None
    assert mapping.to_records(make_span(STEP, parent=None)) is not None


def test_a_run_without_an_id_is_known_by_its_span():
    assert mapping.to_records(make_span({semconv.PIPELINE_NAME: "people"})).span.run_uid == f"{TRACE}-{SPAN}"


def test_the_namespace_of_the_service_is_the_club():
    span = ReadableSpan("x", context_of(SPAN), resource=Resource({semconv.SERVICE_NAMESPACE: "ajax"}), attributes=RUN)
    assert mapping.to_records(span).span.club == "ajax"


# ---------------------------------------------------------------------------------------------- how it ended

ERROR, OK = Status(StatusCode.ERROR, "boom"), Status(StatusCode.OK)


def in_words(value):
    return value.status_code.name if isinstance(value, Status) else str(value)


@pytest.mark.parametrize(
    ("attributes", "status", "ending"),
    [
        ({}, None, ("success", "ok", None)),
        ({}, OK, ("success", "ok", None)),
        ({}, ERROR, ("failure", "exception", None)),
        ({semconv.FAILED: 1}, None, ("partial", "ok", None)),
        ({semconv.FAILED: 1}, ERROR, ("failure", "exception", None)),
        ({semconv.STEP_RESULT: "success"}, ERROR, ("success", "ok", None)),
        ({semconv.STEP_RESULT: "success", semconv.FAILED: 1}, None, ("success", "ok", None)),
        ({semconv.STEP_RESULT: "failure"}, None, ("failure", "exception", None)),
        ({semconv.STEP_RESULT: "error"}, None, ("failure", "exception", '{"result":"error"}')),
        ({semconv.STEP_RESULT: "timeout"}, None, ("failure", "exception", '{"result":"timeout"}')),
        ({semconv.STEP_RESULT: "cancellation"}, None, ("failure", "cancelled", '{"result":"cancellation"}')),
        ({semconv.STEP_RESULT: "skip"}, None, ("skipped", "ok", None)),
        ({semconv.STEP_RESULT: "of my own"}, ERROR, ("failure", "exception", None)),
        ({semconv.STEP_RESULT: 7}, None, ("success", "ok", None)),
        ({semconv.OUTCOME: "partial", semconv.STEP_RESULT: "failure"}, ERROR, ("partial", "ok", None)),
        ({semconv.OUTCOME: "success"}, ERROR, ("success", "ok", None)),
        ({semconv.OUTCOME: "failure"}, None, ("failure", "exception", None)),
        ({semconv.OUTCOME: "failure", semconv.END_REASON: "signal"}, None, ("failure", "signal", None)),
        ({semconv.OUTCOME: "failure", semconv.END_REASON: "process_died"}, None, ("failure", "exception", None)),
        ({semconv.OUTCOME: "running"}, None, ("success", "ok", None)),
        ({semconv.OUTCOME: ["success"]}, ERROR, ("failure", "exception", None)),
    ],
    ids=in_words,
)
def test_a_step_ends_as_itself_says_else_officially_else_by_its_status_else_by_its_items(attributes, status, ending):
    step = mapping.to_records(make_span({**STEP, **attributes}, status=status)).span
    assert (step.outcome, step.end_reason, step.detail) == ending


@pytest.mark.parametrize(
    ("attributes", "status", "ending"),
    [
        ({}, None, ("success", True, "ok", None)),
        ({}, ERROR, ("failure", False, "exception", None)),
        ({semconv.RUN_RESULT: "success"}, None, ("success", False, "ok", None)),
        ({semconv.RUN_RESULT: "skip"}, None, ("success", False, "ok", None)),
        ({semconv.RUN_RESULT: "timeout"}, None, ("failure", False, "exception", "result: timeout")),
        ({semconv.RUN_RESULT: "cancellation"}, None, ("failure", False, "cancelled", "result: cancellation")),
        ({semconv.OUTCOME: "partial", semconv.RUN_RESULT: "failure"}, None, ("partial", False, "ok", None)),
    ],
    ids=in_words,
)
def test_a_run_ends_likewise_and_tells_whether_success_is_only_inferred(attributes, status, ending):
    whole = mapping.to_records(make_span({**RUN, **attributes}, status=status)).span
    assert (whole.outcome, whole.is_inferred, whole.end_reason, whole.end_evidence) == ending


@pytest.mark.parametrize(
    ("unwinding", "reason"),
    [
        (KeyboardInterrupt(), "signal"),
        (SystemExit(1), "exit_code"),
        (GeneratorExit(), "cancelled"),
        (BaseException(), "exception"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("attributes", [{}, {semconv.OUTCOME: "success"}, {semconv.STEP_RESULT: "success"}], ids=str)
def test_what_is_unwinding_fails_a_span_that_does_not_know_it(attributes, unwinding, reason):
    step = mapping.to_records(make_span({**STEP, **attributes}), unwinding=unwinding).span
    assert (step.outcome, step.end_reason) == ("failure", reason)


def test_an_exit_without_a_code_that_is_unwinding_says_nothing():
    assert mapping.to_records(make_span(STEP), unwinding=SystemExit(0)).span.outcome == "success"


def test_a_span_that_knows_why_it_ended_is_believed_whatever_is_unwinding():
    attributes = {**STEP, semconv.OUTCOME: "success", semconv.END_REASON: "ok"}
    assert mapping.to_records(make_span(attributes), unwinding=KeyboardInterrupt()).span.outcome == "success"


@pytest.mark.parametrize(
    ("start", "end", "duration_ms"), [(SECOND, 2 * SECOND, 1_000), (2 * SECOND, SECOND, 0), (None, 5, 0), (SECOND, SECOND, 0)]
)
def test_a_duration_is_never_negative(start, end, duration_ms):
    assert mapping.to_records(make_span(RUN, times=(start, end))).span.duration_ms == duration_ms


def test_the_monotonic_duration_wins_over_the_clock():
    assert mapping.to_records(make_span({**RUN, semconv.DURATION_MS: 7}, times=(9 * SECOND, SECOND))).span.duration_ms == 7
    assert mapping.to_records(make_span({**RUN, semconv.DURATION_MS: -7})).span.duration_ms == 0
    assert mapping.to_records(make_span({**RUN, semconv.DURATION_MS: "7"})).span.duration_ms == 1_000


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": NaN}', '{"text":"{\\"a\\": NaN}"}'),
        ('{"a": 1', '{"text":"{\\"a\\": 1"}'),
        ("", '{"text":""}'),
        ("[" * 100_000, None),
        (("a", 1, None), '["a",1,null]'),
        ({"a": {"b": 2**70}}, json.dumps({"a": {"b": str(2**70)}}, separators=(",", ":"))),
        (7, "7"),
    ],
)
def test_a_detail_is_json_whatever_it_was(value, detail):
    found = mapping.to_records(make_span({**STEP, semconv.DETAIL: value})).span.detail
    assert len(found) <= clean.DETAIL_LIMIT
    assert json.loads(found) == (json.loads(detail) if detail else json.loads(found))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (exception_event(type="ValueError", message=""), ("ValueError", "ValueError", None)),
        (exception_event(), (None, "Unknown error", None)),
        (exception_event(message="x\0", stacktrace="y" * 10_000), (None, "x\ufffd", "…" + "y" * 3_999)),
        (exception_event(message=("a", 1), type=7), ("7", "('a', 1)", None)),
    ],
)
def test_an_error_always_has_a_message(event, expected):
    (error,) = mapping.to_records(make_span(STEP, events=[event])).errors
    assert (error.error_type, error.message, error.stack) == expected


# ---------------------------------------------------------------------------------------------- live spans


@pytest.fixture
def foreign():
    """A tracer of somebody else's provider, with the SDK's default limits."""
    provider = TracerProvider(span_limits=SpanLimits(), shutdown_on_exit=False)
    yield provider.get_tracer("test")
    provider.shutdown()


def messages(records):
    return [error.message for error in records.errors]


def test_a_live_span_is_read_bit_by_bit():
    span = make_span(STEP, times=(SECOND, None), events=BoundedList(None))
    reading = mapping.Reading()
    looks = []
    for names in (["a"], ["b", "c"], []):
        for name in names:
            span._events.append(exception_event(message=name))
        looks.append(mapping.to_records(span, reading).errors)
    assert [[(error.message, error.nth) for error in errors] for errors in looks] == [[("a", 0)], [("b", 1), ("c", 2)], []]


LOST = "{} more events were dropped by the SDK's limit for a span (OTEL_SPAN_EVENT_COUNT_LIMIT; configure() lifts it)"


def test_what_the_limit_of_somebody_elses_provider_drops_is_one_row_and_a_count(foreign):
    span = foreign.start_span("submit", attributes=STEP)
    for number in range(200):
        span.add_event("exception", {semconv.EXCEPTION_MESSAGE: str(number)})
    span.end()
    records = mapping.to_records(span)
    assert messages(records) == [*(str(number) for number in range(72, 200)), LOST.format(72)]
    assert records.drops == [DropRecord(records.span.trace_id, records.span.span_id, mapping.SDK_LIMIT, 72)]


def test_what_was_read_before_the_limit_dropped_it_is_not_lost(foreign):
    span = foreign.start_span("submit", attributes=STEP)
    reading = mapping.Reading()
    looks = []
    for number in range(300):
        span.add_event("exception", {semconv.EXCEPTION_MESSAGE: str(number)})
        if number in (99, 149):
            looks += messages(mapping.to_records(span, reading))
    span.end()
    last = mapping.to_records(span, reading)
    assert looks + messages(last) == [*(str(n) for n in range(150)), *(str(n) for n in range(172, 300)), LOST.format(22)]
    assert [drop.dropped for drop in last.drops] == [22]


class Written(ReadableSpan):
    """A span with room for two events, to which others come between any two looks."""

    arriving = 3

    @property
    def dropped_events(self):
        dropped = super().dropped_events
        if self.arriving:
            self.arriving -= 1
            self._events.append(exception_event(message=f"{self.arriving} to come"))
        return dropped


def test_a_span_that_is_being_written_is_read_without_a_gap_or_a_repetition():
    events = BoundedList.from_seq(2, [exception_event(message=message) for message in ("first", "second")])
    span = Written("submit", context_of(SPAN), attributes=STEP, events=events)
    reading = mapping.Reading()
    looks = [messages(mapping.to_records(span, reading)) for _ in range(2)]
    assert (looks, reading.lost) == ([["1 to come", "0 to come"], []], 3)


def test_a_span_whose_oldest_attributes_were_dropped_is_still_known(foreign):
    span = foreign.start_span("submit", attributes=STEP)
    reading = mapping.Reading(known=mapping.plain(span.attributes))
    for number in range(200):
        span.set_attribute(f"of.others.{number}", number)
    span.set_attribute(semconv.CREATED, 3)
    span.end()
    assert mapping.to_records(span) is None
    record = mapping.to_records(span, reading).span
    assert (record.run_uid, record.pipeline, record.name, record.created) == ("run-1", "people", "submit", 3)


# ---------------------------------------------------------------------------------------------- any span at all

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=9) | TEXT
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)
NAMES = [value for name, value in vars(semconv).items() if name.isupper() and not name.startswith(("STATE_", "RESULT_"))]
WORDS = st.sampled_from(
    ["success", "failure", "partial", "skipped", "skip", "error", "timeout", "cancellation", "running", "signal"]
)
ATTRIBUTES = st.none() | st.dictionaries(st.sampled_from(NAMES) | TEXT, VALUE | WORDS, max_size=len(NAMES))
TIME = st.none() | st.integers()
EVENT = st.builds(Event, st.just("exception") | TEXT, ATTRIBUTES, TIME)
STATUS = st.builds(Status, st.sampled_from(StatusCode)) | st.just(ERROR)
CONTEXT = st.builds(lambda t, s: SpanContext(t, s, is_remote=False), st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1))
ANY_SPAN = st.builds(
    ReadableSpan,
    name=TEXT,
    context=st.none() | CONTEXT,
    parent=st.none() | CONTEXT,
    resource=st.none() | st.builds(lambda value: SimpleNamespace(attributes={semconv.SERVICE_NAMESPACE: value}), VALUE),
    attributes=ATTRIBUTES.map(lambda found: found and {**STEP, **found}) | ATTRIBUTES,
    events=st.lists(EVENT, max_size=4),
    status=STATUS,
    start_time=TIME,
    end_time=TIME,
)


@given(ANY_SPAN, st.none() | st.sampled_from([KeyboardInterrupt(), SystemExit(0), SystemExit(1), ValueError("x")]))
def test_any_span_is_mapped_to_records_that_can_be_journaled_or_to_none(span, unwinding):
    records = mapping.to_records(span, unwinding=unwinding)
    if records is None:
        return
    assert journal.decode(journal.encode(records)) == records
    record = records.span
    values = [
        *record,
        *(value for error in records.errors for value in error),
        *(value for drop in records.drops for value in drop),
    ]
    assert {type(value) for value in values} <= {str, int, bool, type(None)}
    assert all(-1 < value < 2**63 for value in values if isinstance(value, int))
    if record.ended_ns is None:
        assert record.outcome in (None, "running")
    else:
        assert record.outcome in ("success", "partial", "failure", "skipped")
        assert record.duration_ms >= 0


@given(ANY_SPAN)
def test_the_same_span_gives_the_same_records(span):
    assert mapping.to_records(span) == mapping.to_records(span)
