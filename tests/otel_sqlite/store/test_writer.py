"""Records in, rows out: the laws of the merge."""

import random
from contextlib import closing
from itertools import accumulate, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_sqlite.model import DropRecord, EndReason, ErrorRecord, RunRecord, SpanRecords, StepRecord
from otel_sqlite.store import writer
from otel_sqlite.store.adopt import dashboard
from otel_sqlite.store.batch import Batch
from otel_sqlite.store.writer import Writer

SECOND = 1_000_000_000
NOON = 1_770_000_000 * SECOND
TRACE = "ab" * 16
DAY = 24 * 3600 * SECOND


def run_record(**changes):
    record = RunRecord(
        run_uid="run-1",
        trace_id=TRACE,
        span_id="aa" * 8,
        club="rondo",
        pipeline="people",
        parent_run_id=None,
        started_ns=NOON,
        ended_ns=NOON + 60 * SECOND,
        duration_ms=60_000,
        outcome="success",
        is_inferred=False,
        end_reason="ok",
        end_evidence=None,
        summary=None,
    )
    return record._replace(**changes)


def step_record(number=1, **changes):
    record = StepRecord(
        run_uid="run-1",
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id="aa" * 8,
        club="rondo",
        pipeline="people",
        name=f"step-{number}",
        started_ns=NOON + number * SECOND,
        ended_ns=NOON + (number + 1) * SECOND,
        duration_ms=1_000,
        outcome="success",
        created=1,
        updated=2,
        skipped=3,
        failed=0,
        end_reason="ok",
        skip_reason=None,
        detail=None,
    )
    return record._replace(**changes)


def opened(record):
    """The record as it was while its span was open."""
    counts = {"created": 0, "failed": 0} if isinstance(record, StepRecord) else {"is_inferred": False}
    still = None if isinstance(record, StepRecord) else "running"
    return record._replace(ended_ns=None, duration_ms=None, outcome=still, end_reason=None, **counts)


def error_record(span, nth=0, message="bad", event_ns=NOON):
    return ErrorRecord(
        span.trace_id, span.span_id, event_ns, nth, "2026-02-02T02:40:00.000Z", "ValueError", message, "stack", "ABC"
    )


def said(span, *errors, drops=()):
    return SpanRecords(span, list(errors), list(drops))


@pytest.fixture
def write(path):
    """Write batches to the database of this test."""
    with closing(Writer(path)) as writer:
        yield lambda *batch: writer.write(batch, 1)


@st.composite
def traces(draw):
    """What the spans of one trace say in the end, with what they said while open: (final, earlier)."""
    final, earlier = [], []
    for number in range(draw(st.integers(1, 2))):
        is_nested = number > 0
        uid = f"run-{number}"
        run = run_record(
            run_uid=uid,
            span_id=f"{0xAA00 + number:016x}",
            parent_run_id="run-0" if is_nested else None,
            outcome=draw(st.sampled_from(["success", "failure", "partial"])),
            is_inferred=draw(st.booleans()),
            summary=draw(st.sampled_from([None, "{}"])),
        )
        if run.is_inferred:
            run = run._replace(outcome="success")
        steps = [
            step_record(
                number * 10 + place,
                # A step of somebody else's may know its run by its parent span alone, which may be a step itself.
                run_uid=draw(st.sampled_from([uid, None])),
                parent_span_id=draw(st.sampled_from([run.span_id, *(f"{number * 10 + n:016x}" for n in range(place))])),
                pipeline=draw(st.sampled_from([run.pipeline, None])),
                outcome=draw(st.sampled_from(["success", "failure", "partial", "skipped"])),
                created=draw(st.integers(0, 9)),
                failed=draw(st.integers(0, 9)),
            )
            for place in range(draw(st.integers(0, 3)))
        ]
        # The run may never come: its process was killed, and only ended steps were exported.
        for span in (run, *steps) if draw(st.booleans()) else steps:
            times = draw(st.lists(st.integers(1, 3), max_size=3))
            seen = {}
            errors = []
            for time in times:
                errors.append(error_record(span, seen.get(time, 0), draw(st.sampled_from(["a", "b"])), time))
                seen[time] = seen.get(time, 0) + 1
            drops = [DropRecord(span.trace_id, span.span_id, "item_error_limit", 7)] if draw(st.booleans()) else []
            # A span may never end; and its run may end before it.
            final.append(said(span if draw(st.booleans()) else opened(span), *errors, drops=drops))
            earlier.append(said(opened(span), *errors[: len(errors) // 2]))
    return final, earlier


@settings(max_examples=60, deadline=None)
@given(trace=traces(), seed=st.randoms(use_true_random=False), cuts=st.lists(st.integers(1, 4), max_size=12))
def test_any_order_repetition_and_split_of_a_traces_records_gives_the_same_rows(tmp_path_factory, content, trace, seed, cuts):
    final, earlier = trace
    plain, shuffled = (tmp_path_factory.mktemp("law") / "dashboard.sqlite" for _ in range(2))
    with closing(Writer(plain)) as writer:
        writer.write(final, 1)

    sent = final + earlier
    sent += [seed.choice(sent) for _ in range(3 if sent else 0)]
    seed.shuffle(sent)
    ends = [0, *accumulate(cuts), len(sent)]
    with closing(Writer(shuffled)) as writer:
        for start, end in pairwise(ends):
            writer.write(sent[start:end], 1)
        writer.write(sent[max(ends[:-1]) :], 1)

    assert content(shuffled) == content(plain)


@settings(max_examples=25, deadline=None)
@given(trace=traces(), seed=st.integers(0, 99))
def test_totals_equal_the_sum_over_the_steps_at_any_time(tmp_path_factory, trace, seed):
    final, earlier = trace
    sent = final + earlier
    random.Random(seed).shuffle(sent)
    path = tmp_path_factory.mktemp("totals") / "dashboard.sqlite"
    with closing(Writer(path)) as writer:
        for records in sent:
            writer.write([records], 1)
            with writer._database.transaction(1) as connection:
                wrong = connection.execute(
                    """SELECT r.id FROM runs AS r WHERE (total_created, total_updated, total_skipped, total_failed) IS NOT (
                         SELECT COALESCE(SUM(created_count), 0), COALESCE(SUM(updated_count), 0), COALESCE(SUM(skipped_count), 0),
                                COALESCE(SUM(failed_count), 0) FROM run_steps WHERE run_id = r.id)"""
                ).fetchall()
            assert wrong == []


def test_a_step_that_comes_before_its_run_makes_the_runs_row(write, read):
    write(said(step_record()))

    assert read("SELECT run_uid, pipeline, outcome, started_at, total_created FROM runs") == [
        ("run-1", "people", "running", "2026-02-02T02:40:01.000Z", 1)
    ]


def test_an_ended_row_takes_nothing_more(write, read):
    write(said(run_record()), said(step_record()))
    write(said(opened(run_record(pipeline="other"))), said(opened(step_record(name="other"))))
    write(said(run_record(outcome="failure")), said(step_record(outcome="failure")))

    assert read("SELECT pipeline, outcome FROM runs") == [("people", "success")]
    assert read("SELECT step_name, outcome, created_count FROM run_steps") == [("step-1", "success", 1)]


def test_counts_of_an_open_step_never_fall(write, read):
    step = opened(step_record())
    write(said(step._replace(created=5)))
    write(said(step._replace(created=3, updated=9)))

    assert read("SELECT created_count, updated_count, outcome FROM run_steps") == [(5, 9, None)]


def test_a_label_ends_the_open_rows_of_its_journal_at_the_last_sign_of_life(path, write, read):
    write(said(opened(run_record(journal="gone.jsonl"))), said(opened(step_record(journal="gone.jsonl"))), said(step_record(2)))
    write(said(opened(run_record(run_uid="live", span_id="bb" * 8, journal="live.jsonl"))))

    with closing(Writer(path)) as writer:
        labelled = writer.label("gone.jsonl", EndReason.PROCESS_DIED, "it is gone", NOON + 30 * SECOND, 1)

    assert labelled == 1
    assert read("SELECT run_uid, outcome, finished_at, duration_ms, end_reason, end_evidence FROM runs ORDER BY id") == [
        ("run-1", "failure", "2026-02-02T02:40:30.000Z", 30_000, "process_died", "it is gone; open step: step-1"),
        ("live", "running", None, None, None, None),
    ]
    assert read("SELECT step_name, outcome, finished_at, duration_ms, end_reason FROM run_steps ORDER BY id") == [
        ("step-1", "failure", "2026-02-02T02:40:30.000Z", 29_000, "process_died"),
        ("step-2", "success", "2026-02-02T02:40:03.000Z", 1_000, "ok"),
    ]


def test_a_label_yields_to_the_runs_own_end_and_to_nothing_else(path, write, read):
    run = run_record(journal="gone.jsonl")
    write(said(opened(run)), said(opened(step_record(journal="gone.jsonl"))))
    with closing(Writer(path)) as writer:
        writer.label("gone.jsonl", EndReason.PROCESS_DIED, "it is gone", NOON, 1)

    write(said(opened(run)), said(opened(step_record())))
    assert read("SELECT outcome, end_reason FROM runs") == [("failure", "process_died")]
    assert read("SELECT outcome, end_reason FROM run_steps") == [("failure", "process_died")]

    write(said(run), said(step_record()))
    assert read("SELECT outcome, end_reason, end_evidence FROM runs") == [("success", "ok", None)]
    assert read("SELECT outcome, end_reason FROM run_steps") == [("success", "ok")]


def test_a_label_never_touches_a_run_that_has_ended(path, write, read):
    write(said(run_record(journal="gone.jsonl")))
    with closing(Writer(path)) as writer:
        assert writer.label("gone.jsonl", EndReason.PROCESS_DIED, "it is gone", NOON, 1) == 0
    assert read("SELECT outcome, end_reason FROM runs") == [("success", "ok")]


@pytest.mark.parametrize("is_run_first", [True, False])
def test_an_exception_that_passed_from_a_step_through_its_run_is_one_row_on_the_step(write, read, is_run_first):
    run, step = run_record(), step_record()
    batches = [said(run, error_record(run), error_record(run, 1, "another")), said(step, error_record(step))]
    for records in batches if is_run_first else reversed(batches):
        write(records)

    assert read("SELECT step_name, run_step_id, error_message FROM run_errors ORDER BY error_message") == [
        ("run", None, "another"),
        ("step-1", 1, "bad"),
    ]


@pytest.mark.parametrize("is_run_first", [True, False])
def test_a_run_that_said_nothing_of_its_outcome_is_partial_when_a_step_failed(write, read, is_run_first):
    batches = [said(run_record(is_inferred=True)), said(step_record(outcome="failure"))]
    for records in batches if is_run_first else reversed(batches):
        write(records)
    assert read("SELECT outcome FROM runs") == [("partial",)]


def test_drops_are_absolute_and_only_grow(write, read):
    step = step_record()
    for number in (5, 5, 9, 7):
        write(said(step, drops=[DropRecord(step.trace_id, step.span_id, "item_error_limit", number)]))
    assert read("SELECT reason, count, run_id FROM run_drops") == [("item_error_limit", 9, 1)]


def test_a_record_that_the_database_refuses_is_left_out_alone(write, read, caplog):
    poison = step_record(2, outcome="no such outcome")
    write(said(run_record()), said(step_record(1)), said(poison), said(step_record(3)))
    write(said(poison))

    assert read("SELECT step_name FROM run_steps ORDER BY id") == [("step-1",), ("step-3",)]
    assert read("SELECT span_id, reason, count FROM run_drops") == [(poison.span_id, "refused_record", 1)]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_record_that_is_refused_is_found_by_halving(write, read, monkeypatch):
    sizes = []

    class Noted(Batch):
        def write(self, batch, *, is_recovery):
            sizes.append(len(batch))
            super().write(batch, is_recovery=is_recovery)

    monkeypatch.setattr(writer, "Batch", Noted)
    write(*(said(step_record(number, outcome="success" if number != 300 else "no such outcome")) for number in range(512)))

    assert sizes[0] == 512
    assert sorted(sizes[1:]) == [1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512]
    assert read("SELECT count(*) FROM run_steps WHERE step_name <> 'step-300'") == [(511,)]
    assert read("SELECT count(*) FROM run_steps") == [(511,)]


@pytest.mark.parametrize("value", [2**70, "text\ud800", object(), [1]], ids=["too large", "surrogate", "object", "list"])
def test_values_that_sqlite_cannot_hold_are_refused_and_counted(write, read, value):
    write(said(step_record(1)), said(step_record(2, detail=value)))
    assert read("SELECT step_name FROM run_steps") == [("step-1",)]
    assert read("SELECT reason FROM run_drops") == [("refused_record",)]


OTHERS = {"trace_id": "cd" * 16, "pipeline": "nikki"}


@pytest.mark.parametrize("is_together", [True, False])
def test_a_run_of_another_trace_and_pipeline_with_a_run_id_that_is_taken_is_counted_and_changes_nothing(
    write, read, path, content, is_together
):
    mine = [said(opened(run_record())), said(step_record(1, outcome="partial", failed=1))]
    run, step = run_record(span_id="bb" * 8, **OTHERS), step_record(2, created=9, **OTHERS)
    theirs = [said(run, error_record(run)), said(step, error_record(step), error_record(step, 1)), said(opened(run))]
    write(*mine)
    before = content(path)[:3]
    for batch in [mine + theirs, theirs] if is_together else [theirs[:1], theirs[1:], theirs]:
        write(*batch)
    assert content(path)[:3] == before
    assert read("SELECT run_id, trace_id, span_id, reason, count FROM run_drops ORDER BY span_id") == [
        (None, step.trace_id, step.span_id, "run_id_taken", 2),
        (None, run.trace_id, run.span_id, "run_id_taken", 1),
    ]


def test_of_two_strangers_with_one_run_id_in_one_batch_the_first_is_kept(write, read):
    write(said(run_record()), said(run_record(span_id="bb" * 8, **OTHERS)), said(step_record(2, **OTHERS)))
    assert read("SELECT pipeline, trace_id, total_created FROM runs") == [("people", TRACE, 0)]
    assert read("SELECT reason, SUM(count) FROM run_drops") == [("run_id_taken", 2)]


def test_a_further_run_of_the_pipeline_that_has_the_run_id_is_counted_and_its_steps_join_the_first(write, read):
    write(said(run_record()), said(run_record(trace_id="cd" * 16, span_id="bb" * 8)), said(step_record(2, trace_id="cd" * 16)))
    assert read("SELECT trace_id, total_created FROM runs") == [(TRACE, 1)]
    query = "SELECT run_uid, d.span_id, reason, count FROM run_drops AS d JOIN runs ON runs.id = d.run_id"
    assert read(query) == [("run-1", "bb" * 8, "run_id_taken", 1)]


@pytest.mark.parametrize(("trace_id", "pipeline"), [("cd" * 16, "people"), ("cd" * 16, None), (TRACE, "nikki")])
def test_a_step_of_another_trace_or_another_pipeline_joins_the_run_that_it_names(write, read, trace_id, pipeline):
    write(said(run_record()), said(step_record(2, trace_id=trace_id, pipeline=pipeline)))
    assert read("SELECT total_created FROM runs") == [(1,)]
    assert read("SELECT * FROM run_drops") == []


def test_many_errors_of_one_step_come_once(write, read):
    step = step_record()
    errors = [error_record(step, 0, f"error {number}", number + 1) for number in range(2_500)]
    write(said(opened(step), *errors[:1_500]))
    write(said(step, *errors[1_000:]))
    assert read("SELECT COUNT(*), COUNT(DISTINCT error_message) FROM run_errors") == [(2_500, 2_500)]


def test_a_batch_many_times_as_large_takes_as_many_statements_and_rows(path):
    def statements_and_rows(numbers):
        said_of_runs = []
        for number in numbers:
            run = run_record(run_uid=f"run-{number}", trace_id=f"{number:032x}")
            step = step_record(number, run_uid=None, trace_id=run.trace_id)
            said_of_runs += [said(run), said(step, error_record(step))]
        statements, rows = [], []
        with closing(dashboard(path)) as database, database.transaction(1) as connection:
            connection.row_factory = lambda _, row: rows.append(row) or row
            connection.set_trace_callback(statements.append)
            Batch(connection).write(said_of_runs, is_recovery=True)
            connection.set_trace_callback(None)
        return len(statements), len(rows)

    assert statements_and_rows(range(8)) == statements_and_rows(range(8, 8 + 512))


def test_a_running_row_without_a_journal_is_lost_contact_after_a_day(path, write, read):
    write(said(opened(run_record())), said(opened(run_record(run_uid="elsewhere", span_id="bb" * 8, host="far", journal="j"))))
    with closing(Writer(path)) as writer:
        assert writer.label_unwatched("here", NOON + DAY - SECOND, 1) == 0
        assert writer.label_unwatched("here", NOON + DAY + SECOND, 1) == 2
    assert read("SELECT DISTINCT outcome, end_reason, finished_at FROM runs") == [
        ("failure", "lost_contact", "2026-02-02T02:40:00.000Z")
    ]


# ---------------------------------------------------------------------------------------------- runs that nobody watches


def remote_step(number, **changes):
    """A step as others send it: it knows its run by its parent span alone."""
    return step_record(number, run_uid=None, pipeline=None, **changes)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("is_split", [False, True])
def test_steps_inside_steps_find_their_run_in_any_order(write, read, order, is_split):
    job = remote_step(1)
    queue = remote_step(2, parent_span_id=job.span_id)
    inner = remote_step(3, parent_span_id=queue.span_id)
    sent = [said((job, queue, inner)[place]) for place in order]
    if is_split:
        for one in sent:
            write(one)
    else:
        write(*sent)
    write(said(run_record()))
    assert read("SELECT run_uid, outcome FROM runs") == [("run-1", "success")]
    assert read("SELECT COUNT(*) FROM run_steps") == [(3,)]


def test_steps_that_name_each_other_as_parent_are_stored(write, read):
    one = remote_step(1, parent_span_id=f"{2:016x}")
    write(said(one), said(remote_step(2, parent_span_id=one.span_id)), said(remote_step(3, parent_span_id=f"{3:016x}")))
    assert read("SELECT step_name FROM run_steps ORDER BY step_name") == [("step-1",), ("step-2",), ("step-3",)]


def test_a_run_that_only_its_steps_know_is_closed_at_its_last_step_when_it_falls_silent(path, write, read):
    write(said(remote_step(1)), said(remote_step(2)))
    with closing(Writer(path)) as writer:
        assert writer.label_unwatched("here", NOON + 3 * SECOND + DAY, 1) == 0
        assert writer.label_unwatched("here", NOON + 4 * SECOND + DAY, 1) == 1
    assert read("SELECT outcome, end_reason, finished_at, duration_ms FROM runs") == [
        ("failure", "lost_contact", "2026-02-02T02:40:03.000Z", 2_000)
    ]


def test_a_run_given_up_for_silent_runs_again_when_a_later_step_comes_and_not_when_an_old_one_is_repeated(path, write, read):
    still_open = opened(remote_step(2))
    write(said(remote_step(1)), said(still_open))
    with closing(Writer(path)) as writer:
        assert writer.label_unwatched("here", NOON + 2 * DAY, 1) == 1
    assert read("SELECT end_reason FROM run_steps ORDER BY step_name") == [("ok",), ("lost_contact",)]

    write(said(remote_step(1)), said(still_open))
    assert read("SELECT outcome, end_reason FROM runs") == [("failure", "lost_contact")]

    write(said(remote_step(3)))
    assert read("SELECT outcome, end_reason, finished_at, duration_ms, end_evidence FROM runs") == [
        ("running", None, None, None, None)
    ]
    assert read("SELECT outcome, end_reason, finished_at FROM run_steps WHERE step_name = 'step-2'") == [(None, None, None)]

    write(said(run_record(outcome="partial")))
    assert read("SELECT run_uid, outcome, end_reason FROM runs") == [("run-1", "partial", "ok")]
