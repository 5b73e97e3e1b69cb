"""run(), Run and Step: what a pipeline's blocks record, and that they leave the pipeline alone."""

import asyncio
import contextlib
import contextvars
import dataclasses
import gc
import itertools
import json
import logging
import signal
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_sqlite import ItemError, Outcome, instrument, mapping, run, semconv
from otel_sqlite.provider import unlimited_provider


@dataclasses.dataclass
class Result:
    created: object = 0
    updated: object = 0
    skipped: object = 0
    failed: object = 0
    errors: object = ()


class Recording:
    """A tracer provider, and what its spans came to."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = unlimited_provider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def run(self, pipeline="people"):
        return run(pipeline, tracer_provider=self.provider)

    @property
    def spans(self):
        """In the order of their start."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time)

    @property
    def records(self):
        return [mapping.to_records(span) for span in self.spans]

    @property
    def outcomes(self):
        """Of the run, then of each step."""
        return [records.span.outcome for records in self.records]

    @property
    def errors(self):
        """What was recorded: the name of its span, the item and the message."""
        return [
            (span.name, error.item_id, error.message)
            for span, records in zip(self.spans, self.records, strict=True)
            for error in records.errors
        ]

    @property
    def counts(self):
        """Of the first step."""
        step = self.records[1].span
        return step.created, step.updated, step.skipped, step.failed


@pytest.fixture
def recording(monkeypatch):
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "1")  # nothing is passed over in silence, where a test does not want it
    recording = Recording()
    yield recording
    recording.provider.shutdown()


@pytest.fixture
def lenient(recording, monkeypatch):
    monkeypatch.delenv("OTEL_SQLITE_STRICT")
    return recording


class Odd(BaseException):
    pass


class Unprintable(Exception):  # noqa: N818 - any class may be raised
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __str__(self):
        raise self.inner

    __repr__ = __str__


def fail(error):
    raise error


# ---------------------------------------------------------------------------------------------- exceptions

ENDINGS = [
    (lambda: ValueError("boom"), "exception", "failure"),
    (lambda: ExceptionGroup("group", [ValueError("boom")]), "exception", "failure"),
    (lambda: Unprintable(RuntimeError("no")), "exception", "failure"),
    (lambda: Unprintable(SystemExit(0)), "exception", "failure"),
    (lambda: ValueError("\ud800 \0" * 1_000_000), "exception", "failure"),
    (lambda: Odd("odd"), "exception", "failure"),
    (lambda: SystemExit(1), "exit_code", "failure"),
    (lambda: SystemExit("text"), "exit_code", "failure"),
    (KeyboardInterrupt, "signal", "failure"),
    (GeneratorExit, "cancelled", "cancellation"),
    (asyncio.CancelledError, "cancelled", "cancellation"),
]
endings = pytest.mark.parametrize(("make", "reason", "result"), ENDINGS, ids=range(len(ENDINGS)))


@endings
def test_an_exception_that_leaves_a_step_fails_it_and_its_run_and_is_the_same_object_outside(recording, make, reason, result):
    error = make()
    with pytest.raises(type(error)) as raised, recording.run() as r, r.step("download"):
        raise error
    assert raised.value is error
    assert error.__cause__ is error.__context__ is None
    assert r.outcome is Outcome.FAILURE
    assert recording.outcomes == ["failure", "failure"]
    assert [records.span.end_reason for records in recording.records] == [reason, reason]
    assert [(name, item_id) for name, item_id, _ in recording.errors] == [("download", None)]
    whole, step = recording.spans
    assert (whole.attributes[semconv.RUN_RESULT], step.attributes[semconv.STEP_RESULT]) == (result, result)
    assert step.status.status_code is trace.StatusCode.ERROR


@endings
def test_an_exception_outside_any_step_fails_the_run_and_is_recorded_on_it(recording, make, reason, result):
    error = make()
    with pytest.raises(type(error)) as raised, recording.run() as r:  # noqa: PT012 - the block is the test
        with r.step("download"):
            pass
        raise error
    assert raised.value is error
    assert recording.outcomes == ["failure", "success"]
    assert [name for name, *_ in recording.errors] == ["RUN people"]
    assert recording.spans[0].attributes[semconv.RUN_RESULT] == result
    assert recording.spans[0].attributes[semconv.END_REASON] == reason


@pytest.mark.parametrize("code", [0, None, False])
def test_an_exit_without_a_code_says_nothing_against_a_run(recording, code):
    with pytest.raises(SystemExit) as raised, recording.run() as r, r.step("download"):
        raise SystemExit(code)
    assert raised.value.code is code
    assert (recording.outcomes, recording.errors) == (["success", "success"], [])


def test_an_exit_without_a_code_does_not_make_failed_items_good(recording):
    with pytest.raises(SystemExit), recording.run() as r, r.step("submit") as step:  # noqa: PT012 - the block is the test
        step.count(failed=1)
        raise SystemExit(0)
    assert recording.outcomes == ["partial", "partial"]


def test_a_failure_that_the_pipeline_holds_back_makes_the_run_partial_and_is_recorded_once(recording):
    with recording.run() as r:
        with contextlib.suppress(ValueError), r.step("photos"):
            raise ValueError("no photo")
        with r.step("submit"):
            pass
    assert r.outcome is Outcome.PARTIAL
    assert recording.outcomes == ["partial", "failure", "success"]
    assert recording.errors == [("photos", None, "no photo")]
    whole = recording.spans[0]
    assert whole.attributes[semconv.RUN_RESULT] == "failure"
    assert whole.status.status_code is trace.StatusCode.UNSET


def test_the_same_message_in_two_steps_is_two_errors(recording):
    with recording.run() as r:
        for name in ("one", "two", "three"):
            with contextlib.suppress(ValueError), r.step(name):
                raise ValueError("boom")
    assert recording.errors == [("one", None, "boom"), ("two", None, "boom"), ("three", None, "boom")]


def test_an_exception_that_passes_through_nested_steps_is_recorded_where_it_happened(recording):
    with pytest.raises(ValueError, match="boom"), recording.run() as r, r.step("outer"), r.step("middle"), r.step("inner"):
        raise ValueError("boom")
    assert recording.outcomes == ["failure"] * 4
    assert recording.errors == [("inner", None, "boom")]


def test_an_exception_that_was_held_back_and_is_raised_later_after_all_is_recorded_once(recording):
    with pytest.raises(ValueError, match="boom"), recording.run() as r:  # noqa: PT012 - the block is the test
        try:
            with r.step("one"):
                fail(ValueError("boom"))
        except ValueError as error:
            held = error
        with r.step("two"):
            pass
        raise held
    assert recording.outcomes == ["failure", "failure", "success"]
    assert recording.errors == [("one", None, "boom")]


def test_another_exception_raised_while_one_is_handled_is_recorded_as_well(recording):
    with pytest.raises(RuntimeError, match="second"), recording.run() as r:  # noqa: PT012 - the block is the test
        try:
            with r.step("one"):
                fail(ValueError("first"))
        except ValueError:
            raise RuntimeError("second") from None
    assert recording.errors == [("RUN people", None, "second"), ("one", None, "first")]


def test_an_item_error_that_is_raised_after_all_is_recorded_once(recording):
    def submit(step):
        error = ValueError("refused")
        step.item_error(error, "ABCD12X")
        raise error

    with pytest.raises(ValueError, match="refused"), recording.run() as r, r.step("submit") as step:
        submit(step)
    assert recording.errors == [("submit", "ABCD12X", "refused")]


def test_an_exception_of_a_nested_run_is_recorded_once_in_each_run(recording):
    with (
        pytest.raises(ValueError, match="boom"),
        recording.run("all") as r,
        r.step("discipline"),
        recording.run("discipline") as n,
        n.step("sync"),
    ):
        raise ValueError("boom")
    assert recording.errors == [("discipline", None, "boom"), ("sync", None, "boom")]


def test_the_stack_of_an_exception_is_kept(recording):
    def innermost():
        raise ValueError("boom")

    with contextlib.suppress(ValueError), recording.run() as r, r.step("download"):
        innermost()
    (error,) = recording.records[1].errors
    assert error.error_type == "ValueError"
    assert error.stack.startswith("Traceback (most recent call last):\n")
    assert "in innermost" in error.stack
    assert error.stack.endswith("ValueError: boom\n")


def test_a_step_left_by_a_generator_that_is_closed_is_cancelled(recording):
    def items(r):
        with r.step("download"):
            yield 1
            yield 2

    with recording.run() as r:
        generator = items(r)
        next(generator)
        generator.close()
    assert recording.outcomes == ["partial", "failure"]
    assert recording.records[1].span.end_reason == "cancelled"


def test_a_block_that_is_closed_inside_another_leaves_that_one_and_no_trace(recording):
    def items(r):
        with r.step("download"):
            yield

    tracer = recording.provider.get_tracer("httpx")
    before = context.get_current()
    with recording.run() as r:
        generator = items(r)
        next(generator)
        with r.step("submit"):
            generator.close()
        with tracer.start_as_current_span("GET"):
            pass
    assert context.get_current() is before
    by_name = {span.name: span for span in recording.spans}
    assert by_name["GET"].parent.span_id == by_name["RUN people"].context.span_id


def test_a_run_that_is_closed_inside_another_leaves_no_trace(recording):
    def runs():
        with recording.run("old"):
            yield

    before = context.get_current()
    generator = runs()
    next(generator)
    with recording.run("new"):
        generator.close()
    assert context.get_current() is before


def test_a_block_that_is_closed_in_another_context_leaves_that_one_alone(recording, caplog):
    def items(r):
        with r.step("download"):
            yield

    with recording.run() as r:
        inside = context.get_current()
        generators = [items(r), items(r)]
        contextvars.copy_context().run(next, generators[0])
        generators[0].close()
        assert context.get_current() is inside
        next(generators[1])
        contextvars.copy_context().run(generators[1].close)
    assert (recording.outcomes, caplog.messages) == (["partial", "failure", "failure"], [])


def test_an_abandoned_async_generator_leaves_no_trace(recording, caplog):
    async def items(r):
        with r.step("download"):
            yield 1
            yield 2

    async def pipeline():
        before = context.get_current()
        with recording.run() as r:
            async for _ in items(r):
                break
            gc.collect()
            for _ in range(5):  # the loop closes it in a task of its own
                await asyncio.sleep(0)
        assert context.get_current() is before

    asyncio.run(pipeline())
    assert (recording.outcomes, caplog.messages) == (["partial", "failure"], [])


def test_a_block_ends_well_inside_a_handler_of_an_interrupt(recording):
    with recording.run() as r:
        try:
            fail(KeyboardInterrupt)
        except KeyboardInterrupt:
            with r.step("clean-up"):
                pass
    assert recording.outcomes == ["success", "success"]


# ---------------------------------------------------------------------------------------------- counts, items, facts


def test_a_result_is_recorded_and_given_back(recording):
    result = Result(1, 2, 3, 2, [ItemError("A", "refused", "stack"), ValueError("no address"), "plain words"])
    with recording.run() as r, r.step("submit") as step:
        assert step.record(result) is result
    assert recording.counts == (1, 2, 3, 3)
    assert recording.errors == [("submit", "A", "refused"), ("submit", None, "no address"), ("submit", None, "plain words")]
    assert recording.outcomes == ["partial", "partial"]


def test_a_result_with_more_failures_than_errors_keeps_their_number(recording):
    with recording.run() as r, r.step("submit") as step:
        step.record(Result(failed=5, errors=[ItemError("A", "refused")]))
    assert recording.counts == (0, 0, 0, 5)


@pytest.mark.parametrize(("errors", "failed"), [(3, 3), (3.0, 3), (0, 0), (None, 0), (-1, 0), ((), 0), (True, 1)])
def test_errors_may_be_a_number(recording, errors, failed):
    with recording.run() as r, r.step("submit") as step:
        step.record(Result(errors=errors))
    assert recording.counts == (0, 0, 0, failed)
    assert recording.errors == ([("submit", None, f"Step reported {failed} error(s)")] if failed else [])


def test_errors_may_be_a_generator_that_fails_in_the_middle(lenient, caplog):
    def errors():
        yield ItemError("A", "refused")
        raise RuntimeError("no more")

    with lenient.run() as r, r.step("submit") as step:
        step.record(Result(created=2, errors=errors()))
    assert lenient.counts == (2, 0, 0, 1)
    assert lenient.errors == [("submit", "A", "refused")]
    assert caplog.messages == ["tracking failed, the pipeline goes on: RuntimeError: no more"]


def test_a_result_of_any_kind_is_taken(recording):
    class Hostile:
        created = "many"
        updated = 2**70
        errors = 1

        @property
        def skipped(self):
            raise RuntimeError("not counted")

    with recording.run() as r, r.step("submit") as step:
        for result in (None, 7, "text", {"created": 1}, Hostile()):
            assert step.record(result) is result
    assert recording.counts == (0, 2**53 - 1, 0, 1)


def test_counts_add_up(recording):
    with recording.run() as r, r.step("submit") as step:
        step.count(created=1, updated=2)
        step.count(created=10, skipped=3, failed=1)
        step.item_error(ItemError("A", "refused"))
        step.record(Result(created=100))
    assert recording.counts == (111, 2, 3, 2)


def test_a_count_never_goes_down_nor_beyond_what_sums_up_safely(recording):
    with recording.run() as r, r.step("submit") as step:
        step.count(created=5, updated=2**70, skipped=float("nan"), failed="x")
        step.count(created=-3, updated=1)
    assert recording.counts == (5, 2**53 - 1, 0, 0)


def test_counts_from_many_threads_all_count(recording):
    with recording.run() as r, r.step("submit") as step, ThreadPoolExecutor(8) as pool:
        for _ in range(500):
            pool.submit(step.count, created=1)
    assert recording.counts == (500, 0, 0, 0)


def test_an_item_error_is_known_by_the_id_given_last(recording):
    with recording.run() as r, r.step("submit") as step:
        step.item_error(ItemError("A", "refused"))
        step.item_error(ItemError("A", "refused"), "B")
        step.item_error(ItemError(None, "refused"))
        step.item_error(ValueError("refused"), 7)
    assert [item_id for _, item_id, _ in recording.errors] == ["A", "B", None, "7"]


def test_hostile_item_errors_are_kept_in_a_clean_form(recording):
    with recording.run() as r, r.step("submit") as step:
        step.item_error(ItemError("\ud800", Unprintable(SystemExit(1)), 7))
        step.item_error(Unprintable(RuntimeError("no")), Unprintable(RuntimeError("no")))
        step.item_error(ItemError("A", "x" * 10_000_000))
    assert recording.errors == [
        ("submit", "\ufffd", "<Unprintable that cannot be shown>"),
        ("submit", "<Unprintable that cannot be shown>", "<Unprintable that cannot be shown>"),
        ("submit", "A", "x" * 1_977 + "… [10000000 characters]"),
    ]


def test_ten_thousand_item_errors_are_kept_and_the_others_counted_in_one_row(recording):
    with recording.run() as r, r.step("submit") as step:
        step.record(Result(errors=(ItemError(str(number), "refused") for number in range(10_002))))
    assert instrument.KEPT_ITEM_ERRORS == 10_000
    assert recording.counts == (0, 0, 0, 10_002)
    assert recording.errors == [
        *(("submit", str(number), "refused") for number in range(10_000)),
        ("submit", None, "2 more item errors were counted, but not kept"),
    ]
    assert [(drop.reason, drop.dropped) for drop in recording.records[1].drops] == [(mapping.ITEM_LIMIT, 2)]


def test_a_step_that_has_nothing_to_do_is_skipped_and_says_why(recording):
    with recording.run() as r, r.step("reverse-sync") as step:
        step.skip("nothing pending")
    assert recording.outcomes == ["success", "skipped"]
    assert recording.records[1].span.skip_reason == "nothing pending"
    assert recording.spans[1].attributes[semconv.STEP_RESULT] == "skip"


def test_details_of_a_step_are_merged(recording):
    with recording.run() as r, r.step("download") as step:
        step.detail({"pages": 3, "members": 1})
        step.detail({"members": 1_069})
        step.detail({None: float("nan")})
    assert json.loads(recording.records[1].span.detail) == {"pages": 3, "members": 1_069, "None": "nan"}


def test_the_last_summary_of_a_run_is_kept(recording):
    with recording.run() as r:
        r.summarize({"total": 1})
        r.summarize(Result(created=2))
    assert json.loads(recording.records[0].span.summary) == {
        "created": 2,
        "updated": 0,
        "skipped": 0,
        "failed": 0,
        "errors": [],
    }


def test_a_run_tells_its_outcome_once_it_is_left(recording):
    with recording.run() as r:
        assert r.outcome is Outcome.RUNNING
    assert r.outcome is Outcome.SUCCESS


# ---------------------------------------------------------------------------------------------- results that grow


@dataclasses.dataclass(frozen=True)
class Frozen:
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: tuple[ItemError, ...] = ()


def test_a_result_that_is_recorded_before_the_work_is_counted_while_it_grows_and_at_the_end(recording):
    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result(errors=[]))
        seen = []
        for number in range(3):
            result.created += 2
            result.errors.append(ItemError(str(number), "refused"))
            instrument.look()
            seen.append((step._span.attributes[semconv.CREATED], len(step._span.events)))
        result.skipped, result.failed = 7, 5
    assert seen == [(2, 1), (4, 2), (6, 3)]
    assert recording.counts == (6, 0, 7, 5)
    assert recording.errors == [("submit", str(number), "refused") for number in range(3)]


def test_what_a_result_says_counts_although_its_step_raises_midway(recording):
    with contextlib.suppress(ValueError), recording.run() as r, r.step("submit") as step:
        result = step.record(Result(errors=[]))
        result.updated = 4
        result.errors.append(ItemError("A", "refused"))
        raise ValueError("boom")
    assert recording.counts == (0, 4, 0, 1)
    assert recording.errors == [("submit", "A", "refused"), ("submit", None, "boom")]
    assert recording.outcomes == ["failure", "failure"]


def test_items_that_fail_after_a_result_was_recorded_make_the_step_partial(recording):
    with recording.run() as r, r.step("submit") as step:
        step.record(Result()).errors = (ItemError("A", "refused"),)
    assert recording.outcomes == ["partial", "partial"]


def test_a_result_that_is_recorded_twice_is_followed_once_and_equal_ones_are_counted_apart(recording):
    with recording.run() as r, r.step("submit") as step:
        result = Frozen(created=1, errors=(ItemError("A", "refused"),))
        for recorded in (result, result, Frozen(created=1)):
            step.record(recorded)
    assert recording.counts == (2, 0, 0, 1)
    assert recording.errors == [("submit", "A", "refused")]


def test_a_result_may_be_recorded_in_two_steps(recording):
    result = Result(created=1)
    with recording.run() as r:
        for name in ("download", "submit"):
            with r.step(name) as step:
                step.record(result)
            result.created = 5  # between the steps it is nobody's
    assert [records.span.created for records in recording.records[1:]] == [1, 5]


def test_a_result_that_is_recorded_again_when_it_is_complete_adds_what_is_new(recording):
    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result(created=1))
        result.created = 3
        step.record(result)
    assert recording.counts == (3, 0, 0, 0)


def test_counts_of_a_result_that_go_down_count_again_from_where_they_were_highest(recording):
    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result(created=5, errors=[ItemError("A", "refused"), ItemError("B", "refused")]))
        result.created, result.errors = 2, []
        instrument.look()
        result.created, result.errors = 6, [*"ab", ItemError("C", "refused")]
    assert recording.counts == (6, 0, 0, 3)
    assert [item_id for _, item_id, _ in recording.errors] == ["A", "B", "C"]


def test_errors_that_are_a_growing_number_become_one_row_at_the_end(recording):
    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result(errors=1))
        result.errors = 2
        instrument.look()
        assert step._span.attributes[semconv.FAILED] == 2
        result.errors = 4
    assert recording.counts == (0, 0, 0, 4)
    assert recording.errors == [("submit", None, "Step reported 4 error(s)")]


def test_errors_that_can_be_read_once_only_are_read_when_they_are_recorded(recording):
    class Result:
        @property
        def errors(self):
            return (ItemError("A", "refused") for _ in range(2))

    with recording.run() as r, r.step("submit") as step:
        step.record(Result())
        instrument.look()
    assert recording.counts == (0, 0, 0, 2)
    assert len(recording.errors) == 2


def test_more_errors_than_are_kept_are_not_even_formatted(recording):
    class Costly(Exception):  # noqa: N818 - any class may be raised
        shown = 0

        def __str__(self):
            Costly.shown += 1
            return "refused"

    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result(errors=[ItemError("A", "refused")] * 9_999))
        result.errors += [Costly(), Costly()]
        instrument.look()
        shown = Costly.shown
        result.errors += [Costly()] * 5
    assert shown == Costly.shown > 0
    assert recording.counts == (0, 0, 0, 10_006)
    assert [(drop.reason, drop.dropped) for drop in recording.records[1].drops] == [(mapping.ITEM_LIMIT, 6)]


def test_a_result_that_grows_in_threads_while_others_look_is_counted_exactly(recording):
    with recording.run() as r, r.step("submit") as step, ThreadPoolExecutor(8) as pool:
        result = step.record(Result(created=0, errors=[]))

        def fail_items(worker):
            for number in range(200):
                result.errors.append(ItemError(f"{worker}-{number}", "refused"))
                step.count(updated=1)

        for worker in range(4):
            pool.submit(fail_items, worker)
            pool.submit(lambda: [instrument.look() for _ in range(50)])
    assert recording.counts == (0, 800, 0, 800)
    assert len({item_id for _, item_id, _ in recording.errors}) == len(recording.errors) == 800


@pytest.fixture
def waiting():
    """A result whose reader in the thread given waits for the pipeline, which reads it too."""

    class Waiting:
        created = 1
        thread = None
        is_read, may_go_on = threading.Event(), threading.Event()

        @property
        def errors(self):
            errors = [ItemError(str(number), "refused") for number in range(self.created)]
            if threading.current_thread() is self.thread:
                self.is_read.set()
                assert self.may_go_on.wait(20)
            return errors

        def look(self):
            self.thread = threading.Thread(target=instrument.look)
            self.thread.start()
            assert self.is_read.wait(20)

        def go_on(self):
            self.may_go_on.set()
            self.thread.join()

    return Waiting()


def test_a_look_that_waits_for_the_pipeline_holds_up_nothing_and_adds_nothing_twice(recording, waiting):
    with recording.run() as r, r.step("submit") as step:
        step.record(waiting)
        waiting.created = 3
        waiting.look()
        waiting.created = 5
        step.count(updated=1)
        instrument.look()
        waiting.go_on()
    assert recording.counts == (5, 1, 0, 5)
    assert [item_id for _, item_id, _ in recording.errors] == list("01234")


def test_a_look_that_is_late_adds_nothing_to_a_step_that_has_ended(recording, waiting, caplog):
    with recording.run() as r, r.step("submit") as step:
        step.record(waiting)
        waiting.look()
    waiting.created = 3
    waiting.go_on()
    assert recording.counts == (1, 0, 0, 1)
    assert caplog.messages == []  # the SDK has a word for whoever writes to a span that has ended


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit(1)], ids=["an exception", "an exit"])
def test_a_result_that_cannot_be_read_harms_neither_the_pipeline_nor_the_others(lenient, error):
    class Broken(list):
        def __getitem__(self, index):
            raise RuntimeError("no")

    class Failing:
        @property
        def created(self):
            raise error

    with lenient.run() as r, r.step("submit") as step:
        step.record(Failing())
        step.record(Result(created=1, errors=Broken("ab")))
        growing = step.record(Result())
        instrument.look()
        growing.created = 2
        instrument.look()
        assert step._span.attributes[semconv.CREATED] == 2
    assert lenient.outcomes == ["success", "success"]


def test_a_step_that_has_ended_or_was_abandoned_keeps_no_result_alive(recording):
    def abandoned(result):
        with recording.run() as r, r.step("x") as step:
            step.record(result)
            yield

    results = [Result(), Result()]
    alive = [weakref.ref(result) for result in results]
    with recording.run() as r, r.step("submit") as step:
        step.record(results[0])
    generator = abandoned(results[1])
    contextvars.copy_context().run(next, generator)
    del results, generator
    gc.collect()
    assert [result() for result in alive] == [None, None]
    assert instrument._following == set()


def test_a_step_that_is_never_left_keeps_no_result_alive(recording):
    result = Result()
    alive = weakref.ref(result)
    recording.run().step("x").record(result)
    del result
    gc.collect()
    assert alive() is None
    instrument.look()
    assert instrument._following == set()


def test_no_code_of_ours_runs_where_a_step_is_collected_and_python_would_throw_ctrl_c_away(recording, monkeypatch):
    def strike(_frame, event, _argument):
        if event == "call":
            signal.raise_signal(signal.SIGINT)

    thrown_away = []
    monkeypatch.setattr(sys, "unraisablehook", thrown_away.append)
    with recording.run() as r, r.step("submit") as step:
        step.record(Result())
    collected = weakref.ref(step)
    sys.setprofile(strike)
    del step
    sys.setprofile(None)
    assert collected() is None
    assert thrown_away == []


def test_a_forked_child_does_not_follow_the_results_of_its_parent(recording, in_child):
    with recording.run() as r, r.step("submit") as step:
        result = step.record(Result())

        def look():
            result.created = 5
            instrument.look()
            return semconv.CREATED in step._span.attributes

        assert in_child(look) == "False"
    assert recording.counts == (0, 0, 0, 0)


# ---------------------------------------------------------------------------------------------- which run a step belongs to


def assert_one_family(recording, *names):
    whole, *steps = recording.spans
    run_id = whole.attributes[semconv.RUN_ID]
    assert sorted(step.name for step in steps) == sorted(names)
    assert {step.attributes[semconv.RUN_ID] for step in steps} == {run_id}
    assert {(step.parent.trace_id, step.parent.span_id) for step in steps} == {(whole.context.trace_id, whole.context.span_id)}


def test_what_identifies_a_span_is_there_from_its_start(recording):
    seen = []

    class Looking(SpanProcessor):
        def on_start(self, span, **_):
            seen.append((span.name, span.kind, set(span.attributes)))

    recording.provider.add_span_processor(Looking())
    with recording.run() as r, r.step("download"):
        pass
    assert seen == [
        ("RUN people", trace.SpanKind.SERVER, {semconv.PIPELINE_NAME, semconv.RUN_ID, semconv.RUN_STATE}),
        (
            "download",
            trace.SpanKind.INTERNAL,
            {semconv.PIPELINE_NAME, semconv.RUN_ID, semconv.STEP_NAME, semconv.STEP_ID},
        ),
    ]


def test_steps_in_threads_belong_to_their_run(recording):
    def work(r, name):
        with r.step(name):
            pass

    with recording.run() as r:
        threads = [threading.Thread(target=work, args=(r, name)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, itertools.repeat(r), ("three", "four", "five")))
    assert_one_family(recording, "one", "two", "three", "four", "five")


def test_a_failure_in_a_worker_that_is_raised_again_by_its_future_is_recorded_once(recording):
    def work(r):
        with r.step("one"):
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"), recording.run() as r, ThreadPoolExecutor() as pool:
        pool.submit(work, r).result()
    assert recording.errors == [("one", None, "boom")]


def test_steps_in_tasks_belong_to_their_run_and_a_cancelled_one_says_so(recording):
    async def work(r, name, *, started):
        with r.step(name):
            started.set()
            await asyncio.Event().wait()

    async def quick(r, name):
        with r.step(name):
            await asyncio.sleep(0)

    async def pipeline():
        with recording.run() as r:
            started = asyncio.Event()
            task = asyncio.create_task(work(r, "endless", started=started))
            await asyncio.gather(
                quick(r, "one"),
                quick(r, "two"),
                asyncio.to_thread(lambda: r.step("three").__enter__().__exit__(None, None, None)),
            )
            await started.wait()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(pipeline())
    assert_one_family(recording, "endless", "one", "two", "three")
    ended = {
        span.name: (records.span.outcome, records.span.end_reason)
        for span, records in zip(recording.spans, recording.records, strict=True)
    }
    assert ended["endless"] == ("failure", "cancelled")
    assert ended["RUN people"] == ("partial", "ok")


def test_a_run_in_a_cancelled_task_is_never_a_success(recording):
    async def pipeline():
        with recording.run() as r, r.step("download"):
            await asyncio.Event().wait()

    async def main():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pipeline(), 0.01)

    asyncio.run(main())
    assert recording.outcomes == ["failure", "failure"]
    assert recording.records[0].span.end_reason == "cancelled"


def test_runs_side_by_side_in_tasks_keep_to_themselves(recording):
    async def pipeline(name):
        with recording.run(name) as r:
            for step in ("one", "two"):
                with r.step(f"{name}-{step}"):
                    await asyncio.sleep(0)

    async def main():
        await asyncio.gather(pipeline("people"), pipeline("teams"))

    asyncio.run(main())
    names = {
        span.attributes[semconv.RUN_ID]: span.attributes[semconv.PIPELINE_NAME] for span in recording.spans if span.parent is None
    }
    assert sorted(names.values()) == ["people", "teams"]
    for span in recording.spans:
        assert span.name.removeprefix("RUN ").startswith(names[span.attributes[semconv.RUN_ID]])
        assert semconv.PARENT_RUN_ID not in span.attributes


def test_a_run_inside_a_step_names_the_run_that_started_it(recording):
    with recording.run("all") as r, r.step("discipline"), recording.run("discipline") as nested, nested.step("sync"):
        pass
    whole, step, inner, inner_step = recording.spans
    assert inner.attributes[semconv.PARENT_RUN_ID] == whole.attributes[semconv.RUN_ID]
    assert inner.parent.span_id == step.context.span_id
    assert inner_step.attributes[semconv.RUN_ID] == inner.attributes[semconv.RUN_ID] != whole.attributes[semconv.RUN_ID]
    assert inner_step.parent.span_id == inner.context.span_id


def test_blocks_leave_no_trace_in_the_context(recording):
    before = context.get_current()
    with contextlib.suppress(ValueError), recording.run() as r, r.step("one"):
        raise ValueError("boom")
    assert context.get_current() is before


def test_spans_of_others_are_children_of_the_step_that_is_open(recording):
    tracer = recording.provider.get_tracer("httpx")
    with recording.run() as r, r.step("download"), tracer.start_as_current_span("GET"):
        pass
    _, step, request = recording.spans
    assert request.parent.span_id == step.context.span_id


def test_a_trace_context_in_the_environment_becomes_the_parent(recording, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", f"00-{'1' * 32}-{'2' * 16}-01")
    with recording.run():
        pass
    (whole,) = recording.spans
    assert (whole.context.trace_id, whole.parent.span_id, whole.parent.is_remote) == (int("1" * 32, 16), int("2" * 16, 16), True)


@pytest.mark.parametrize("value", ["", "garbage", f"00-{'0' * 32}-{'2' * 16}-01", "00-" + "1" * 10_000])
def test_a_senseless_trace_context_in_the_environment_is_ignored(recording, monkeypatch, value):
    monkeypatch.setenv("TRACEPARENT", value)
    with recording.run():
        pass
    assert recording.spans[0].parent is None


def test_a_span_that_is_open_wins_over_the_environment(recording, monkeypatch):
    monkeypatch.setenv("TRACEPARENT", f"00-{'1' * 32}-{'2' * 16}-01")
    with recording.provider.get_tracer("cron").start_as_current_span("job") as job, recording.run():
        pass
    assert recording.spans[1].parent.span_id == job.get_span_context().span_id


# ---------------------------------------------------------------------------------------------- harm


@pytest.mark.parametrize("provider", [trace.NoOpTracerProvider(), trace.ProxyTracerProvider()], ids=["no-op", "proxy"])
def test_without_an_sdk_everything_works_and_nothing_is_recorded(monkeypatch, provider):
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "1")
    before = context.get_current()
    result = Result(errors=[ItemError("A", "refused")])
    with run("people", tracer_provider=provider) as r:
        with r.step("one") as step:
            assert step.record(result) is result
            step.count(created=1)
            step.item_error(ValueError("x"))
            step.skip("nothing")
            step.detail({"a": 1})
        with contextlib.suppress(ValueError), r.step("two"):
            raise ValueError("boom")
        r.summarize({"a": 1})
    assert r.outcome is Outcome.PARTIAL
    assert context.get_current() is before


class Failing(SpanProcessor):
    def __init__(self, *, at):
        self.at = at

    def on_start(self, *_, **__):
        if self.at == "start":
            raise RuntimeError("boom on_start")

    def on_end(self, *_):
        if self.at == "end":
            raise RuntimeError("boom on_end")


def foreign_provider():
    return TracerProvider(shutdown_on_exit=False)


providers = pytest.mark.parametrize("make_provider", [unlimited_provider, foreign_provider], ids=["ours", "foreign"])


@providers
@pytest.mark.parametrize("at", ["start", "end"])
def test_a_processor_that_fails_does_not_reach_the_pipeline_and_is_logged_once(caplog, make_provider, at):
    provider = make_provider()
    provider.add_span_processor(Failing(at=at))
    error = ValueError("the pipeline's own")
    with pytest.raises(ValueError, match="own") as raised, run("people", tracer_provider=provider) as r:  # noqa: PT012 - the block is the test
        for name in ("one", "two"):
            with r.step(name) as step:
                step.count(created=1)
        raise error
    assert raised.value is error
    assert error.__context__ is None
    assert caplog.record_tuples == [
        ("otel_sqlite.instrument", logging.WARNING, f"tracking failed, the pipeline goes on: RuntimeError: boom on_{at}")
    ]


@pytest.mark.parametrize("at", ["start", "end"])
def test_a_processor_that_fails_does_not_keep_our_provider_from_the_others(at):
    recording = Recording()
    recording.provider = unlimited_provider()
    for processor in (Failing(at=at), SimpleSpanProcessor(recording.exporter)):
        recording.provider.add_span_processor(processor)
    with recording.run() as r, r.step("one"):
        pass
    assert recording.outcomes == ["success", "success"]


@providers
@pytest.mark.parametrize("at", ["start", "end"])
def test_in_strict_mode_a_processor_that_fails_fails_the_test(monkeypatch, make_provider, at):
    monkeypatch.setenv("OTEL_SQLITE_STRICT", "1")
    provider = make_provider()
    provider.add_span_processor(Failing(at=at))
    with pytest.raises(RuntimeError, match=f"boom on_{at}"), run("people", tracer_provider=provider):
        pass


def test_a_span_ends_even_where_the_sdk_refuses_how(lenient, monkeypatch):
    with lenient.run() as r:
        monkeypatch.setattr(r._span, "set_attributes", lambda _: 1 / 0)
    assert [span.end_time is not None for span in lenient.spans] == [True]


def test_names_of_any_kind_are_taken(recording):
    with run(Unprintable(SystemExit(1)), tracer_provider=recording.provider) as r:
        for name in (None, "\ud800\0", "x" * 1_000_000, 7):
            with r.step(name):
                pass
    assert [records.span.name for records in recording.records[1:]] == [
        "None",
        "\ufffd\ufffd",
        "x" * 478 + "… [1000000 characters]",
        "7",
    ]
    assert recording.records[0].span.pipeline == "<Unprintable that cannot be shown>"


def test_a_signal_handler_may_count_in_the_middle_of_a_count(recording):
    with recording.run() as r, r.step("one") as step, instrument._counting:  # where the handler comes in
        step.count(created=1)
        step.item_error(ItemError("A", "refused"))
    assert recording.counts == (1, 0, 0, 1)
